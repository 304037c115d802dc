/** Many messages in one segment, and in random chunks. */
import { Random } from '../../../hostile/random.ts';
import { frame } from '../../frame-peer.ts';
import { pongsFirst } from '../differences.ts';
import {
  ascii,
  type CaseGroup,
  close,
  FIRST,
  type FrameCase,
  LAST,
  NEXT,
  PING,
  text,
  together,
} from '../frame-case.ts';

/** Returns 1000 messages of different sizes. */
function thousand(random: Random, pings: boolean): Buffer[] {
  return Array.from({ length: 1000 }, (_, i) => {
    const size = random.pick([0, 1, 5, 20, 100, 125, 126, 130, 300]);
    const shape = { mask: random.bytes(4) };
    return pings && i % 20 === 0 ? frame(PING, random.bytes(random.below(126)), shape) : text(ascii(size), shape);
  });
}

function randomSegments(random: Random, bytes: Buffer, most: number): Buffer[] {
  const segments: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + random.below(most);
    segments.push(bytes.subarray(at, at + size));
    at += size;
  }
  return segments;
}

function manyInChunks(seed: number, most: number): FrameCase {
  const random = new Random(seed);
  return {
    name: `seed ${seed}, chunks up to ${most} bytes`,
    segments: randomSegments(random, Buffer.concat(thousand(random, false)), most),
  };
}

const MANY_SMALL = Array.from({ length: 1000 }, (_, i) => text(String(i)));

export const MANY_MESSAGES: readonly CaseGroup[] = [
  {
    title: '1000 texts in one segment are answered in order',
    cases: [
      { name: 'small', segments: [Buffer.concat(MANY_SMALL)] },
      { name: 'empty', segments: [Buffer.concat(Array.from({ length: 1000 }, () => text('')))] },
      { name: 'of all sizes', segments: [Buffer.concat(thousand(new Random(1), false))] },
      {
        name: 'of three fragments',
        segments: [
          Buffer.concat(MANY_SMALL.map(() => Buffer.concat([frame(FIRST, 'a'), frame(NEXT, 'b'), frame(LAST, 'c')]))),
        ],
      },
      { name: 'with a close behind', segments: [Buffer.concat([...MANY_SMALL, close(3001, 'bye')])], outcome: 3001 },
      { name: 'with a bad frame behind', segments: [Buffer.concat([...MANY_SMALL, frame(0x83, '')])], outcome: 1002 },
    ],
  },
  {
    title: '1000 texts in random chunks are answered in order',
    cases: [20, 100, 1000, 10_000, 60_000].flatMap((most) => [1, 2].map((seed) => manyInChunks(seed, most))),
  },
  {
    title: '1000 texts and pings are answered, each kind in order',
    cases: [
      {
        name: 'in a segment each',
        segments: thousand(new Random(3), true),
      },
      {
        name: 'in one segment',
        segments: [
          Buffer.concat(
            Array.from({ length: 500 }, (_, i) => (i % 20 === 0 ? frame(PING, String(i)) : text(String(i)))),
          ),
        ],
        anyControlOrder: true,
      },
    ],
  },
  {
    title: 'pongs leave before the answers to the texts of their segment',
    cases: [
      { name: 'text and ping', segments: together(text('a'), frame(PING, 'b')) },
      { name: 'ping, text, ping, text', segments: together(frame(PING, 'a'), text('b'), frame(PING, 'c'), text('d')) },
    ].map((one) => ({ ...one, differs: [pongsFirst] })),
  },
];
