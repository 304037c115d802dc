/**
 * How bytes leave on a response: head, prelude, frames, end.
 *
 * Bypass: frames of a stream go past `res.write()`, straight to the connection.
 *
 * - What: this module puts the chunked transfer coding around a frame itself and gives the socket one buffer.
 * - Why: `res.write()` gives the socket three pieces a frame: size, frame and end of the chunk. One piece brought a
 *   delivery of a broadcast from 6.5 to 4.0 µs. All receivers of a broadcast share one buffer. All streams share the
 *   buffer of the prelude, which saves 1.5 KiB a stream.
 * - Guard: see `bareSocket`. Where a condition fails, even in the middle of a stream, frames go through `res.write()`.
 *   `addsCorksOfSocket` asks once how this version of Node counts corks, by a response of its own.
 * - To switch it off: replace `res.write`, on one response or on the prototype. Monitoring and middleware do that.
 * - Specs: `spec/unit/transports/http/response-writer.spec.ts`, `spec/unit/util/pristine.spec.ts`.
 */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
// Jest's jsdom environment has no global `setImmediate`.
import { setImmediate } from 'node:timers';
import { dropNext } from '../../http/express.ts';
import { flushHead, isHeadKnown, setHeader, writeHead } from '../../http/head.ts';
import { isWritePristine } from '../../http/pristine-response.ts';
import type { SharedMessage } from '../../protocol/shared-message.ts';
import type { TransportName } from '../../protocol/transports.ts';
import { encodingOf } from '../../util/ascii.ts';
import { RUNTIME } from '../../util/runtime.ts';

/** How many listeners for `finish`, and how many for `close`, the transport has on its response. */
const OWN_LISTENERS = 1;

/** A response of compression middleware, which can be told not to wait for more. */
interface MaybeCompressed {
  readonly flush?: unknown;
}

/**
 * Sets what the head of the response says of its frames. A stream sends head and prelude at once; a poll, which has no
 * prelude, sends its head with its frame.
 */
export function startResponse(res: ServerResponse, name: TransportName, contentType: string, prelude: string): void {
  setHeader(res, 'Content-Type', contentType);
  if (prelude !== '') {
    setHeader(res, 'X-Accel-Buffering', 'no');
    writePrelude(res, name, prelude);
    dropNext(res.req, res);
  }
}

/** Has the connection gather what is written, until the caller uncorks it. Returns undefined where it must not. */
export function cork(res: ServerResponse): Socket | undefined {
  // The streams of an HTTP/2 connection share one socket.
  const socket = res.req.httpVersionMajor === 1 ? res.socket : null;
  socket?.cork();
  return socket ?? undefined;
}

/** Sends the head and the prelude, in one write to the connection. */
function writePrelude(res: ServerResponse, name: TransportName, prelude: string): void {
  const corked = cork(res);
  try {
    writeHead(res, 200, OWN_LISTENERS);
    flushHead(res);
    const socket = bareSocket(res);
    if (socket === undefined) {
      writeByNode(res, prelude, undefined);
    } else {
      socket.write(preludeChunk(name, prelude));
    }
  } finally {
    corked?.uncork();
  }
}

/**
 * Sends one frame of a response that goes on.
 *
 * @param onFlushed called when the kernel has taken the frame
 * @param shared the message of a broadcast that the frame holds alone; its chunk is kept for other responses
 */
export function writeFrame(
  res: ServerResponse,
  name: TransportName,
  frame: string | Buffer,
  onFlushed: (() => void) | undefined,
  shared: SharedMessage | undefined,
): void {
  const socket = bareSocket(res);
  if (socket === undefined) {
    writeByNode(res, frame, onFlushed);
  } else {
    socket.write(shared?.chunkCoded(name, () => chunkCoded(frame)) ?? chunkCoded(frame), onFlushed);
  }
}

/**
 * Sends a part of a response that goes on, be it a poll: that has sent no head before its first bytes. Middleware that
 * writes by itself may drop the callback of a write; it then is called when the response has drained.
 */
export function writePiece(res: ServerResponse, name: TransportName, bytes: Buffer, onFlushed: () => void): void {
  if (!res.headersSent) {
    writeHead(res, 200, OWN_LISTENERS);
  }
  writeFrame(res, name, bytes, onFlushed, undefined);
  if (res.writableNeedDrain && res.listenerCount('drain', onFlushed) === 0) {
    res.once('drain', onFlushed);
  }
}

/** Ends the response, after one more frame if there is one. A response that has sent no head gets its length. */
export function endResponse(res: ServerResponse, frame: string | Buffer | undefined): void {
  if (res.headersSent) {
    res.end(frame);
    return;
  }
  const size = frame === undefined ? 0 : Buffer.byteLength(frame);
  setHeader(res, 'Content-Length', size);
  writeHead(res, 200, OWN_LISTENERS);
  if (size >= LARGE && size === frame?.length && isHeadKnown(res)) {
    // ASCII, as in `encodingOf`. Node writes the head in the encoding of the frame.
    res.end(frame, 'latin1');
  } else {
    res.end(frame);
  }
}

/** Bytes of a frame from which on it is worth looking at the head. */
const LARGE = 16_384;

function writeByNode(res: ServerResponse & MaybeCompressed, frame: string | Buffer, onFlushed?: () => void): void {
  // Bun calls back while `res.writableLength` still counts the bytes that have left.
  res.write(frame, RUNTIME === 'bun' && onFlushed !== undefined ? () => setImmediate(onFlushed) : onFlushed);
  if (res.writableCorked > 0) {
    // Node 26.10 corks a response until the tick is over. All frames of a tick would then be one chunk, where
    // docs/protocol.md, section 10, wants one chunk a frame.
    res.uncork();
  }
  if (typeof res.flush === 'function') {
    res.flush();
  }
}

/**
 * The connection, where a frame may go past `res.write()`. That is so when
 *
 * - the head has left, and promised chunks: HTTP/1.0 and HTTP/2 know none. `headersSent` says that it was put together,
 *   `_headerSent` that it has left,
 * - nothing waits in a corked response, or the frame would overtake it,
 * - it is the turn of this response on its connection, which Node has not begun to end: it does when a client
 *   half-closes,
 * - nothing replaced a method of the response that `res.write()` would call.
 */
function bareSocket(res: ServerResponse & { readonly _headerSent?: boolean }): Socket | undefined {
  const { socket, chunkedEncoding, writableCorked, _headerSent: hasHeadLeft = false } = res;
  if (!hasHeadLeft || !chunkedEncoding || socket?.writable !== true) {
    return undefined;
  }
  const corks = COUNTS_SOCKET ? writableCorked - socket.writableCorked : writableCorked;
  return corks === 0 && isWritePristine(res) ? socket : undefined;
}

/** Whether a response adds the corks of its socket to its own, as in Node 20. Nothing waits in the response for those. */
const COUNTS_SOCKET = RUNTIME === 'node' && addsCorksOfSocket();

function addsCorksOfSocket(): boolean {
  const socket = new Duplex();
  socket.cork();
  const res = new ServerResponse({ method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 } as IncomingMessage);
  res.assignSocket(socket as Socket);
  return res.writableCorked > 0;
}

/** The prelude that each transport has sent last, and its chunk. */
const preludes = new Map<TransportName, { readonly text: string; readonly chunk: Buffer }>();

/** A prelude as a chunk. The last one serves where it is the same: a buffer a stream would leave holes in memory. */
function preludeChunk(name: TransportName, text: string): Buffer {
  const last = preludes.get(name);
  if (last?.text === text) {
    return last.chunk;
  }
  const chunk = chunkCoded(text);
  preludes.set(name, { text, chunk });
  return chunk;
}

const [CR, LF] = [0x0d, 0x0a];

/**
 * One chunk of the chunked transfer coding (RFC 9112, section 7.1). It is written into one buffer, so that a large frame is
 * copied once. The bytes of the size and the line ends are set one by one: a call of `write()` costs more than all of them.
 */
function chunkCoded(frame: string | Buffer): Buffer {
  const size = Buffer.byteLength(frame);
  const digits = size.toString(16);
  const start = digits.length + 2;
  const end = start + size;
  const chunk = Buffer.allocUnsafe(end + 2);
  for (let i = 0; i < digits.length; i += 1) {
    chunk[i] = digits.charCodeAt(i);
  }
  chunk[start - 2] = CR;
  chunk[start - 1] = LF;
  if (typeof frame === 'string') {
    chunk.write(frame, start, encodingOf(frame, size));
  } else {
    chunk.set(frame, start);
  }
  chunk[end] = CR;
  chunk[end + 1] = LF;
  return chunk;
}
