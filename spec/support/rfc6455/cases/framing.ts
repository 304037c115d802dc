/** Frames and their lengths (RFC 6455, section 5.2). */
import { frame, frameHead } from '../../frame-peer.ts';
import { reportsTooBig, textOnly } from '../differences.ts';
import {
  ascii,
  BINARY,
  type CaseGroup,
  CLOSE,
  close,
  cut,
  cutAtEachByte,
  eachByte,
  FIRST,
  type FrameCase,
  LAST,
  nonUtf8,
  PING,
  PONG,
  TEXT,
  text,
  together,
} from '../frame-case.ts';

/** Sizes around each change of the length field, and sizes that the kernel delivers in several chunks. */
const SIZES = [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537, 100_000, 300_000, 1_048_576];
const SMALL = SIZES.filter((size) => size <= 128);
/** An offset behind the longest header, mask included. */
const PAST_HEADER = 16;

const WRITTEN_LONGER: readonly [bits: 16 | 64, sizes: readonly number[]][] = [
  [16, [0, 1, 2, 125]],
  [64, [0, 1, 125, 126, 1000, 65_535]],
];

const longer = (first: number, outcome?: number): FrameCase[] =>
  WRITTEN_LONGER.flatMap(([bits, sizes]) =>
    sizes.flatMap((size) => {
      const bytes = frame(first, ascii(size), { lengthBits: bits });
      const end = outcome === undefined ? {} : { outcome };
      const name = `${size} bytes in ${bits} bits`;
      return [
        { name, segments: [bytes], ...end },
        {
          name: `${name}, header byte by byte`,
          segments: [...eachByte(bytes.subarray(0, 14)), bytes.subarray(14)],
          ...end,
        },
        { name: `${name}, behind a message`, segments: [text('a'), bytes], ...end },
      ];
    }),
  );

const tooMuch = (size: bigint): FrameCase[] => {
  const told = { differs: [reportsTooBig] };
  return [
    { name: `${size} bytes`, segments: [frameHead(TEXT, size)], outcome: 1009, ...told },
    { name: `${size} bytes, byte by byte`, segments: eachByte(frameHead(TEXT, size)), outcome: 1009, ...told },
    { name: `${size} bytes, binary`, segments: [frameHead(BINARY, size)], outcome: 1009, ...told },
    {
      name: `${size} bytes, some of them`,
      segments: together(frameHead(TEXT, size), nonUtf8(40)),
      outcome: 1009,
      ...told,
    },
    { name: `${size} bytes, behind a message`, segments: [text('a'), frameHead(TEXT, size)], outcome: 1009, ...told },
    {
      name: `${size} bytes, in the segment of a message`,
      segments: together(text('a'), frameHead(TEXT, size)),
      outcome: 1009,
      ...told,
    },
    { name: `${size} bytes in a first fragment`, segments: [frameHead(FIRST, size)], outcome: 1009, ...told },
    {
      name: `${size} bytes in a last fragment`,
      segments: [frame(FIRST, 'a'), frameHead(LAST, size)],
      outcome: 1009,
      ...told,
    },
  ];
};

export const FRAMING: readonly CaseGroup[] = [
  {
    title: 'a text of any size is answered',
    cases: SIZES.map((size) => ({ name: `${size} bytes`, segments: [text(ascii(size))] })),
  },
  {
    title: 'a binary message of any size ends the session',
    cases: [
      ...SIZES.map((size) => ({ name: `${size} bytes`, segments: [frame(BINARY, nonUtf8(size))] })),
      ...SIZES.map((size) => ({
        name: `${size} bytes, behind a text`,
        segments: [text('a'), frame(BINARY, nonUtf8(size))],
      })),
      ...SMALL.flatMap((size) =>
        cutAtEachByte({ name: `${size} bytes`, segments: [frame(BINARY, nonUtf8(size))] }, PAST_HEADER),
      ),
      ...SMALL.map((size) => ({
        name: `${size} bytes, byte by byte`,
        segments: eachByte(frame(BINARY, nonUtf8(size))),
      })),
      { name: 'in the segment of a text', segments: together(text('a'), frame(BINARY, 'b')) },
      { name: 'in front of a text, in the same segment', segments: together(frame(BINARY, 'b'), text('a')) },
      { name: 'in front of a text', segments: [frame(BINARY, 'b'), text('a')] },
      { name: 'two of them', segments: [frame(BINARY, 'a'), frame(BINARY, 'b')] },
      { name: 'two of them in a segment', segments: together(frame(BINARY, 'a'), frame(BINARY, 'b')) },
    ].map((one) => ({ ...one, differs: [textOnly] })),
  },
  {
    title: 'a text is answered when its header or its mask is cut at any byte',
    cases: SIZES.filter((size) => size < 100_000).flatMap((size) =>
      cutAtEachByte({ name: `${size} bytes`, segments: [text(ascii(size))] }, PAST_HEADER),
    ),
  },
  {
    title: 'a text is answered when its header comes byte by byte',
    cases: SIZES.map((size) => {
      const bytes = text(ascii(size));
      return {
        name: `${size} bytes`,
        segments: [...eachByte(bytes.subarray(0, PAST_HEADER)), bytes.subarray(PAST_HEADER)],
      };
    }),
  },
  {
    title: 'a text is answered when each of its bytes comes by itself',
    cases: [...SMALL, 2, 3, 4, 5, 300].map((size) => ({
      name: `${size} bytes`,
      segments: eachByte(text(ascii(size))),
    })),
  },
  {
    title: 'texts are answered in order when segments end at any byte',
    cases: [
      ...[2, 3, 10, 50].map((count) => ({
        name: `${count} in a segment`,
        segments: [Buffer.concat(Array.from({ length: count }, (_, i) => text(ascii(i * 7))))],
      })),
      ...SMALL.flatMap((size) =>
        SMALL.map((other) => ({
          name: `${size} and ${other} bytes`,
          segments: together(text(ascii(size)), text(ascii(other))),
        })),
      ),
      ...cutAtEachByte({ name: 'three texts', segments: [text('a'), text('bc'), text('')] }),
      ...cutAtEachByte({ name: 'a long one between', segments: [text('a'), text(ascii(126)), text('b')] }, 24),
      {
        name: 'a half in each segment',
        segments: cut(
          Buffer.concat([text(ascii(20)), text(ascii(200)), text(ascii(20)), text(ascii(70_000))]),
          10,
          100,
          240,
          60_000,
        ),
      },
    ],
  },
  {
    title: 'bytes in the segment of the handshake are read as any others',
    cases: [
      ...[0, 1, 126, 65_536].map((size) => ({ name: `a text of ${size} bytes`, segments: [text(ascii(size))] })),
      ...cutAtEachByte({ name: 'a text', segments: [text('abc')] }),
      { name: 'two texts', segments: together(text('abc'), text('d')) },
      { name: 'a ping', segments: [frame(PING, 'abc')] },
      { name: 'a close', segments: [close(3001, 'bye')], outcome: 3001 },
      { name: 'a text and a close', segments: together(text('abc'), close(3001, 'bye')), outcome: 3001 },
      { name: 'a bad frame', segments: [frame(0x83, '')], outcome: 1002 },
      { name: 'a text and a bad frame', segments: together(text('abc'), frame(0x83, '')), outcome: 1002 },
    ].map((one) => ({ ...one, withHandshake: true })),
  },
  { title: 'a length in more bytes than necessary is accepted', cases: longer(TEXT) },
  {
    title: 'a control frame whose length has more than 7 bits closes with 1002',
    cases: [...longer(PING, 1002), ...longer(PONG, 1002), ...longer(CLOSE, 1002)].filter((_, i) => i % 2 === 0),
  },
  {
    title: 'a length that no message may have closes with 1009 as soon as it is known',
    cases: [
      2n ** 20n + 1n,
      2n ** 31n,
      2n ** 32n,
      2n ** 53n - 1n,
      2n ** 53n,
      2n ** 63n - 1n,
      2n ** 63n,
      2n ** 63n + 1n,
      2n ** 64n - 1n,
    ].flatMap(tooMuch),
  },
  {
    title: 'half a frame is not answered when the client leaves',
    cases: [
      ...cutAtEachByte({ name: 'a text', segments: [text(ascii(130))] }, PAST_HEADER),
      ...cutAtEachByte({ name: 'a ping', segments: [frame(PING, 'abc')] }),
      ...cutAtEachByte({ name: 'a close', segments: [close(1000, 'abc')] }),
      { name: 'a first fragment', segments: [Buffer.alloc(0), frame(FIRST, 'abc')] },
    ].map(({ segments: [first = Buffer.alloc(0), second = first], ...one }) => ({
      ...one,
      segments: [one.name === 'a first fragment' ? second : first],
      outcome: 'cut' as const,
      halfCloses: 'read',
    })),
  },
  {
    title: 'a message is answered when the client leaves in the middle of the next',
    cases: cutAtEachByte({ name: 'a text', segments: [text(ascii(130))] }, PAST_HEADER).map(
      ({ name, segments: [first = Buffer.alloc(0)] }) => ({
        name,
        segments: [text('whole'), first],
        outcome: 'cut',
        halfCloses: 'read',
      }),
    ),
  },
];
