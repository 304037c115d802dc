/** The closing handshake (RFC 6455, sections 5.5.1 and 7), and messages over the size limit (7.4.1, code 1009). */
import { frame, frameHead } from '../../frame-peer.ts';
import { reportsTooBig, textOnly } from '../differences.ts';
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
  PING,
  PONG,
  TEXT,
  text,
  together,
  wholeAndBytewise,
} from '../frame-case.ts';
import { fragments } from './fragments.ts';

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Codes that an endpoint may send (RFC 6455, section 7.4, and the IANA registry). */
const ALLOWED = [...range(1000, 1003), ...range(1007, 1014), 3000, 3001, 3500, 3999, 4000, 4500, 4999];
const FORBIDDEN = [1004, 1005, 1006, 1015, 1016, 1017, 1100, 1999, 2000, 2999, 5000, 5001, 9999, 32_768, 65_535];

function behindClose(name: string, ...frames: Buffer[]): FrameCase[] {
  return [
    { name, segments: [close(3001, 'bye'), ...frames], outcome: 3001 },
    { name: `${name}, at once`, segments: together(close(3001, 'bye'), ...frames), outcome: 3001 },
    {
      name: `${name}, at once with a text before`,
      segments: together(text('a'), close(3001, 'bye'), ...frames),
      outcome: 3001,
    },
  ];
}

export const CLOSING: readonly CaseGroup[] = [
  {
    title: 'a close is answered with its own code',
    cases: [
      ...ALLOWED.flatMap((code) => wholeAndBytewise({ name: String(code), segments: [close(code)], outcome: code })),
      ...ALLOWED.flatMap((code) => [
        { name: `${code} with a reason`, segments: [close(code, 'Auf Wiedersehen, è finita')], outcome: code },
        { name: `${code} behind a text`, segments: [text('a'), close(code)], outcome: code },
        { name: `${code} in the segment of a text`, segments: together(text('a'), close(code)), outcome: code },
      ]),
      ...cutAtEachByte({ name: '3001', segments: [close(3001, 'bye')], outcome: 3001 }),
    ],
  },
  {
    title: 'an empty close is answered with an empty one',
    cases: [
      ...wholeAndBytewise({ name: 'alone', segments: [close()], outcome: 1005 }),
      { name: 'behind a text', segments: [text('a'), close()], outcome: 1005 },
      { name: 'in the segment of a text', segments: together(text('a'), close()), outcome: 1005 },
      { name: 'in the segment of texts', segments: together(text('a'), text('b'), text('c'), close()), outcome: 1005 },
      {
        name: 'in the segment of a text in fragments',
        segments: together(...fragments(['a', 'b']), close()),
        outcome: 1005,
      },
      {
        name: 'in the segment of the end of a text',
        segments: [text('abc').subarray(0, 4), Buffer.concat([text('abc').subarray(4), close()])],
        outcome: 1005,
      },
      {
        name: 'begun in the segment of a text',
        segments: [Buffer.concat([text('abc'), close().subarray(0, 3)]), close().subarray(3)],
        outcome: 1005,
      },
      ...cutAtEachByte({ name: 'with a text before', segments: [text('ab'), close()], outcome: 1005 }),
    ],
  },
  {
    title: 'a reason of up to 123 bytes comes back',
    cases: [0, 1, 2, 122, 123].flatMap((size) =>
      wholeAndBytewise({ name: `${size} bytes`, segments: [close(1000, ascii(size))], outcome: 1000 }),
    ),
  },
  {
    title: 'a reason of more than 123 bytes closes with 1002',
    cases: [124, 125, 126, 1000].flatMap((size) => aloneAndBehind(`${size} bytes`, close(1000, ascii(size)), 1002)),
  },
  {
    title: 'a close of one byte closes with 1002',
    cases: ['00', '03', '61', 'ff'].flatMap((byte) =>
      aloneAndBehind(byte, frame(CLOSE, Buffer.from(byte, 'hex')), 1002),
    ),
  },
  {
    title: 'a code that may not travel closes with 1002',
    cases: FORBIDDEN.flatMap((code) => [
      ...aloneAndBehind(String(code), close(code), 1002),
      { name: `${code} with a reason`, segments: [close(code, 'why')], outcome: 1002 },
    ]),
  },
  {
    title: 'a code below 1000 closes with 1002',
    cases: range(0, 999).map((code) => ({ name: String(code), segments: [close(code)], outcome: 1002 })),
  },
  {
    title: 'nothing behind a close is answered',
    cases: [
      ...behindClose('a close', close(1000)),
      ...behindClose('an empty close', close()),
      ...behindClose('a bad close', close(1005)),
      ...behindClose('a ping', frame(PING, 'a')),
      ...behindClose('a pong', frame(PONG, 'a')),
      ...behindClose('a text', text('a')),
      ...behindClose('a long text', text(ascii(70_000))),
      ...behindClose('a binary', frame(BINARY, 'a')),
      ...behindClose('a bad frame', frame(0x83, '')),
      ...behindClose('no frame', Buffer.alloc(50, 0xff)),
      ...behindClose('half a frame', text('abc').subarray(0, 3)),
      ...behindClose('all sorts', text('a'), frame(PING, ''), close(), frame(0x83, ''), text('b')),
    ],
  },
  {
    title: 'nothing behind a bad frame is answered',
    cases: [
      { name: 'a close', segments: [frame(0x83, ''), close(3001)], outcome: 1002 },
      { name: 'a close, at once', segments: together(frame(0x83, ''), close(3001)), outcome: 1002 },
      { name: 'a text and a ping', segments: [frame(0x83, ''), text('a'), frame(PING, 'b')], outcome: 1002 },
      {
        name: 'a text and a ping, at once',
        segments: together(frame(0x83, ''), text('a'), frame(PING, 'b')),
        outcome: 1002,
      },
      { name: 'a second one', segments: [frame(0x83, ''), text(Buffer.from('ff', 'hex'))], outcome: 1002 },
      {
        name: 'another one, at once',
        segments: together(text(Buffer.from('ff', 'hex')), frame(0x83, '')),
        outcome: 1007,
      },
      {
        name: 'all sorts with a text before, at once',
        segments: together(text('a'), frame(0x83, ''), text('b'), frame(PING, ''), close()),
        outcome: 1002,
      },
    ],
  },
  {
    title: 'nothing behind a binary message is answered',
    cases: [
      { name: 'a close', segments: [frame(BINARY, 'a'), close(3001)] },
      { name: 'a close, at once', segments: together(frame(BINARY, 'a'), close(3001)) },
      { name: 'a bad frame', segments: [frame(BINARY, 'a'), frame(0x83, '')] },
      { name: 'a bad frame, at once', segments: together(frame(BINARY, 'a'), frame(0x83, '')) },
      { name: 'a text and a ping', segments: [frame(BINARY, 'a'), text('a'), frame(PING, 'b')] },
      { name: 'a text and a ping, at once', segments: together(frame(BINARY, 'a'), text('a'), frame(PING, 'b')) },
    ].map((one) => ({
      ...one,
      differs: [textOnly],
      outcome: one.name.startsWith('a close') ? 3001 : one.name.startsWith('a bad') ? 1002 : 'open',
    })),
  },
  {
    title: 'every message is answered before the close or the bad frame in its segment',
    cases: [1, 2, 10, 100].flatMap((count) => {
      const texts = Array.from({ length: count }, (_, i) => text(`text ${i}`));
      return [
        { name: `${count}, close`, segments: together(...texts, close(1000)), outcome: 1000 },
        { name: `${count}, bad opcode`, segments: together(...texts, frame(0x83, '')), outcome: 1002 },
        { name: `${count}, no UTF-8`, segments: together(...texts, text(Buffer.from('ff', 'hex'))), outcome: 1007 },
        {
          name: `${count}, in fragments, close`,
          segments: together(...texts, ...fragments(['a', 'b']), close(1000)),
          outcome: 1000,
        },
        {
          name: `${count}, half of it before, close`,
          segments: [
            texts[0]?.subarray(0, 5) ?? Buffer.alloc(0),
            Buffer.concat([texts[0]?.subarray(5) ?? Buffer.alloc(0), ...texts.slice(1), close(1000)]),
          ],
          outcome: 1000,
        },
      ];
    }),
  },
];

/** `maxMessageSize` of the servers that play {@link LIMITS}. */
export const LIMIT = 1000;

const tooBig = (one: FrameCase): FrameCase => ({ ...one, outcome: 1009, differs: [reportsTooBig] });

const half = LIMIT / 2;

export const LIMITS: readonly CaseGroup[] = [
  {
    title: 'a message of exactly the limit is answered',
    cases: [
      ...wholeAndBytewise({ name: 'in one frame', segments: [text(ascii(LIMIT))] }),
      { name: 'in one frame, length in 64 bits', segments: [frame(TEXT, ascii(LIMIT), { lengthBits: 64 })] },
      { name: 'in two fragments', segments: fragments([ascii(half), ascii(half)]) },
      { name: 'in one and an empty fragment', segments: fragments([ascii(LIMIT), '']) },
      { name: 'in an empty fragment and one', segments: fragments(['', ascii(LIMIT)]) },
      { name: 'a fragment for each byte', segments: [Buffer.concat(fragments(eachCharacter(ascii(LIMIT))))] },
      {
        name: 'in two, with a ping of 125 between',
        segments: [frame(FIRST, ascii(half)), frame(PING, ascii(125)), frame(LAST, ascii(half))],
      },
      { name: 'two of them', segments: [text(ascii(LIMIT)), text(ascii(LIMIT))] },
      { name: 'two of them at once', segments: together(text(ascii(LIMIT)), text(ascii(LIMIT))) },
      {
        name: 'two of them in fragments',
        segments: [...fragments([ascii(half), ascii(half)]), ...fragments([ascii(half), ascii(half)])],
      },
      { name: 'of characters of 4 bytes', segments: [text('😀'.repeat(LIMIT / 4))] },
    ],
  },
  {
    title: 'a message of one byte more closes with 1009',
    cases: [
      ...wholeAndBytewise({ name: 'in one frame', segments: [text(ascii(LIMIT + 1))] }),
      { name: 'in one frame, length in 64 bits', segments: [frame(TEXT, ascii(LIMIT + 1), { lengthBits: 64 })] },
      { name: 'in one frame, behind a text', segments: [text('a'), text(ascii(LIMIT + 1))] },
      { name: 'in one frame, in the segment of a text', segments: together(text('a'), text(ascii(LIMIT + 1))) },
      { name: 'in two fragments', segments: fragments([ascii(half), ascii(half + 1)]) },
      { name: 'in two fragments at once', segments: [Buffer.concat(fragments([ascii(half), ascii(half + 1)]))] },
      {
        name: 'in two fragments, in the segment of a text',
        segments: together(text('a'), ...fragments([ascii(half), ascii(half + 1)])),
      },
      { name: 'in a full fragment and one', segments: fragments([ascii(LIMIT), 'a']) },
      { name: 'in many fragments', segments: [Buffer.concat(fragments(eachCharacter(ascii(LIMIT + 1))))] },
      { name: 'binary', segments: [frame(BINARY, ascii(LIMIT + 1))] },
      { name: 'binary, in fragments', segments: fragments([ascii(half), ascii(half + 1)], 2) },
      { name: 'that is no UTF-8', segments: [text(Buffer.alloc(LIMIT + 1, 0xff))] },
      { name: 'of characters of 4 bytes', segments: [text(`${'😀'.repeat(LIMIT / 4)}a`)] },
      { name: 'with a close behind', segments: together(text(ascii(LIMIT + 1)), close(1000)) },
    ].map(tooBig),
  },
  {
    title: 'a frame that announces too much closes with 1009 before it has come',
    cases: [
      { name: 'header', segments: [frameHead(TEXT, LIMIT + 1)] },
      { name: 'header less the mask', segments: [frameHead(TEXT, LIMIT + 1).subarray(0, 4)] },
      { name: 'header in 64 bits', segments: [frameHead(TEXT, 100_000)] },
      { name: 'header of a binary', segments: [frameHead(BINARY, LIMIT + 1)] },
      { name: 'header of a first fragment', segments: [frameHead(FIRST, LIMIT + 1)] },
      { name: 'header of a last fragment', segments: [frame(FIRST, ascii(half)), frameHead(LAST, half + 1)] },
      {
        name: 'header of a last fragment, at once',
        segments: together(frame(FIRST, ascii(half)), frameHead(LAST, half + 1)),
      },
      { name: 'header behind a text, at once', segments: together(text('a'), frameHead(TEXT, LIMIT + 1)) },
      ...cutAtEachByte({ name: 'header', segments: [frameHead(TEXT, LIMIT + 1)] }),
      ...cutAtEachByte({ name: 'header in 64 bits', segments: [frameHead(TEXT, 100_000)] }),
    ].map(tooBig),
  },
  {
    title: 'a bad header closes with 1002, though its length is over the limit as well',
    cases: [
      { name: 'reserved bit', segments: [frameHead(TEXT | 0x20, 100_000)], outcome: 1002 },
      { name: 'no mask', segments: [frameHead(TEXT, 100_000, { mask: undefined })], outcome: 1002 },
      { name: 'opcode', segments: [frameHead(0x83, 100_000)], outcome: 1002 },
      { name: 'continuation of nothing', segments: [frameHead(LAST, 100_000)], outcome: 1002 },
      { name: 'ping', segments: [frameHead(PING, 100_000)], outcome: 1002 },
    ],
  },
];

/** `maxMessageSize` of the servers that play {@link TINY_LIMITS}: less than a control frame may hold. */
export const TINY_LIMIT = 10;

export const TINY_LIMITS: readonly CaseGroup[] = [
  {
    title: 'the limit on messages does not apply to control frames',
    cases: [
      { name: 'ping', segments: [frame(PING, ascii(125))] },
      { name: 'ping and text, at once', segments: together(frame(PING, ascii(125)), text('a')) },
      { name: 'text', segments: [text(ascii(TINY_LIMIT))] },
      { name: 'pong', segments: [frame(PONG, ascii(125))] },
      { name: 'close', segments: [close(3001, ascii(123))], outcome: 3001 },
      tooBig({ name: 'text of one byte more', segments: [text(ascii(TINY_LIMIT + 1))] }),
      tooBig({
        name: 'text of one byte more, behind a ping',
        segments: together(frame(PING, ascii(125)), text(ascii(TINY_LIMIT + 1))),
      }),
    ],
  },
];

function eachCharacter(ascii: string): string[] {
  return ascii.match(/.{1,2}/g) ?? [];
}
