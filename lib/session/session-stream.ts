/** A session as a stream of `node:stream`: what `session.stream()` returns. */
import { EventEmitter } from 'node:events';
import { Duplex, type DuplexOptions } from 'node:stream';
// Jest's jsdom environment has no global `setImmediate`.
import { setImmediate } from 'node:timers';
import { CLOSES, CloseCode } from '../protocol/close-code.ts';
import { assertText } from '../protocol/shared-message.ts';
import { withHelp } from '../util/help.ts';
import type { Delivery } from './delivery.ts';
import { SessionNotOpenError } from './errors.ts';
import type { CloseReason, SessionCloseEvent } from './events.ts';
import type { Outbox } from './outbox.ts';

/** The lifecycle behind a session, as far as its stream uses it. */
interface StreamedSession {
  readonly isActive: boolean;
  readonly closing: CloseReason & Partial<SessionCloseEvent>;
  readonly delivery: Pick<Delivery, 'hasUnread' | 'expectReader' | 'nextForStream'>;
  readonly outbox: Pick<Outbox, 'needsDrain' | 'drained'>;
  send(message: string): boolean;
  close(code?: number, reason?: string): boolean;
  fail(error: unknown): void;
}

/** The session object, which tells when the session is over. */
interface CloseEmitter {
  once(event: 'close', listener: () => void): unknown;
}

const NO_ERROR = 'sockjs: a listener of session.stream() threw a value that is no Error';

type Callback = (error?: Error | null) => void;

/** By lifecycle. Not a field of the session: few sessions have a stream. */
const streams = new WeakMap<StreamedSession, SessionStream>();

/** The stream of a session. Each call returns the same one, so that it may be both ends of a pipeline. */
export function streamOf(session: StreamedSession, emitter: CloseEmitter): Duplex {
  const known = streams.get(session);
  if (known !== undefined) {
    return known;
  }
  const stream = new SessionStream(session);
  streams.set(session, stream);
  session.delivery.expectReader();
  // One turn later, when what the application sets up in this turn has begun to read.
  const onClose = () => setImmediate(() => stream.sessionClosed());
  if (session.closing.wasClean === undefined) {
    emitter.once('close', onClose);
  } else {
    onClose();
  }
  return stream;
}

/**
 * The session's own buffers count bytes, and slow the client or the application. Those of the stream count messages of
 * any size, so they hold one: a message that the application has yet to take, and one whose write waits to drain.
 * `captureRejections` is missing in the types of Node 20.
 */
const OPTIONS: DuplexOptions & { captureRejections: boolean } = {
  objectMode: true,
  highWaterMark: 1,
  captureRejections: true,
};

/**
 * Messages of the client are read from it, messages to the client are written to it.
 *
 * Its two sides end apart, as those of a socket with `allowHalfOpen`: in `pipeline(stream, transform, stream)` the
 * transform may still be busy when the readable side has ended. From then on `end()` succeeds, and each write fails.
 */
class SessionStream extends Duplex {
  readonly #session: StreamedSession;
  /** Whether the application has begun to read. */
  #isRead = false;
  /** Whether the application has all messages. With a high-water mark of 1, none is left in the stream then. */
  #isExhausted = false;
  /** Finishes the writable side. It waits for the end of the session. */
  #finish: (() => void) | undefined;

  constructor(session: StreamedSession) {
    super(OPTIONS);
    this.#session = session;
    // One turn later, when what listens to `end` has had the time to end the writable side.
    this.once('end', () => setImmediate(() => this.#destroyUnlessWritten()));
  }

  /** The session is over, its `close` event has been emitted. */
  sessionClosed(): void {
    this.#finish?.();
    if (!this.#isRead && this.#hasWriter && !this.writableEnded) {
      // A source that is idle would otherwise learn of the end with its next message, which may never come.
      this.destroy(this.#notOpenError());
    } else {
      this.#isExhausted ||= !this.#isRead && !this.#session.delivery.hasUnread;
      this.#endReading();
    }
  }

  override _read(): void {
    this.#isRead = true;
    this.#session.delivery.nextForStream().then(
      (message) => this.push(message),
      (error: unknown) => {
        if (error instanceof SessionNotOpenError) {
          this.#isExhausted = true;
          this.#endReading();
        } else {
          this.#fail(error);
        }
      },
    );
  }

  override _write(chunk: unknown, _: BufferEncoding, callback: Callback): void {
    try {
      assertMessage(chunk);
    } catch (error) {
      callback(error as TypeError);
      return;
    }
    const { outbox } = this.#session;
    if (!this.#session.send(chunk)) {
      callback(this.#notOpenError());
    } else if (outbox.needsDrain && this.#session.isActive) {
      outbox.drained(undefined).then(
        () => callback(),
        () => callback(this.#notOpenError()),
      );
    } else {
      callback();
    }
  }

  override _final(callback: Callback): void {
    const isOwnClose = this.#session.close();
    const finish = () => {
      const isComplete = isOwnClose || this.#isExhausted;
      callback(isComplete && isNormal(this.#session.closing) ? null : this.#notOpenError());
    };
    if (this.#session.closing.wasClean === undefined) {
      this.#finish = finish;
    } else {
      finish();
    }
  }

  override _destroy(error: Error | null, callback: Callback): void {
    const isFailure = error !== null && !isAbort(error);
    if (isFailure) {
      this.#session.close(CLOSES.internalError.code, CLOSES.internalError.reason);
    } else {
      this.#session.close();
    }
    callback(isFailure ? error : null);
  }

  /**
   * Node's own iterator destroys the stream at the end of each loop. A generator in a pipeline could then no longer send
   * what it makes of the last message.
   */
  override async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    try {
      yield* this.iterator({ destroyOnReturn: false });
    } finally {
      // One turn later: where an error has left the loop and rejects `onSession`, that closes the session with 1011.
      setImmediate(() => this.#destroyUnlessWritten());
    }
  }

  /**
   * As with the session's own listeners, an error that a listener throws, or an `error` event without a listener, ends
   * the session and never the process.
   */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    try {
      return super.emit(event, ...args);
    } catch (error) {
      this.#fail(error);
      return true;
    }
  }

  /** EventEmitter passes the rejections of async listeners to this method. */
  override [EventEmitter.captureRejectionSymbol](error: unknown, ..._: unknown[]): void {
    this.#fail(error);
  }

  /** The application has failed. Its `error` listeners are told; where there are none, `emit` comes here once more. */
  #fail(error: unknown): void {
    if (this.destroyed) {
      this.#session.fail(error);
    } else {
      this.destroy(error instanceof Error ? error : new Error(NO_ERROR, { cause: error }));
    }
  }

  /** All is read and the session is over: the readable side ends, or breaks off where messages may have been lost. */
  #endReading(): void {
    const { closing } = this.#session;
    if (!this.#isExhausted || closing.wasClean === undefined) {
      return;
    }
    if (isNormal(closing)) {
      this.push(null);
      // Emits `end` where the application does not read.
      this.read(0);
    } else {
      this.destroy(this.#notOpenError());
    }
  }

  /**
   * The application has read all that it wants: without this, no `close` would follow where it writes nothing. `end()` in
   * its place would be wrong: a pipeline that is set up later would take the finished stream for one that sends.
   */
  #destroyUnlessWritten(): void {
    if (!this.#hasWriter) {
      this.destroy();
    }
  }

  /** Whether a `pipe()` or a `pipeline()` writes to the stream: each of them listens to one of these events. */
  get #hasWriter(): boolean {
    return this.listenerCount('unpipe') > 0 || this.listenerCount('drain') > 0;
  }

  #notOpenError(): SessionNotOpenError {
    return new SessionNotOpenError({ cause: { ...this.#session.closing } });
  }
}

/** @throws TypeError for anything but a string */
function assertMessage(chunk: unknown): asserts chunk is string {
  if (chunk instanceof Uint8Array) {
    throw withHelp(
      'sessionstream-takes-strings-not-bytes',
      new TypeError(
        "sockjs: session.stream() takes strings, not bytes; call setEncoding('utf8') on the stream that they come from",
      ),
    );
  }
  assertText('session.stream().write', chunk);
}

/** Whether both sides know of the end, and neither has given up. */
function isNormal({ code, wasClean }: Partial<SessionCloseEvent>): boolean {
  return wasClean === true && code !== CloseCode.InternalError && code !== CloseCode.TryAgainLater;
}

/** Whether Node destroys the stream since a web stream made of it was cancelled. That is no failure. */
function isAbort(error: Error): boolean {
  return error.name === 'AbortError' && error.cause === undefined;
}
