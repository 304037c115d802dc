/** All intended differences between the package and ws, with their reasons. */
import { closePayload, serverFrame } from '../upgrade-client.ts';
import { SENTINEL, type Transcript } from './conversation.ts';
import { isClose, isControl, type ServerFrame } from './server-frames.ts';

/** Turns the transcript of ws into the one that the package must produce. */
export type Difference = (ws: Transcript) => Transcript;

/** Headers that SockJS sets on every response (docs/protocol.md, section 2). */
const HEADERS = ['cache-control: no-store, no-cache, no-transform, must-revalidate, max-age=0', 'vary: Origin'];

/** Express middleware may set headers of the 101 response, and SockJS does. Applies to every case. */
export const ownHeaders: Difference = (ws) =>
  ws.head.startsWith('HTTP/1.1 101 ') ? { ...ws, head: [ws.head, ...HEADERS].join('\r\n') } : ws;

const isText = ({ first }: ServerFrame) => (first & 0x0f) === 1;
const isBinary = ({ first }: ServerFrame) => (first & 0x0f) === 2;

const TEXT_ONLY = 'Text messages only.';

/**
 * SockJS carries only text (docs/protocol.md, section 6.9), so the first binary message closes with 1003. The package
 * answers all messages before it and none after it.
 */
export const textOnly: Difference = (ws) => {
  const before = ws.frames.slice(0, ws.frames.findIndex(isBinary));
  return {
    ...ws,
    frames: [...before, madeFrame(serverFrame(8, closePayload(1003, TEXT_ONLY)))],
    isOpen: false,
    messages: ws.messages.slice(
      0,
      ws.messages.findIndex((message) => typeof message !== 'string'),
    ),
    closed: { code: 1003, reason: TEXT_ONLY, wasClean: false },
  };
};

/**
 * A session writes what the application sends at the end of the turn, in one write. ws writes pongs at once, so they
 * leave before the answers to the messages of the same segment. RFC 6455 leaves this order open.
 */
export const pongsFirst: Difference = (ws) => {
  // The last answer was sent in a later turn.
  const end = ws.isOpen ? ws.frames.findLastIndex(isText) : ws.frames.findLastIndex(isClose);
  const together = ws.frames.slice(0, end < 0 ? undefined : end);
  return {
    ...ws,
    frames: [
      ...together.filter(isControl),
      ...together.filter((frame) => !isControl(frame)),
      ...(end < 0 ? [] : ws.frames.slice(end)),
    ],
  };
};

/**
 * After a message over the limit, ws reports 1006 to the application. The package reports the code that the client got.
 */
export const reportsTooBig: Difference = (ws) => ({
  ...ws,
  closed: { code: 1009, reason: 'Message too big.', wasClean: false },
});

/**
 * The reader of the package collects up to 1024 chunks of one frame itself, and copies them once. So a text in one
 * frame may come in more chunks than `maxBufferedChunks`, for which ws closes with 1008.
 */
export const acceptsText =
  (text: string): Difference =>
  (ws) => ({
    ...ws,
    frames: [textFrame(text), textFrame(SENTINEL), serverFrame(8, closePayload(1000))].map(madeFrame),
    isOpen: true,
    messages: [text, SENTINEL],
    closed: { code: 1000, reason: '', wasClean: true },
  });

const textFrame = (text: string) => {
  const { length } = text;
  return length < 126 ? serverFrame(1, text) : `\x81\x7e${String.fromCharCode(length >> 8, length & 0xff)}${text}`;
};

function madeFrame(latin1: string): ServerFrame {
  const bytes = Buffer.from(latin1, 'latin1');
  return { first: bytes[0] ?? 0, payload: bytes.subarray(2), bytes };
}
