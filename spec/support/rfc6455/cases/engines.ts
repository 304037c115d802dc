/** Options of ws that an application may set, and that change how frames are read. */
import { type ServerOptions, WebSocket } from 'ws';
import { frame } from '../../frame-peer.ts';
import { acceptsText } from '../differences.ts';
import { ascii, type CaseGroup, close, cut, eachByte, FIRST, LAST, PING, text, together } from '../frame-case.ts';
import { LIMIT, LIMITS } from './closing.ts';
import { PINGS } from './control.ts';
import { FRAGMENTS, fragments } from './fragments.ts';

/** Returns a frame in that many segments. All but the last have one byte. */
function inPieces(bytes: Buffer, count: number): Buffer[] {
  return cut(bytes, ...Array.from({ length: count - 1 }, (_, i) => i + 1));
}

const FEW_PINGS: readonly CaseGroup[] = [
  {
    title: 'no ping is answered',
    cases: [
      { name: 'one', segments: [frame(PING, 'a')] },
      { name: 'ten', segments: together(...Array.from({ length: 10 }, () => frame(PING, 'a'))) },
      { name: '100', segments: together(...Array.from({ length: 100 }, () => frame(PING, 'a'))) },
      { name: 'behind a text, at once', segments: together(text('a'), frame(PING, 'b')) },
      { name: 'a bad one', segments: [frame(PING, ascii(126))], outcome: 1002 },
    ],
  },
];

const FEW_FRAGMENTS: readonly CaseGroup[] = [
  {
    title: 'a message may have four fragments',
    cases: [
      { name: 'four', segments: fragments(['a', 'b', 'c', 'd']) },
      {
        name: 'four, twice',
        segments: together(...fragments(['a', 'b', 'c', 'd']), ...fragments(['a', 'b', 'c', 'd'])),
      },
      { name: 'five', segments: fragments(['a', 'b', 'c', 'd', 'e']), outcome: 1008 },
      { name: 'five, at once', segments: together(...fragments(['a', 'b', 'c', 'd', 'e'])), outcome: 1008 },
      { name: 'five empty ones', segments: fragments(['', '', '', '', '']), outcome: 1008 },
    ],
  },
];

const CHUNKS = 16;

const FEW_CHUNKS: readonly CaseGroup[] = [
  {
    title: 'a text in one frame may come in more chunks',
    cases: [
      { name: 'as many', segments: inPieces(text(ascii(200)), CHUNKS) },
      {
        name: 'more',
        segments: inPieces(text(ascii(200)), 3 * CHUNKS),
        outcome: 1008,
        differs: [acceptsText(ascii(200))],
      },
      {
        name: 'a chunk for each byte',
        segments: eachByte(text(ascii(100))),
        outcome: 1008,
        differs: [acceptsText(ascii(100))],
      },
    ],
  },
  {
    title: 'a fragment in more chunks closes with 1008',
    cases: [
      { name: 'as many', segments: [frame(FIRST, 'a'), ...inPieces(frame(LAST, ascii(100)), CHUNKS)] },
      { name: 'more', segments: [frame(FIRST, 'a'), ...inPieces(frame(LAST, ascii(100)), 3 * CHUNKS)], outcome: 1008 },
    ],
  },
];

/** @types/ws does not know this option yet. */
const FEW_PONGS: ServerOptions & { maxPendingAutoPongs: number } = { maxPendingAutoPongs: 3 };

const FEW_PENDING_PONGS: readonly CaseGroup[] = [
  {
    title: 'three pings at once are answered, and four are not',
    cases: [
      { name: 'three', segments: together(...['a', 'b', 'c'].map((one) => frame(PING, one))) },
      { name: 'four', segments: together(...['a', 'b', 'c', 'd'].map((one) => frame(PING, one))), outcome: 'cut' },
      { name: 'four one by one', segments: ['a', 'b', 'c', 'd'].map((one) => frame(PING, one)) },
    ],
  },
];

const TEXTS_AND_CLOSE: readonly CaseGroup[] = [
  {
    title: 'texts are answered before the close in their segment',
    cases: [
      { name: 'one', segments: together(text('a'), close(3001)), outcome: 3001 },
      { name: 'three', segments: together(text('a'), text('b'), text('c'), close(3001)), outcome: 3001 },
      {
        name: 'three and a bad frame',
        segments: together(text('a'), text('b'), text('c'), frame(0x83, '')),
        outcome: 1002,
      },
    ],
  },
  {
    title: 'texts, pings and fragments are answered in order',
    cases: [
      { name: 'one by one', segments: [text('a'), frame(PING, 'b'), ...fragments(['c', 'd']), text('e')] },
      { name: 'texts at once', segments: together(text('a'), text('b'), ...fragments(['c', 'd']), text('e')) },
      { name: 'ping in front, at once', segments: together(frame(PING, 'b'), text('a')) },
    ],
  },
];

export const ENGINES: readonly [title: string, engine: ServerOptions, groups: readonly CaseGroup[]][] = [
  ['autoPong: false', { autoPong: false }, FEW_PINGS],
  ['maxFragments: 4', { maxFragments: 4 }, FEW_FRAGMENTS],
  [`maxBufferedChunks: ${CHUNKS}`, { maxBufferedChunks: CHUNKS }, FEW_CHUNKS],
  ['maxPendingAutoPongs: 3', FEW_PONGS, FEW_PENDING_PONGS],
  [`maxPayload: ${LIMIT}`, { maxPayload: LIMIT }, LIMITS],
  ['allowSynchronousEvents: false', { allowSynchronousEvents: false }, TEXTS_AND_CLOSE],
  ['a class of its own', { WebSocket: class extends WebSocket {} }, [...TEXTS_AND_CLOSE, ...PINGS, ...FRAGMENTS]],
];
