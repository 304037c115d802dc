/** Request bodies: read within bounds, or taken over from a body parser that was there first (PROTOCOL.md section 8). */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { DeadlineTimer, type TimerQueue } from '../util/timer-queue.ts';

/** A body that could not be read; `status` and the message are what the client gets. */
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

/** A body as it came, or as earlier middleware parsed it; `bytes` is its size, 0 where only the parser knew. */
export type Body =
  | { readonly kind: 'text'; readonly text: string; readonly bytes: number }
  | { readonly kind: 'parsed'; readonly value: unknown; readonly bytes: number };

/** What body parsers of the Express world leave on a request. */
interface MaybeParsed {
  readonly body?: unknown;
  /** Set by body-parser once it has read the stream. */
  readonly _body?: unknown;
}

/** Somebody who wants a body, and may stop wanting it. */
export interface BodyReader {
  /** Calls back when it wants the body no more; what is returned takes that back. */
  whenEnded(callback: () => void): () => void;
}

/** What a body is rejected with that its reader does not want any more. */
export class UnwantedBodyError extends Error {
  override readonly name = 'UnwantedBodyError';
}

/** What becomes of a body: one of the two is called, once. Callbacks, since a promise for each send would be felt. */
export interface BodyOutcome {
  onBody(body: Body): void;
  /**
   * A {@link BodyError} where it is larger than allowed, too slow or no UTF-8, {@link UnwantedBodyError} once nobody wants
   * it any more, and any other error where the client broke off.
   */
  onError(error: unknown): void;
}

/** What bounds a body. */
export interface BodyLimits {
  /** Bytes of a body, of which not one more is read. */
  readonly maxMessageSize: number;
  /** ms within which it must have come; 0 for any. */
  readonly receiveTimeout: number;
}

/** Reads the body of a request, within the limits, by the time of `clock`. */
export function readBody(
  req: IncomingMessage,
  limits: BodyLimits,
  timers: TimerQueue,
  reader: BodyReader,
  outcome: BodyOutcome,
): void {
  const give = (bodyOf: () => Body) => {
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
    give(() => takeOver(req, maxMessageSize));
  } else {
    readStream(
      req,
      limits,
      timers,
      reader,
      (bytes) => give(() => decode(bytes)),
      (error) => outcome.onError(error),
    );
  }
}

/** Events rather than `for await`, which would destroy the socket, and the answer with it, when left early. */
function readStream(
  req: IncomingMessage,
  { maxMessageSize, receiveTimeout }: BodyLimits,
  timers: TimerQueue,
  reader: BodyReader,
  onBody: (bytes: Buffer) => void,
  onError: (error: unknown) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let timer: DeadlineTimer | undefined;
  let isSettled = false;
  const settle = (error?: Error) => {
    isSettled = true;
    timer?.clear();
    forget();
    req.off('data', onData).off('end', onEnd).off('error', settle).off('close', onClose);
    if (error !== undefined) {
      req.pause();
      onError(error);
      return;
    }
    onBody(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
  };
  const onData = (chunk: Buffer | string) => {
    // A string where somebody called setEncoding().
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
  const forget = reader.whenEnded(() => settle(new UnwantedBodyError()));
  req.on('data', onData).on('end', onEnd).on('error', settle).on('close', onClose);
  if (req.destroyed) {
    onClose();
  } else if (receiveTimeout > 0) {
    // Most bodies come in one piece with their heads, and need no timer.
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

/**
 * Whether somebody has read the stream. Express 4 sets `req.body = {}` without reading, so `body` alone says nothing.
 */
function isConsumed(req: IncomingMessage & MaybeParsed): boolean {
  return req._body === true || req.readableDidRead || req.readableEnded;
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
    return decode(bytes);
  }
  warnIfLost(req);
  return { kind: 'parsed', value: body, bytes: Number(req.headers['content-length'] ?? 0) };
}

let warnedOfLostBody = false;

/** The client can only be told that its payload is missing; who can mend it is whoever wrote the middleware. */
function warnIfLost(req: IncomingMessage & MaybeParsed): void {
  const left = warnedOfLostBody ? undefined : lostBody(req);
  if (left !== undefined) {
    warnedOfLostBody = true;
    process.emitWarning(
      `sockjs: middleware has read the body of a send and left ${left}, so its messages are lost; ` +
        "mount SockJS before that middleware: app.use('/echo', sockjs(onSession)); app.use(middleware)",
      { code: 'SOCKJS_BODY_READ' },
    );
  }
}

/**
 * What is left of a body that somebody has read, where that cannot hold what was sent: the server's mistake, not the
 * client's. Undefined where it may be the client that is wrong.
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
  // Made by a parser for another type, or the `{}` that Express 4 puts where there was nothing left to parse. What was
  // parsed as the client said it was, is the client's.
  const isOfItsType = /\b(json|x-www-form-urlencoded)\b/i.test(headers['content-type'] ?? '');
  return isOfItsType ? undefined : 'an object as req.body';
}

/**
 * Throws the body of a request away that is answered without it. Node stops reading a connection on which a body waits to
 * be read, and would not see that the client has left.
 */
export function discardBody(req: IncomingMessage): void {
  if (!isEmpty(req)) {
    req.resume();
  }
}

/** Whether a request has no body, by its head. HTTP/2 need not say how long one is. */
function isEmpty({ headers, httpVersionMajor }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return length === undefined
    ? headers['transfer-encoding'] === undefined && httpVersionMajor === 1
    : Number(length) === 0;
}

function decode(bytes: Buffer): Body {
  if (!isUtf8(bytes)) {
    // Not decoded with replacement characters: the application would get text that nobody sent.
    throw new BodyError(500, 'payload', 'Broken JSON encoding.');
  }
  return { kind: 'text', text: bytes.toString('utf8'), bytes: bytes.length };
}
