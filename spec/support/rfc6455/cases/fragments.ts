/** Messages in fragments (RFC 6455, section 5.4). */
import { Random } from '../../../hostile/random.ts';
import { frame } from '../../frame-peer.ts';
import { textOnly } from '../differences.ts';
import {
  ascii,
  type CaseGroup,
  CLOSE,
  close,
  cut,
  cutAtEachByte,
  FIRST,
  FIRST_BINARY,
  type FrameCase,
  LAST,
  NEXT,
  PING,
  PONG,
  text,
  wholeAndBytewise,
} from '../frame-case.ts';

const first = (payload: string | Buffer) => frame(FIRST, payload);
const next = (payload: string | Buffer) => frame(NEXT, payload);
const last = (payload: string | Buffer) => frame(LAST, payload);
const ping = (payload: string) => frame(PING, payload);

/** Returns a message with one fragment for each piece. */
export function fragments(pieces: readonly (string | Buffer)[], firstByte: number = FIRST): Buffer[] {
  return pieces.map((piece, i) => {
    const isLast = i === pieces.length - 1;
    return i === 0 ? frame(firstByte | (isLast ? LAST : 0), piece) : frame(isLast ? LAST : NEXT, piece);
  });
}

/** Returns cases with the frames in a segment each, in one segment, and byte by byte. */
function threeWays(name: string, frames: readonly Buffer[], rest: Partial<FrameCase> = {}): FrameCase[] {
  return [{ name, segments: frames, ...rest }, ...wholeAndBytewise({ name, segments: frames, ...rest })];
}

function atOnce(name: string, frames: readonly Buffer[], rest: Partial<FrameCase> = {}): FrameCase {
  return { name, segments: [Buffer.concat(frames)], ...rest };
}

const PIECES: readonly (readonly string[])[] = [
  ['a', 'b'],
  ['', ''],
  ['', 'a'],
  ['a', ''],
  ['', '', ''],
  ['', 'a', ''],
  ['a', '', 'b'],
  ['a', 'b', 'c', 'd', 'e'],
  [ascii(125), ascii(126)],
  [ascii(126), ascii(125), ascii(127)],
];

/** Fragments that ws accepts in one message. */
const MOST = 16_384;

export const FRAGMENTS: readonly CaseGroup[] = [
  {
    title: 'a text in fragments is answered as one',
    cases: [
      ...PIECES.flatMap((pieces) => threeWays(pieces.map(({ length }) => length).join('+'), fragments(pieces))),
      { name: '65536 twice', segments: fragments([ascii(65_536), ascii(65_536)]) },
      { name: '100 fragments', segments: fragments(Array.from({ length: 100 }, (_, i) => ascii(i))) },
      { name: '100 empty fragments', segments: fragments(Array.from({ length: 100 }, () => '')) },
      atOnce(`${MOST}, the most that ws is to accept`, fragments(Array.from({ length: MOST }, () => 'a'))),
      atOnce(`${MOST} empty ones`, fragments(Array.from({ length: MOST }, () => ''))),
      ...cutAtEachByte({ name: 'three', segments: fragments(['abc', 'de', 'f']) }),
      atOnce('two messages', [...fragments(['a', 'b']), ...fragments(['c', 'd'])]),
      atOnce('behind a text', [text('a'), ...fragments(['b', 'c'])]),
      atOnce('in front of a text', [...fragments(['b', 'c']), text('a')]),
      atOnce('between texts', [text('a'), ...fragments(['b', 'c']), text('d')]),
      { name: 'between texts', segments: [text('a'), ...fragments(['b', 'c']), text('d')] },
      {
        name: 'a fragment in the segment of a text',
        segments: [Buffer.concat([text('a'), first('b')]), Buffer.concat([last('c'), text('d')])],
      },
      {
        name: 'with masks of their own',
        segments: ['00000000', 'ffffffff', '01020304'].map((mask, i) =>
          frame([FIRST, NEXT, LAST][i] ?? 0, 'abc', { mask: Buffer.from(mask, 'hex') }),
        ),
      },
      {
        name: 'with long lengths',
        segments: [FIRST, NEXT, LAST].map((byte) => frame(byte, 'abc', { lengthBits: 64 })),
      },
    ],
  },
  {
    title: 'a text of more fragments than there may be closes with 1008',
    cases: [
      atOnce('one more', fragments(Array.from({ length: MOST + 1 }, () => 'a')), { outcome: 1008 }),
      atOnce('one more, all empty', fragments(Array.from({ length: MOST + 1 }, () => '')), { outcome: 1008 }),
      atOnce('many more', fragments(Array.from({ length: MOST + 2000 }, () => 'a')), { outcome: 1008 }),
      atOnce('one more, behind a text', [text('a'), ...fragments(Array.from({ length: MOST + 1 }, () => 'a'))], {
        outcome: 1008,
      }),
    ],
  },
  {
    title: 'a binary message in fragments ends the session when it is whole',
    cases: [
      ...PIECES.slice(0, 8).flatMap((pieces) =>
        threeWays(pieces.map(({ length }) => length).join('+'), fragments(pieces, FIRST_BINARY)),
      ),
      { name: 'with a ping between', segments: [frame(FIRST_BINARY, 'a'), ping('b'), last('c')] },
      { name: 'behind a text', segments: [text('a'), frame(FIRST_BINARY, 'a'), last('c')] },
      atOnce('behind a text', [text('a'), frame(FIRST_BINARY, 'a'), last('c')]),
    ].map((one) => ({ ...one, differs: [textOnly] })),
  },
  {
    title: 'a binary message that is not whole ends nothing',
    cases: [
      { name: 'a fragment', segments: [frame(FIRST_BINARY, 'a')], halfCloses: 'read', outcome: 'cut' },
      { name: 'two', segments: [frame(FIRST_BINARY, 'a'), next('b')], halfCloses: 'read', outcome: 'cut' },
      { name: 'and a close', segments: [frame(FIRST_BINARY, 'a'), close(3001)], outcome: 3001 },
      { name: 'and a text', segments: [frame(FIRST_BINARY, 'a'), text('b')], outcome: 1002 },
    ],
  },
  {
    title: 'control frames between fragments are answered before the message is',
    cases: [
      ...threeWays('a ping', [first('a'), ping('b'), last('c')]),
      ...threeWays('an empty ping', [first('a'), ping(''), last('c')]),
      ...threeWays('two pings', [first('a'), ping('b'), ping('c'), last('d')]),
      ...threeWays('a ping behind each', [
        first('a'),
        ping('b'),
        next('c'),
        ping('d'),
        next('e'),
        ping('f'),
        last('g'),
      ]),
      ...threeWays('a pong', [first('a'), frame(PONG, 'b'), last('c')]),
      ...threeWays('a ping and a pong', [first('a'), ping('b'), frame(PONG, 'c'), last('d')]),
      ...cutAtEachByte({ name: 'a ping', segments: [first('ab'), ping('c'), last('d')] }),
      atOnce('a ping behind it', [first('a'), last('b'), ping('c')], { anyControlOrder: true }),
      atOnce('a ping between and one behind', [first('a'), ping('b'), last('c'), ping('d')], {
        anyControlOrder: true,
      }),
    ],
  },
  {
    title: 'a close between fragments is answered, and the message is not',
    cases: [
      ...threeWays('with a code', [first('a'), close(3001, 'bye'), last('b')], { outcome: 3001 }),
      ...threeWays('empty', [first('a'), close(), last('b')], { outcome: 1005 }),
      ...threeWays('with nothing behind', [first('a'), close(1000)], { outcome: 1000 }),
      ...threeWays('behind a ping', [first('a'), ping('b'), close(1000)], { outcome: 1000 }),
      ...threeWays('bad', [first('a'), frame(CLOSE, 'b'), last('b')], { outcome: 1002 }),
    ],
  },
  {
    title: 'a continuation of nothing closes with 1002',
    cases: [
      ...[NEXT, LAST].flatMap((byte) =>
        ['', 'a', ascii(300)].flatMap((payload) => [
          { name: `${byte}, ${payload.length} bytes`, segments: [frame(byte, payload)], outcome: 1002 },
          {
            name: `${byte}, ${payload.length} bytes, behind a text`,
            segments: [text('a'), frame(byte, payload)],
            outcome: 1002,
          },
          atOnce(`${byte}, ${payload.length} bytes, behind a text, at once`, [text('a'), frame(byte, payload)], {
            outcome: 1002,
          }),
          atOnce(
            `${byte}, ${payload.length} bytes, behind a message in fragments, at once`,
            [first('a'), last('b'), frame(byte, payload)],
            { outcome: 1002 },
          ),
          {
            name: `${byte}, ${payload.length} bytes, behind a message in fragments`,
            segments: [first('a'), last('b'), frame(byte, payload)],
            outcome: 1002,
          },
          {
            name: `${byte}, ${payload.length} bytes, behind a ping`,
            segments: [ping('a'), frame(byte, payload)],
            outcome: 1002,
          },
          atOnce(`${byte}, ${payload.length} bytes, in front of a text`, [frame(byte, payload), text('a')], {
            outcome: 1002,
          }),
        ]),
      ),
      ...cutAtEachByte({ name: 'cut', segments: [frame(LAST, 'abc')], outcome: 1002 }),
    ],
  },
  {
    title: 'a message inside another closes with 1002',
    cases: [
      ...threeWays('a text', [first('a'), text('b'), last('c')], { outcome: 1002 }),
      ...threeWays('an empty text', [first(''), text(''), last('')], { outcome: 1002 }),
      ...threeWays('a first fragment', [first('a'), first('b'), last('c')], { outcome: 1002 }),
      ...threeWays('a binary', [first('a'), frame(0x82, 'b'), last('c')], { outcome: 1002 }),
      ...threeWays('a first binary fragment', [first('a'), frame(FIRST_BINARY, 'b'), last('c')], { outcome: 1002 }),
      ...threeWays('a text in a binary', [frame(FIRST_BINARY, 'a'), text('b'), last('c')], { outcome: 1002 }),
      ...threeWays('a text behind two fragments', [first('a'), next('b'), text('c')], { outcome: 1002 }),
      ...threeWays('a text behind a ping', [first('a'), ping('b'), text('c')], { outcome: 1002 }),
      atOnce('a text, behind a text', [text('a'), first('b'), text('c')], { outcome: 1002 }),
      { name: 'a text, behind a text', segments: [text('a'), first('b'), text('c')], outcome: 1002 },
    ],
  },
  {
    title: 'a message that is never whole is not answered',
    cases: [
      { name: 'a fragment', segments: [first('a')], halfCloses: 'read', outcome: 'cut' },
      { name: 'an empty one', segments: [first('')], halfCloses: 'read', outcome: 'cut' },
      { name: 'two', segments: [first('a'), next('b')], halfCloses: 'read', outcome: 'cut' },
      { name: 'behind a text', segments: [text('a'), first('b')], halfCloses: 'read', outcome: 'cut' },
      { name: 'with a ping', segments: [first('a'), ping('b')], halfCloses: 'read', outcome: 'cut' },
    ],
  },
  {
    title: 'fragments of random sizes in random chunks are answered in order',
    cases: Array.from({ length: 20 }, (_, seed) => {
      const random = new Random(seed);
      const frames = Array.from({ length: 20 }, () =>
        fragments(
          Array.from({ length: 1 + random.below(6) }, () => ascii(random.pick([0, 1, 10, 124, 125, 126, 127, 300]))),
        ),
      ).flat();
      const bytes = Buffer.concat(frames);
      const offsets = Array.from({ length: 40 }, () => random.below(bytes.length)).sort((a, b) => a - b);
      return { name: `seed ${seed}`, segments: cut(bytes, ...new Set(offsets)).filter(({ length }) => length > 0) };
    }),
  },
];
