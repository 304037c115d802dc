/**
 * Messages that permessage-deflate compresses, and messages that only claim to be compressed (RFC 7692, section 7.2).
 */
import { constants, deflateRawSync, type ZlibOptions } from 'node:zlib';
import { frame } from '../../frame-peer.ts';
import { reportsTooBig, textOnly } from '../differences.ts';
import {
  ascii,
  BINARY,
  type CaseGroup,
  CLOSE,
  close,
  cutAtEachByte,
  eachByte,
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
import { LIMIT } from './closing.ts';
import { BITS, FAR, NAME, NEAR, offer } from './deflate-offers.ts';

/** The bit that marks the first frame of a compressed message. */
const RSV1 = 0x40;

const { Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_FINISH } = constants;

/** Returns the payload of a compressed message (RFC 7692, section 7.2.1). */
function deflate(data: string | Buffer, options: ZlibOptions = {}): Buffer {
  return deflateRawSync(data, { finishFlush: Z_SYNC_FLUSH, ...options }).subarray(0, -4);
}

/** Returns a compressed message in one frame. */
function compressed(data: string | Buffer, options: ZlibOptions = {}, first: number = TEXT): Buffer {
  return frame(first | RSV1, deflate(data, options));
}

/** Returns a compressed message with one fragment for each piece of its payload. */
function fragments(pieces: readonly (string | Buffer)[], first: number = FIRST): Buffer[] {
  return pieces.map((piece, i) => {
    const last = i === pieces.length - 1 ? LAST : NEXT;
    return frame(i === 0 ? last | first | RSV1 : last, piece);
  });
}

const hex = (digits: string) => Buffer.from(digits.replaceAll(' ', ''), 'hex');
const AGREED = offer(NAME);

/** The examples of RFC 7692, section 7.2.3. Each says "Hello". */
const EXAMPLES: readonly [name: string, bytes: Buffer][] = [
  ['one block', hex('f2 48 cd c9 c9 07 00')],
  ['no compression', hex('00 05 00 fa ff 48 65 6c 6c 6f 00')],
  ['a last block', hex('f3 48 cd c9 c9 07 00 00')],
  ['two blocks', hex('f2 48 05 00 00 00 ff ff ca c9 c9 07 00')],
];

/** Returns messages of a client with context takeover: each refers to the ones before. */
function inContext(texts: readonly string[], options: ZlibOptions = {}): Buffer[] {
  let before = '';
  return texts.map((one) => {
    const dictionary = before ? { dictionary: Buffer.from(before) } : {};
    before += one;
    return compressed(one, { ...options, ...dictionary });
  });
}

function agreed(groups: readonly CaseGroup[], headers: readonly string[] = AGREED): CaseGroup[] {
  return groups.map(({ title, cases }) => ({ title, cases: cases.map((one) => ({ headers, ...one })) }));
}

const MIXED = 'aé€😀'.repeat(10);
const HELLO = deflate(NEAR);

const inTwo = (name: string, bytes: Buffer, rest: Partial<FrameCase> = {}): FrameCase[] =>
  Array.from({ length: bytes.length + 1 }, (_, at) => ({
    name: `${name}, cut at ${at}`,
    segments: together(...fragments([bytes.subarray(0, at), bytes.subarray(at)])),
    ...rest,
  }));

const bad = (name: string, bytes: Buffer): FrameCase[] => [
  { name, segments: [frame(TEXT | RSV1, bytes)], outcome: 1007 },
  { name: `${name}, behind a text`, segments: [compressed('good'), frame(TEXT | RSV1, bytes)], outcome: 1007 },
  { name: `${name}, with a text behind`, segments: [frame(TEXT | RSV1, bytes), compressed('good')], outcome: 1007 },
  { name: `${name}, a fragment for each byte`, segments: fragments(eachByte(bytes)), outcome: 1007 },
  {
    name: `${name}, in the segment of a text`,
    segments: together(compressed('good'), frame(TEXT | RSV1, bytes)),
    outcome: 1007,
  },
];

const flipped = (bytes: Buffer): FrameCase[] =>
  Array.from({ length: bytes.length * 8 }, (_, bit) => {
    const copy = Buffer.from(bytes);
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return { name: `bit ${bit}`, segments: [frame(TEXT | RSV1, copy)], outcome: 'any' };
  });

export const DEFLATE: readonly CaseGroup[] = agreed([
  {
    title: 'a compressed text is answered',
    cases: [
      ...[0, 1, 5, 125, 126, 1000, 65_535, 65_536, 300_000].map((size) => ({
        name: `${size} bytes`,
        segments: [compressed(ascii(size))],
      })),
      ...wholeAndBytewise({ name: 'of each length of UTF-8', segments: [compressed(MIXED)] }),
      ...cutAtEachByte({ name: 'near repeats', segments: [compressed(NEAR)] }),
      { name: 'far repeats', segments: [compressed(FAR)] },
      ...EXAMPLES.flatMap(([name, bytes]) => wholeAndBytewise({ name, segments: [frame(TEXT | RSV1, bytes)] })),
      { name: 'empty, as a byte', segments: [frame(TEXT | RSV1, hex('00'))] },
      { name: 'empty, as zlib does it', segments: [frame(TEXT | RSV1, hex('02 00'))] },
    ],
  },
  {
    title: 'a text is answered however it was compressed',
    cases: [
      ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((level) => ({
        name: `level ${level}`,
        segments: [compressed(FAR, { level })],
      })),
      ...[0, 1, 2, 3, 4].map((strategy) => ({
        name: `strategy ${strategy}`,
        segments: [compressed(NEAR, { strategy })],
      })),
      ...BITS.slice(1).map((windowBits) => ({
        name: `${windowBits} bits`,
        segments: [compressed(FAR, { windowBits })],
      })),
      { name: 'full flush', segments: [compressed(NEAR, { finishFlush: Z_FULL_FLUSH })] },
      {
        name: 'last block, and a byte behind',
        segments: [frame(TEXT | RSV1, Buffer.concat([deflateRawSync(NEAR, { finishFlush: Z_FINISH }), hex('00')]))],
      },
      {
        name: 'two with a last block',
        segments: [NEAR, FAR].map((data) => frame(TEXT | RSV1, Buffer.concat([deflateRawSync(data), hex('00')]))),
      },
    ],
  },
  {
    title: 'a compressed text in fragments is answered as one',
    cases: [
      ...inTwo('near repeats', HELLO),
      { name: 'a fragment for each byte', segments: fragments(eachByte(HELLO)) },
      { name: 'a fragment for each byte, at once', segments: together(...fragments(eachByte(HELLO))) },
      { name: 'with empty ones between', segments: fragments(eachByte(HELLO).flatMap((byte) => [byte, ''])) },
      { name: 'with an empty one first', segments: fragments(['', HELLO]) },
      { name: 'with an empty one last', segments: fragments([HELLO, '']) },
      {
        name: 'with a ping between',
        segments: fragments([HELLO.subarray(0, 3), HELLO.subarray(3)]).flatMap((one, i) =>
          i === 1 ? [frame(PING, 'a'), one] : [one],
        ),
      },
      {
        name: 'with a ping between, at once',
        segments: together(
          ...fragments([HELLO.subarray(0, 3), HELLO.subarray(3)]).flatMap((one, i) =>
            i === 1 ? [frame(PING, 'a'), one] : [one],
          ),
        ),
      },
      {
        name: 'with a close between',
        segments: together(
          ...fragments([HELLO.subarray(0, 3), HELLO.subarray(3)]).flatMap((one, i) =>
            i === 1 ? [close(3001), one] : [one],
          ),
        ),
        outcome: 3001,
      },
      {
        name: 'far repeats in two',
        segments: fragments([deflate(FAR).subarray(0, 5000), deflate(FAR).subarray(5000)]),
      },
      {
        name: 'as many as ws lets wait',
        segments: together(...fragments([HELLO, ...Array.from({ length: 16_383 }, () => '')])),
      },
      {
        name: 'more than ws lets wait',
        segments: together(...fragments([HELLO, ...Array.from({ length: 16_384 }, () => '')])),
        outcome: 1008,
      },
    ],
  },
  {
    title: 'compressed texts and others are answered in order',
    cases: [
      { name: 'in turn', segments: [compressed('a'), text('b'), compressed('c'), text('d')] },
      { name: 'in turn, at once', segments: together(compressed('a'), text('b'), compressed('c'), text('d')) },
      { name: '100 at once', segments: together(...Array.from({ length: 100 }, (_, i) => compressed(`text ${i}`))) },
      { name: '100 one by one', segments: Array.from({ length: 100 }, (_, i) => compressed(`text ${i}`)) },
      { name: 'each in the context of those before', segments: inContext([NEAR, NEAR, FAR, NEAR, FAR]) },
      {
        name: 'each in the context of those before, at once',
        segments: together(...inContext([NEAR, NEAR, FAR, NEAR, FAR])),
      },
      {
        name: 'in context, with others between',
        segments: inContext([NEAR, NEAR, NEAR]).flatMap((one) => [one, text('between')]),
      },
      {
        name: 'a fragment not compressed between',
        segments: [compressed('a'), frame(FIRST, 'b'), frame(LAST, 'c'), compressed('d')],
      },
      { name: 'ping in front, at once', segments: together(frame(PING, 'a'), compressed('b')) },
      { name: 'ping behind, at once', segments: together(compressed('b'), frame(PING, 'a')), anyControlOrder: true },
      { name: 'ping behind', segments: [compressed('b'), frame(PONG, 'a'), text('c')] },
    ],
  },
  {
    title: 'a compressed text is answered before the close or the bad frame in its segment',
    cases: [
      { name: 'close', segments: together(compressed('a'), close(3001, 'bye')), outcome: 3001 },
      { name: 'empty close', segments: together(compressed('a'), close()), outcome: 1005 },
      {
        name: 'three and a close',
        segments: together(compressed('a'), compressed('b'), compressed('c'), close(3001, 'bye')),
        outcome: 3001,
      },
      { name: 'bad opcode', segments: together(compressed('a'), frame(0x83, '')), outcome: 1002 },
      { name: 'no UTF-8', segments: together(compressed('a'), compressed(hex('ff'))), outcome: 1007 },
      { name: 'not compressed, close', segments: together(text('a'), close(3001, 'bye')), outcome: 3001 },
      { name: 'not compressed, bad opcode', segments: together(text('a'), frame(0x83, '')), outcome: 1002 },
    ],
  },
  {
    title: 'a binary message that is compressed ends the session',
    cases: [
      { name: 'alone', segments: [compressed('a', {}, BINARY)] },
      { name: 'behind a text', segments: [compressed('a'), compressed('b', {}, BINARY)] },
      { name: 'in front of a text, at once', segments: together(compressed('a', {}, BINARY), text('b')) },
      { name: 'in fragments', segments: fragments([HELLO, ''], 2) },
    ].map((one) => ({ ...one, differs: [textOnly] })),
  },
  {
    title: 'RSV1 on what cannot be compressed closes with 1002',
    cases: [
      ...[PING, PONG, CLOSE].flatMap((first) => [
        { name: `${first}, empty`, segments: [frame(first | RSV1, '')] },
        { name: `${first}`, segments: [frame(first | RSV1, deflate('a'))] },
        {
          name: `${first}, between fragments`,
          segments: [fragments([HELLO, ''])[0] ?? HELLO, frame(first | RSV1, '')],
        },
      ]),
      { name: 'a last fragment', segments: [frame(FIRST | RSV1, HELLO), frame(LAST | RSV1, '')] },
      { name: 'a fragment between', segments: [frame(FIRST | RSV1, HELLO), frame(NEXT | RSV1, ''), frame(LAST, '')] },
      { name: 'a last fragment of what is not', segments: [frame(FIRST, 'a'), frame(LAST | RSV1, deflate('a'))] },
      { name: 'a continuation of nothing', segments: [frame(LAST | RSV1, deflate('a'))] },
      { name: 'an unknown opcode', segments: [frame(0x83 | RSV1, deflate('a'))] },
      ...[0x10, 0x20, 0x30].map((bits) => ({
        name: `a text with ${bits.toString(16)}`,
        segments: [frame(TEXT | RSV1 | bits, HELLO)],
      })),
      { name: 'a compressed text inside another', segments: [frame(FIRST | RSV1, HELLO), compressed('a')] },
      { name: 'no mask', segments: [frame(TEXT | RSV1, HELLO, { mask: undefined })] },
    ].map((one) => ({ ...one, outcome: 1002 })),
  },
  {
    title: 'what cannot be inflated closes with 1007',
    cases: [
      ...bad('no kind of block', hex('07 00')),
      ...bad('bytes of 0xff', Buffer.alloc(20, 0xff)),
      ...bad('a length that is not its complement', hex('00 05 00 05 00 48 65 6c 6c 6f')),
      ...bad('a distance before the beginning', deflate(NEAR, { dictionary: Buffer.from(FAR.slice(0, 1000) + NEAR) })),
      ...bad('text', Buffer.from('this is not compressed')),
    ],
  },
  {
    title: 'what inflates to no UTF-8 closes with 1007',
    cases: ['ff', 'eda080', 'c080', 'f4908080', 'c2', '616263e28061'].flatMap((digits) => [
      { name: digits, segments: [compressed(hex(digits))], outcome: 1007 },
      { name: `${digits} in fragments`, segments: fragments(eachByte(deflate(hex(digits)))), outcome: 1007 },
    ]),
  },
  {
    title: 'a compressed message with one wrong bit gets the answer of ws',
    cases: flipped(deflate('Hello, hello, hello! €')),
  },
]);

export const AGREEMENTS: readonly CaseGroup[] = [
  ...agreed(
    [
      {
        title: 'a client that keeps no context is held to that',
        cases: [
          { name: 'none', segments: [compressed(NEAR), compressed(NEAR), compressed(FAR)] },
          { name: 'none, at once', segments: together(compressed(NEAR), compressed(NEAR), compressed(FAR)) },
          { name: 'some', segments: inContext([NEAR, NEAR]), outcome: 1007 },
        ],
      },
    ],
    offer(`${NAME}; client_no_context_takeover`),
  ),
  ...agreed(
    [
      {
        title: 'a server that keeps no context keeps none',
        cases: [
          { name: 'none', segments: [compressed(NEAR), compressed(NEAR), compressed(FAR), text(FAR), text(FAR)] },
          { name: 'some of the client', segments: [...inContext([NEAR, NEAR, FAR, FAR])] },
        ],
      },
    ],
    offer(`${NAME}; server_no_context_takeover`),
  ),
  ...BITS.flatMap((bits) =>
    agreed(
      [
        {
          title: `a client with a window of ${bits} bits is held to that`,
          cases: [
            {
              name: 'no repeats',
              segments: [
                compressed(FAR, { strategy: constants.Z_HUFFMAN_ONLY }),
                compressed(NEAR, { strategy: constants.Z_RLE }),
              ],
            },
            { name: 'far repeats', segments: [compressed(FAR)], outcome: bits < 14 ? 1007 : 'open' },
            ...(bits > 8
              ? [
                  {
                    name: 'repeats within',
                    segments: [compressed(FAR, { windowBits: bits }), compressed(NEAR, { windowBits: bits })],
                  },
                ]
              : []),
          ],
        },
      ],
      offer(`${NAME}; client_max_window_bits=${bits}`),
    ),
  ),
];

const tooBig = (one: FrameCase): FrameCase => ({ ...one, outcome: 1009, differs: [reportsTooBig] });
const cutInTwo = (bytes: Buffer) => [bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)];

export const DEFLATE_LIMITS: readonly CaseGroup[] = agreed([
  {
    title: 'a message that inflates to just the limit is answered',
    cases: [
      { name: 'in one frame', segments: [compressed(ascii(LIMIT))] },
      { name: 'in fragments', segments: fragments(cutInTwo(deflate(ascii(LIMIT)))) },
      { name: 'twice', segments: [compressed(ascii(LIMIT)), compressed(ascii(LIMIT))] },
      { name: 'twice at once', segments: together(compressed(ascii(LIMIT)), compressed(ascii(LIMIT))) },
      { name: 'not compressed', segments: [text(ascii(LIMIT))] },
    ],
  },
  {
    title: 'a message that inflates to more closes with 1009',
    cases: [
      { name: 'one byte', segments: [compressed(ascii(LIMIT + 1))] },
      { name: 'one byte, in fragments', segments: fragments(cutInTwo(deflate(ascii(LIMIT + 1)))) },
      { name: 'one byte, a fragment for each byte', segments: fragments(eachByte(deflate(ascii(LIMIT + 1)))) },
      { name: 'one byte, behind a text', segments: [text('a'), compressed(ascii(LIMIT + 1))] },
      { name: 'one byte, in the segment of a text', segments: together(text('a'), compressed(ascii(LIMIT + 1))) },
      {
        name: 'one byte, in the segment of a compressed text',
        segments: together(compressed('a'), compressed(ascii(LIMIT + 1))),
      },
      { name: 'one byte, with a text behind', segments: together(compressed(ascii(LIMIT + 1)), text('a')) },
      { name: 'a bomb', segments: [compressed('a'.repeat(500_000))] },
      { name: 'a bomb in fragments', segments: fragments(cutInTwo(deflate('a'.repeat(500_000)))) },
      { name: 'a bomb with text behind', segments: [compressed('a'.repeat(500_000)), text('b')] },
      { name: 'more than the limit before it is inflated', segments: [compressed(FAR.slice(0, 5000))] },
      {
        name: 'just the limit, but more with its own bytes',
        segments: [compressed(FAR.slice(0, LIMIT), { level: 0 })],
      },
      { name: 'not compressed', segments: [text(ascii(LIMIT + 1))] },
      { name: 'binary', segments: [compressed(ascii(LIMIT + 1), {}, BINARY)] },
    ].map(tooBig),
  },
]);

/** Returns the cases for a client that has negotiated compression but does not compress. */
export function withoutUse(groups: readonly CaseGroup[]): CaseGroup[] {
  // ws compresses in another thread. So it depends on time whether an answer is ready when the client leaves.
  return agreed(
    groups
      .map(({ title, cases }) => ({ title, cases: cases.filter(({ halfCloses }) => !halfCloses) }))
      .filter(({ cases }) => cases.length > 0),
  );
}
