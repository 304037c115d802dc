/**
 * The response to an upgrade. Node makes none, and without one no middleware could see an upgrade.
 *
 * Bypass: the `ServerResponse` is made here, and gets a stream of this package for a socket by `assignSocket()`, which
 * Node does not document. Where a handshake is done and nothing waits for the end of the response, it is marked as
 * ended, and no head is written to that stream. As with deferred headers, Node then stores none of ours.
 *
 * - Gain of the mark: 3.4 of 18.1 KiB that a handshake allocates (bench/NOTES.md).
 * - Guard of the mark: {@link isObserved}. Monitoring, middleware that replaces a method, a listener, and a subscriber of
 *   `sockjs:request` each have the response end as any other does.
 * - Spec: spec/unit/upgrade/upgrade-response.spec.ts, spec/unit/upgrade/attach-upgrade.spec.ts.
 * - To switch it off: make `isObserved` return true.
 */
import { type IncomingMessage, ServerResponse } from 'node:http';
import { dropResponse } from '../http/express.ts';
import { isHeadObserved, takeDeferred } from '../http/head.ts';
import { isReported } from '../http/report.ts';
import type { ResponseSocket } from './response-socket.ts';

/**
 * Makes the response to an upgrade. It is made from what Node reads of a request, not from `req`: in Bun, a response
 * that is made from a request of its server writes to the connection of that request, past any assigned socket.
 */
export function responseTo(req: IncomingMessage): ServerResponse {
  const { method, url, httpVersionMajor, httpVersionMinor, headers } = req;
  const res = new ServerResponse({ method, url, httpVersionMajor, httpVersionMinor, headers } as IncomingMessage);
  // Read-only in the types of Node alone.
  (res as { req: IncomingMessage }).req = req;
  res.shouldKeepAlive = false;
  return res;
}

/** Does for a response what Node does for those that it makes itself. */
export function connectResponse(req: IncomingMessage, res: ServerResponse, responseSocket: ResponseSocket): void {
  res.on('finish', () => {
    if (res.socket === null) {
      // Marked as ended, and released.
      return;
    }
    release(res, responseSocket);
    responseSocket.end();
    process.nextTick(emitClose, req, res);
  });
  res.assignSocket(socketOf(responseSocket));
}

/**
 * Ends the response with 101, since middleware may wait for `writeHead` and `end`.
 *
 * @returns the headers of middleware, as lines for the 101 of ws
 */
export function endForHandshake(req: IncomingMessage, res: ServerResponse, responseSocket: ResponseSocket): string[] {
  if (isObserved(res, responseSocket)) {
    res.writeHead(101);
    res.end();
    return linesSetOn(res);
  }
  const deferred = takeDeferred(res);
  const lines = deferred === undefined ? linesSetOn(res) : linesOf(Object.keys(deferred), (name) => deferred[name]);
  markEnded(res);
  responseSocket.letGo();
  process.nextTick(emitEnd, req, res, responseSocket);
  return lines;
}

/** Tells listeners of the end. In a later tick, as Node does: middleware may look at the response when `next()` returns. */
function emitEnd(req: IncomingMessage, res: ServerResponse, responseSocket: ResponseSocket): void {
  release(res, responseSocket);
  try {
    res.emit('finish');
  } finally {
    emitClose(req, res);
  }
}

function emitClose(req: IncomingMessage, res: ServerResponse): void {
  res.emit('close');
  dropResponse(req, res);
}

/** Whether the end of a response runs, or may run, any code that is not of this package or Node. */
function isObserved(res: ServerResponse, responseSocket: ResponseSocket): boolean {
  return (
    // Our listener for `finish` stands for that of Node.
    isHeadObserved(res, 0) || isReported(res) || responseSocket.listenerCount('finish') > 0
  );
}

/** What Node does not document. */
interface Internals {
  /** The text of the head; `headersSent` tells whether there is one. */
  _header: string | null;
  /** Ends the measurement for a PerformanceObserver and for trace events, and emits `prefinish`. */
  _finish?(): void;
}

/** Has a response show that it has ended with 101, as it would after `writeHead` and `end`. */
function markEnded(res: ServerResponse): void {
  res.statusCode = 101;
  res.statusMessage = 'Switching Protocols';
  const internals = res as ServerResponse & Internals;
  internals._header = 'HTTP/1.1 101 Switching Protocols\r\n\r\n';
  // Deprecated for reading, since `writableEnded` returns it.
  res.finished = true;
  internals._finish?.();
}

/** Separates a response that has ended from its socket. */
function release(res: ServerResponse, responseSocket: ResponseSocket): void {
  res.detachSocket(socketOf(responseSocket));
  res.destroyed = true;
}

function socketOf(responseSocket: ResponseSocket): NonNullable<ServerResponse['socket']> {
  return responseSocket as unknown as NonNullable<ServerResponse['socket']>;
}

/** Whether ws writes a header itself, or it belongs to a body. The name is in lower case. */
function isExcluded(name: string): boolean {
  return EXCLUDED.has(name) || name.startsWith('content-') || name.startsWith('sec-websocket-');
}

const EXCLUDED: ReadonlySet<string> = new Set(['connection', 'upgrade', 'date', 'transfer-encoding']);

/** Returns headers as lines, their names as Node returns them: in lower case. `getValue` returns the value of each. */
function linesOf(names: readonly string[], getValue: (name: string) => HeaderValue): string[] {
  const lines: string[] = [];
  for (const name of names) {
    const lower = name.toLowerCase();
    const value = isExcluded(lower) ? undefined : getValue(name);
    if (Array.isArray(value)) {
      lines.push(...value.map((one) => `${lower}: ${one}`));
    } else if (value !== undefined) {
      lines.push(`${lower}: ${value}`);
    }
  }
  return lines;
}

/** Returns the headers that are set on a response. `getHeaders()` would copy them to an object first. */
function linesSetOn(res: ServerResponse): string[] {
  return linesOf(res.getHeaderNames(), (name) => res.getHeader(name));
}

type HeaderValue = ReturnType<ServerResponse['getHeader']>;
