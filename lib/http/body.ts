/** Request bodies: read within limits, or taken from a body parser that has read them (docs/protocol.md, section 8). */
import { isAscii, isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { DeadlineTimer, type TimerQueue } from '../util/timer-queue.ts';
import { hasWarned, warnOnce } from '../util/warn-once.ts';

/** Says why a body could not be read. The client gets `status` and the message. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly status: number;
  readonly reason: 'size' | 'timeout' | 'payload';
  constructor(status: number, reason: 'size' | 'timeout' | 'payload', message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** A body as text, or as earlier middleware parsed it. `bytes` is its size; 0 if only the parser knew it. */
export type Body =
  | { readonly kind: 'text'; readonly text: string; readonly bytes: number }
  | { readonly kind: 'parsed'; readonly value: unknown; readonly bytes: number };

/** The properties that body parsers for Express set on a request. */
interface MaybeParsed {
  readonly body?: unknown;
}

/** Code that wants a body, and may stop wanting it. */
export interface BodyReader {
  /** Calls back when the body is no longer wanted. The returned function unsubscribes. */
  whenEnded(callback: () => void): () => void;
}

/** Rejects a body that its reader no longer wants. */
export class UnwantedBodyError extends Error {
  override readonly name = 'UnwantedBodyError';
}

/**
 * The outcome of a body: one of the two is called, once. These are callbacks, not a promise: with promises a poll cost
 * 1.57 times bare `node:http`, with callbacks 1.37 times.
 */
export interface BodyOutcome {
  onBody(body: Body): void;
  /**
   * Gets a {@link BodyError} if the body is too large, too slow or not UTF-8; an {@link UnwantedBodyError} if its
   * reader no longer wants it; any other error if the client broke off.
   */
  onError(error: unknown): void;
}

/** The limits of a body. */
export interface BodyLimits {
  /** Bytes; a larger body is not read to its end. */
  readonly maxMessageSize: number;
  /** ms within which the body must have come in; 0 for no limit. */
  readonly receiveTimeout: number;
}

/** Reads the body of a request within the limits. `timers` measures the time. */
export function readBody(
  req: IncomingMessage,
  limits: BodyLimits,
  timers: TimerQueue,
  reader: BodyReader,
  outcome: BodyOutcome,
): void {
  const deliver = (bodyOf: () => Body) => {
    let body: Body;
    try {
      body = bodyOf();
    } catch (error) {
      outcome.onError(error);
      return;
    }
    outcome.onBody(body);
  };
  const { maxMessageSize } = limits;
  if (Number(req.headers['content-length'] ?? 0) > maxMessageSize) {
    outcome.onError(tooLarge());
  } else if (isConsumed(req)) {
    deliver(() => takeOver(req, maxMessageSize));
  } else {
    readStream(
      req,
      limits,
      timers,
      reader,
      (chunks) => deliver(() => decode(chunks)),
      (error) => outcome.onError(error),
    );
  }
}

/** Reads by events. Leaving a `for await` loop early would destroy the socket, and the answer with it. */
function readStream(
  req: IncomingMessage,
  { maxMessageSize, receiveTimeout }: BodyLimits,
  timers: TimerQueue,
  reader: BodyReader,
  onBody: (chunks: readonly Buffer[]) => void,
  onError: (error: unknown) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let timer: DeadlineTimer | undefined;
  let isSettled = false;
  const settle = (error?: Error) => {
    isSettled = true;
    timer?.clear();
    unsubscribe();
    req.off('data', onData).off('end', onEnd).off('error', settle).off('close', onClose);
    if (error !== undefined) {
      req.pause();
      onError(error);
      return;
    }
    onBody(chunks);
  };
  const onData = (chunk: Buffer | string) => {
    // A string if middleware has called setEncoding().
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    size += bytes.length;
    if (size > maxMessageSize) {
      settle(tooLarge());
    } else {
      chunks.push(bytes);
    }
  };
  const onEnd = () => settle();
  const onClose = () => settle(new Error('the client broke off'));
  const unsubscribe = reader.whenEnded(() => settle(new UnwantedBodyError()));
  req.on('data', onData).on('end', onEnd).on('error', settle).on('close', onClose);
  if (req.destroyed) {
    onClose();
  } else if (receiveTimeout > 0) {
    // Most bodies arrive in one piece with their heads, and need no timer.
    process.nextTick(() => {
      if (!isSettled) {
        timer = new DeadlineTimer(timers, {
          onTimer: () => settle(new BodyError(408, 'timeout', 'Request timeout (see the receiveTimeout option).')),
        });
        timer.limit(receiveTimeout);
      }
    });
  }
}

/** Whether middleware has read the stream. Express 4 sets `req.body = {}` without reading, so `body` says nothing. */
function isConsumed(req: IncomingMessage): boolean {
  return req.readableDidRead || req.readableEnded;
}

function tooLarge(): BodyError {
  return new BodyError(413, 'size', 'Payload too large (see the maxMessageSize option).');
}

function takeOver(req: IncomingMessage & MaybeParsed, limit: number): Body {
  const { body } = req;
  if (Buffer.isBuffer(body) || typeof body === 'string') {
    const bytes = Buffer.from(body);
    if (bytes.length > limit) {
      throw tooLarge();
    }
    return decode([bytes]);
  }
  warnIfLost(req);
  return { kind: 'parsed', value: body, bytes: Number(req.headers['content-length'] ?? 0) };
}

/**
 * Warns the operator once that middleware has read a body and kept nothing of it. The client only hears that its
 * payload is missing, and cannot mend that.
 */
function warnIfLost(req: IncomingMessage & MaybeParsed): void {
  const left = hasWarned('SOCKJS_BODY_READ') ? undefined : lostBody(req);
  if (left !== undefined) {
    warnOnce(
      'SOCKJS_BODY_READ',
      `sockjs: middleware has read the body of a send and left ${left}, so its messages are lost; ` +
        "mount SockJS before that middleware: app.use('/echo', sockjs(onSession)); app.use(middleware)",
    );
  }
}

/**
 * Says what middleware has left of a body that it read, if that cannot be what the client sent. Undefined if the client
 * itself may have sent something wrong.
 */
function lostBody(req: IncomingMessage & MaybeParsed): string | undefined {
  const { body, headers } = req;
  if (isEmpty(req)) {
    return undefined;
  }
  if (body === undefined) {
    return 'no req.body';
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return undefined;
  }
  // A parser for another type has made this object, or Express 4 has set `{}` since nothing was left to parse. An
  // object that was parsed by the type which the client named is what the client sent.
  const isOfItsType = /\b(json|x-www-form-urlencoded)\b/i.test(headers['content-type'] ?? '');
  return isOfItsType ? undefined : 'an object as req.body';
}

/**
 * Discards the body of a request that is answered without it. While a body waits to be read, Node does not read the
 * connection, and would not see that the client has left.
 */
export function discardBody(req: IncomingMessage): void {
  if (!isEmpty(req)) {
    req.resume();
  }
}

/** Whether the head says that there is no body. In HTTP/2 a body may come without a length. */
function isEmpty({ headers, httpVersionMajor }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return length === undefined
    ? headers['transfer-encoding'] === undefined && httpVersionMajor === 1
    : Number(length) === 0;
}

/** Throws a {@link BodyError} for what is no UTF-8, a RangeError where there is no memory for the text. */
function decode(chunks: readonly Buffer[]): Body {
  let bytes = 0;
  let text = '';
  for (const chunk of chunks) {
    if (!isAscii(chunk)) {
      return decodeUtf8(chunks.length === 1 ? chunk : Buffer.concat(chunks));
    }
    // Piece by piece: the memory of one buffer for all of them would cost more than all else of a large body.
    bytes += chunk.length;
    text += chunk.toString('latin1');
  }
  return { kind: 'text', text, bytes };
}

function decodeUtf8(bytes: Buffer): Body {
  if (!isUtf8(bytes)) {
    // With replacement characters the application would get text that the client has not sent.
    throw new BodyError(500, 'payload', 'Broken JSON encoding.');
  }
  return { kind: 'text', text: bytes.toString('utf8'), bytes: bytes.length };
}
