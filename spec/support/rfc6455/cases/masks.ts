/** Masks, which every frame of a client must have (RFC 6455, section 5.3). */
import { frame } from '../../frame-peer.ts';
import {
  aloneAndBehind,
  ascii,
  BINARY,
  type CaseGroup,
  CLOSE,
  cutAtEachByte,
  FIRST,
  LAST,
  NEXT,
  nonUtf8,
  PING,
  PONG,
  TEXT,
  text,
} from '../frame-case.ts';

const MASKS = [
  '00000000',
  'ffffffff',
  'ff000000',
  '00ff0000',
  '0000ff00',
  '000000ff',
  '01020408',
  '80808080',
  '7f7f7f7f',
  '00000001',
].map((hex) => Buffer.from(hex, 'hex'));

const LENGTHS_TO_MASK = [0, 1, 2, 3, 4, 5, 7, 8, 9, 125, 255, 256, 257, 258, 259, 260, 1000];

export const MASKING: readonly CaseGroup[] = [
  {
    title: 'a frame without a mask closes with 1002',
    cases: [
      [TEXT, 'text'],
      [BINARY, 'binary'],
      [PING, 'ping'],
      [PONG, 'pong'],
      [FIRST, 'first fragment'],
    ]
      .flatMap(([first, name]) =>
        [0, 1, 125, 126, 65_536]
          .filter((size) => size < 126 || first === TEXT || first === BINARY)
          .flatMap((size) =>
            aloneAndBehind(`${name} of ${size} bytes`, frame(Number(first), ascii(size), { mask: undefined }), 1002),
          ),
      )
      .concat(
        aloneAndBehind('empty close', frame(CLOSE, '', { mask: undefined }), 1002),
        aloneAndBehind('close', frame(CLOSE, Buffer.from('03e8', 'hex'), { mask: undefined }), 1002),
        [
          {
            name: 'last fragment',
            segments: [frame(FIRST, 'a'), frame(LAST, 'b', { mask: undefined })],
            outcome: 1002,
          },
          {
            name: 'fragment between',
            segments: [Buffer.concat([frame(FIRST, 'a'), frame(NEXT, 'b', { mask: undefined }), frame(LAST, 'c')])],
            outcome: 1002,
          },
          ...cutAtEachByte({ name: 'text', segments: [frame(TEXT, 'abc', { mask: undefined })], outcome: 1002 }),
        ],
      ),
  },
  {
    title: 'a text is answered with any mask',
    cases: MASKS.flatMap((mask) =>
      LENGTHS_TO_MASK.map((length) => ({
        name: `mask ${mask.toString('hex')}, ${length} bytes`,
        segments: [text(ascii(length), { mask })],
      })),
    ),
  },
  {
    title: 'texts are answered at any alignment of their payloads in memory',
    cases: MASKS.flatMap((mask) =>
      [0, 1, 2, 3].map((offset) => ({
        name: `mask ${mask.toString('hex')}, ${offset} bytes before`,
        segments: [
          Buffer.concat([text(ascii(offset)), ...LENGTHS_TO_MASK.map((length) => text(ascii(length), { mask }))]),
        ],
      })),
    ),
  },
  {
    title: 'pings are answered with any mask',
    cases: MASKS.flatMap((mask) =>
      [0, 1, 3, 4, 125].map((length) => ({
        name: `mask ${mask.toString('hex')}, ${length} bytes`,
        segments: [frame(PING, nonUtf8(length), { mask })],
      })),
    ),
  },
  {
    title: 'the reason of a close comes back with any mask',
    cases: MASKS.map((mask) => ({
      name: `mask ${mask.toString('hex')}`,
      segments: [frame(CLOSE, Buffer.concat([Buffer.from('0bb9', 'hex'), Buffer.from('bye é')]), { mask })],
      outcome: 3001,
    })),
  },
];
