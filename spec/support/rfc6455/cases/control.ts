/** Pings and pongs (RFC 6455, sections 5.5.2 and 5.5.3), reserved bits and unknown opcodes (5.2). */
import { frame } from '../../frame-peer.ts';
import { textOnly } from '../differences.ts';
import {
  aloneAndBehind,
  ascii,
  BINARY,
  type CaseGroup,
  CLOSE,
  close,
  cutAtEachByte,
  FIRST,
  type FrameCase,
  LAST,
  NEXT,
  PING,
  PONG,
  TEXT,
  text,
  together,
  wholeAndBytewise,
} from '../frame-case.ts';

/** Bytes that are not UTF-8. */
const BYTES = Buffer.from('00ff80fec0aff48fbfbf0d0a', 'hex');

const ping = (payload: string | Buffer = '') => frame(PING, payload);
const pong = (payload: string | Buffer = '') => frame(PONG, payload);
const numbered = (count: number) => Array.from({ length: count }, (_, i) => ping(`ping ${i}`));

export const PINGS: readonly CaseGroup[] = [
  {
    title: 'a ping is answered with the same payload',
    cases: [
      ...[0, 1, 2, 124, 125].flatMap((size) =>
        wholeAndBytewise({ name: `${size} bytes`, segments: [ping(ascii(size))] }),
      ),
      ...wholeAndBytewise({ name: 'no text', segments: [ping(BYTES)] }),
      ...wholeAndBytewise({ name: '125 bytes of 0xff', segments: [ping(Buffer.alloc(125, 0xff))] }),
      ...cutAtEachByte({ name: 'a short one', segments: [ping('abc')] }),
      ...cutAtEachByte({ name: 'a long one', segments: [ping(ascii(125))] }),
    ],
  },
  {
    title: 'a ping or pong of more than 125 bytes closes with 1002',
    cases: [126, 127, 128, 65_535, 65_536].flatMap((size) =>
      [PING, PONG].flatMap((first) => [
        ...aloneAndBehind(`${first.toString(16)} of ${size} bytes`, frame(first, ascii(size)), 1002),
        {
          name: `${first.toString(16)} of ${size} bytes, header alone`,
          segments: [frame(first, ascii(size)).subarray(0, 2)],
          outcome: 1002,
        },
      ]),
    ),
  },
  {
    title: 'each of many pings is answered, in order',
    cases: [
      { name: '10 at once', segments: together(...numbered(10)) },
      { name: '10 one by one', segments: numbered(10) },
      ...wholeAndBytewise({ name: '3', segments: numbered(3) }),
      { name: '60 at once', segments: together(...numbered(60)) },
      { name: '200 one by one', segments: numbered(200) },
    ],
  },
  {
    title: 'more than 60 pings at once cut the connection',
    cases: [
      { name: '61', segments: together(...numbered(61)), outcome: 'cut' },
      { name: '200', segments: together(...numbered(200)), outcome: 'cut' },
    ],
  },
  {
    title: 'a pong that was not asked for is not answered',
    cases: [
      ...[0, 1, 125].flatMap((size) => wholeAndBytewise({ name: `${size} bytes`, segments: [pong(ascii(size))] })),
      { name: 'no text', segments: [pong(BYTES)] },
      ...cutAtEachByte({ name: 'cut', segments: [pong('abc')] }),
      { name: '10 at once', segments: together(...Array.from({ length: 10 }, () => pong('a'))) },
      { name: '100 at once', segments: together(...Array.from({ length: 100 }, () => pong('a'))) },
      { name: 'and a ping', segments: [pong('a'), ping('b')] },
      { name: 'and a ping, at once', segments: together(pong('a'), ping('b')) },
      { name: 'between pings, at once', segments: together(ping('a'), pong('b'), ping('c')) },
      { name: 'and a text, at once', segments: together(pong('a'), text('b')) },
      { name: 'behind a text, at once', segments: together(text('a'), pong('b'), text('c')) },
    ],
  },
  {
    title: 'pings and texts are both answered',
    cases: [
      { name: 'ping and text', segments: [ping('a'), text('b')] },
      { name: 'ping and text, at once', segments: together(ping('a'), text('b')) },
      { name: 'text and ping', segments: [text('a'), ping('b')] },
      { name: 'text and ping, at once', segments: together(text('a'), ping('b')), anyControlOrder: true },
      { name: 'text, ping, text, at once', segments: together(text('a'), ping('b'), text('c')), anyControlOrder: true },
      { name: 'ping, text, ping, at once', segments: together(ping('a'), text('b'), ping('c')), anyControlOrder: true },
      ...cutAtEachByte({ name: 'ping and text', segments: [ping('ab'), text('cd')] }),
      {
        name: 'text, ping and binary, at once',
        segments: together(text('a'), ping('b'), frame(BINARY, 'c')),
        differs: [textOnly],
        anyControlOrder: true,
      },
      { name: 'text, ping and close', segments: [text('a'), ping('b'), close(1000)], outcome: 1000 },
      {
        name: 'text, ping and close, at once',
        segments: together(text('a'), ping('b'), close(1000)),
        outcome: 1000,
        anyControlOrder: true,
      },
      {
        name: 'text, ping and bad frame, at once',
        segments: together(text('a'), ping('b'), frame(0x83, '')),
        outcome: 1002,
        anyControlOrder: true,
      },
      { name: 'ping and close, at once', segments: together(ping('a'), close(1000)), outcome: 1000 },
      { name: 'ping and bad frame, at once', segments: together(ping('a'), frame(0x83, '')), outcome: 1002 },
      { name: 'pong and bad frame, at once', segments: together(pong('a'), frame(0x83, '')), outcome: 1002 },
    ],
  },
  {
    title: 'a control frame that is not whole closes with 1002',
    cases: [0x09, 0x0a, 0x08].flatMap((first) => [
      ...aloneAndBehind(`${first}, empty`, frame(first, ''), 1002),
      ...aloneAndBehind(`${first}, 2 bytes`, frame(first, Buffer.from('03e8', 'hex')), 1002),
      {
        name: `${first}, the other half behind`,
        segments: [frame(first, 'a'), frame(LAST, 'b')],
        outcome: 1002,
      },
      {
        name: `${first}, between fragments`,
        segments: [frame(FIRST, 'a'), frame(first, ''), frame(LAST, 'b')],
        outcome: 1002,
      },
    ]),
  },
];

/** Frames that are valid until a case sets a reserved bit. */
const PROPER: readonly [name: string, first: number, payload: Buffer][] = [
  ['text', TEXT, Buffer.from('abc')],
  ['empty text', TEXT, Buffer.alloc(0)],
  ['long text', TEXT, Buffer.from(ascii(300))],
  ['binary', BINARY, Buffer.from('abc')],
  ['first fragment', FIRST, Buffer.from('abc')],
  ['ping', PING, Buffer.from('abc')],
  ['pong', PONG, Buffer.from('abc')],
  ['close', CLOSE, Buffer.from('03e8', 'hex')],
  ['empty close', CLOSE, Buffer.alloc(0)],
];

const RESERVED = [1, 2, 3, 4, 5, 6, 7].map((bits) => bits << 4);

const inHex = (byte: number) => byte.toString(16).padStart(2, '0');

export const RESERVED_BITS: readonly CaseGroup[] = [
  {
    title: 'a reserved bit in any frame closes with 1002',
    cases: RESERVED.flatMap((bits) =>
      PROPER.flatMap(([name, first, payload]) =>
        aloneAndBehind(`${name} with ${inHex(bits)}`, frame(first | bits, payload), 1002),
      ),
    ),
  },
  {
    title: 'a reserved bit in a later fragment closes with 1002',
    cases: RESERVED.flatMap((bits) => [
      { name: `last with ${inHex(bits)}`, segments: [frame(FIRST, 'a'), frame(LAST | bits, 'b')], outcome: 1002 },
      {
        name: `last with ${inHex(bits)}, at once`,
        segments: together(frame(FIRST, 'a'), frame(LAST | bits, 'b')),
        outcome: 1002,
      },
      {
        name: `between with ${inHex(bits)}`,
        segments: [frame(FIRST, 'a'), frame(NEXT | bits, 'b'), frame(LAST, 'c')],
        outcome: 1002,
      },
      {
        name: `ping between with ${inHex(bits)}`,
        segments: [frame(FIRST, 'a'), frame(PING | bits, 'b'), frame(LAST, 'c')],
        outcome: 1002,
      },
      { name: `no fragment with ${inHex(bits)}`, segments: [frame(LAST | bits, 'a')], outcome: 1002 },
    ]),
  },
  {
    title: 'a reserved bit closes as soon as the first two bytes are there',
    cases: RESERVED.flatMap((bits) =>
      cutAtEachByte({ name: inHex(bits), segments: [frame(TEXT | bits, 'abc')], outcome: 1002 }),
    ),
  },
];

const UNKNOWN = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15];

const unknownOpcode = (opcode: number): FrameCase[] => {
  const first = 0x80 | opcode;
  return [
    ...aloneAndBehind(`${opcode}, empty`, frame(first, ''), 1002),
    ...aloneAndBehind(`${opcode}, with a payload`, frame(first, 'abc'), 1002),
    ...aloneAndBehind(`${opcode}, with a long payload`, frame(first, ascii(300)), 1002),
    ...aloneAndBehind(`${opcode}, not whole`, frame(opcode, 'abc'), 1002),
    { name: `${opcode}, with a ping behind`, segments: [frame(first, 'abc'), ping('a')], outcome: 1002 },
    {
      name: `${opcode}, with a ping behind, at once`,
      segments: together(frame(first, 'abc'), ping('a')),
      outcome: 1002,
    },
    {
      name: `${opcode}, with a text behind, at once`,
      segments: together(frame(first, 'abc'), text('a')),
      outcome: 1002,
    },
    {
      name: `${opcode}, inside a message`,
      segments: [frame(FIRST, 'a'), frame(first, ''), frame(LAST, 'b')],
      outcome: 1002,
    },
    { name: `${opcode}, header alone`, segments: [frame(first, 'abc').subarray(0, 2)], outcome: 1002 },
    ...cutAtEachByte({ name: `${opcode}, cut`, segments: [frame(first, 'abc')], outcome: 1002 }, 4),
  ];
};

export const OPCODES: readonly CaseGroup[] = [
  { title: 'an unknown opcode closes with 1002', cases: UNKNOWN.flatMap(unknownOpcode) },
];
