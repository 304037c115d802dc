/** A session: the object that the application talks to, over all transports (docs/protocol.md, section 6). */
import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { assertText } from '../protocol/shared-message.ts';
import { withHelp } from '../util/help.ts';
import { SessionNotOpenError } from './errors.ts';
import type { SessionEvents, SessionState } from './events.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { TransportName } from './ports.ts';
import { assertRoom } from './rooms.ts';
import { streamOf } from './session-stream.ts';

/** The application's function for new sessions: called once for each, right after its open frame. May be async. */
export type SessionHandler<Data = unknown, Req extends IncomingMessage = IncomingMessage> = (
  session: Session<Data, Req>,
) => unknown;

/** The part of its lifecycle that a session object uses. */
type SessionControl = Pick<
  Lifecycle,
  | 'state'
  | 'isActive'
  | 'isEnded'
  | 'isFinished'
  | 'closing'
  | 'transport'
  | 'bufferedAmount'
  | 'outbox'
  | 'delivery'
  | 'send'
  | 'close'
  | 'fail'
  | 'enterRoom'
  | 'leaveRoom'
  | 'whenEnded'
>;

/** Makes the session object of a lifecycle. The only way to call the constructor of `Session`, which is private. */
export let createSession: <Data, Req extends IncomingMessage>(
  id: string,
  request: Req,
  data: Data | undefined,
  lifecycle: SessionControl,
) => Session<Data, Req>;

/**
 * One client, from its open frame to its close frame.
 *
 * `Data` is what the application keeps in `data`; `Req` the type of `request`.
 *
 * Listeners run synchronously in the order they were added. One that throws, or whose promise rejects, ends the session
 * with 1011 `Internal error` and its error goes to the `onError` option; there is no `error` event. A
 * {@link SessionNotOpenError} from a session that has ended is no error: it is how `recv()` says that the client left.
 *
 * @example
 * sockjs((session) => {
 *   session.on('message', (message) => session.send(message));
 *   session.on('close', ({ code, reason }) => console.log(code, reason));
 * });
 */
export class Session<
  Data = unknown,
  Req extends IncomingMessage = IncomingMessage,
> extends EventEmitter<SessionEvents> {
  /** The session id that the client chose: the second segment of the URL. Empty for a raw WebSocket, which has none. */
  readonly id: string;

  /**
   * The request that opened the session, with all that earlier middleware put on it. Express's `next`, and on a WebSocket
   * `res`, are removed: they lead nowhere once the request is answered, and would keep 4 KiB in memory.
   */
  readonly request: Req;

  /** The object that `authorize` returned, else undefined; from then on the application's own. */
  data: Data | undefined;

  readonly #lifecycle: SessionControl;
  #rooms: Set<string> | undefined;
  #abort: AbortController | undefined;

  /** Sessions are made by their router. */
  private constructor(id: string, request: Req, data: Data | undefined, lifecycle: SessionControl) {
    super({ captureRejections: true });
    this.id = id;
    this.request = request;
    this.data = data;
    this.#lifecycle = lifecycle;
  }

  static {
    createSession = (id, request, data, lifecycle) => new Session(id, request, data, lifecycle);
  }

  /** The state of the session; see {@link SessionState}. */
  get state(): SessionState {
    return this.#lifecycle.state;
  }

  /** The transport that is attached now or was the last to be. */
  get transport(): TransportName {
    return this.#lifecycle.transport;
  }

  /** Aborted when the session stops to be `active`, by any cause: for work that the application does for this client. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController();
      this.#abort = abort;
      if (this.#lifecycle.isEnded) {
        abort.abort();
      } else {
        this.#lifecycle.whenEnded(() => abort.abort());
      }
    }
    return this.#abort.signal;
  }

  /**
   * Sends a message to the client, after all those sent before. Messages sent within one turn of the event loop
   * travel as one frame; while no receiver is attached they are kept.
   *
   * @returns whether the message was accepted; false because the session is not open, or because this message went beyond
   *   `maxSendBuffer`, which closes the session. True says nothing of buffers.
   * @throws TypeError for anything but a string
   */
  send(message: string): boolean {
    assertText('session.send', message);
    return this.#lifecycle.send(message);
  }

  /**
   * Enters a room: from now on `router.to(room).send()` reaches this session, too. A session may be in any number of
   * rooms, and leaves them all when it ends. The names are the application's; a client must not choose them freely.
   *
   * @returns whether it is in the room now; false because the session is not open
   * @throws TypeError for anything but a string; RangeError for a name of more than 1024 characters
   */
  join(room: string): boolean {
    assertRoom('session.join', room);
    if (this.#lifecycle.isEnded) {
      return false;
    }
    this.#rooms ??= new Set();
    this.#rooms.add(room);
    this.#lifecycle.enterRoom(room);
    return true;
  }

  /**
   * Leaves a room.
   *
   * @returns whether it was in it; false once the session has ended
   */
  leave(room: string): boolean {
    if (this.#lifecycle.isFinished) {
      return false;
    }
    this.#lifecycle.leaveRoom(room);
    return this.#rooms?.delete(room) === true;
  }

  /** The rooms that the session is in, in the order it entered them; once it has ended, those it was in. A copy. */
  get rooms(): ReadonlySet<string> {
    return new Set(this.#rooms);
  }

  /** Bytes on their way to the client that the kernel has not taken yet: queued here, or in the connection. */
  get bufferedAmount(): number {
    return this.#lifecycle.bufferedAmount;
  }

  /** Whether `sendHighWaterMark` was reached and has not been left again: time to wait for `drain`. */
  get writableNeedDrain(): boolean {
    return this.#lifecycle.outbox.needsDrain;
  }

  /**
   * Waits until more should be sent; at once where `writableNeedDrain` is false.
   *
   * @param options.signal aborts the wait
   * @returns rejects with {@link SessionNotOpenError} when the session ends, with `signal.reason` when aborted
   *
   * @example
   * for (const row of rows) {
   *   session.send(row);
   *   await session.drained();
   * }
   */
  async drained({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    signal?.throwIfAborted();
    if (!this.#lifecycle.isActive) {
      throw new SessionNotOpenError();
    }
    await this.#lifecycle.outbox.drained(signal);
  }

  /**
   * The next message, in the order they came. Several calls at once are answered in the order they were made.
   * When the session ends, what was received before can still be read.
   *
   * @param options.signal aborts the wait; no message is lost by it
   * @returns rejects with {@link SessionNotOpenError} once the session has ended and everything has been read, with
   *   `signal.reason` when aborted, and with an `Error` while a `message` listener is there
   */
  recv({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<string> {
    return this.#lifecycle.delivery.next(signal);
  }

  /**
   * The messages as they come, as `recv()` gives them. The loop ends quietly when the session has ended and everything
   * received was read; leaving it does not close the session.
   *
   * @example
   * for await (const message of session) session.send(message);
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    const { delivery } = this.#lifecycle;
    delivery.beginLoop();
    try {
      for (;;) {
        yield await delivery.next(undefined);
      }
    } catch (error) {
      if (!(error instanceof SessionNotOpenError)) {
        throw error;
      }
    } finally {
      delivery.endLoop();
    }
  }

  /**
   * The session as a stream of strings, in object mode, for `pipeline()` and all else that takes a stream. Each call
   * returns the same one. Reading gives what `recv()` would, writing calls `send()` and waits for `drained()`, `end()`
   * calls `close()`. Once it is read, it takes all messages: a `message` listener, `recv()` and loops over the session
   * throw.
   *
   * The readable side ends when the session has ended and everything received was read. Where the client vanished, and
   * with the codes 1011 and 1013, the stream is destroyed in place of that, with a {@link SessionNotOpenError} whose
   * `cause` has code and reason. So it is when the session ends before all was written. `destroy()` closes the session
   * with 1000, as does leaving a loop over the stream while no pipeline writes to it. `destroy(error)` closes it with
   * 1011 `Internal error`.
   *
   * Errors never end the process: what a listener throws, and an `error` event without a listener, go to the `onError`
   * option, and a {@link SessionNotOpenError} nowhere.
   *
   * @example
   * import { createReadStream } from 'node:fs';
   * import { pipeline } from 'node:stream/promises';
   * import { sockjs } from 'express-sockjs';
   *
   * sockjs((session) => pipeline(createReadStream('log.txt', 'utf8'), session.stream()));
   */
  stream(): Duplex {
    return streamOf(this.#lifecycle, this);
  }

  /**
   * Closes the session. What was sent before still goes out, then the client is told code and reason; nothing that
   * comes in from now on is delivered. The `close` event follows when the client was told, or when `disconnectDelay`
   * has passed without a receiver that took it.
   *
   * @param code 1000 (default) or 3000–4999 as a rule; see {@link CloseCode}
   * @param reason at most 123 bytes of UTF-8; `Normal closure` where no code is given, else empty
   * @returns whether this call closed it; false when it was closing or closed already
   * @throws RangeError for a code or reason that cannot be sent, TypeError for a reason that is no string
   */
  close(code?: number, reason?: string): boolean {
    return this.#lifecycle.close(code, reason);
  }

  // `as never`, here and below: the base class describes a listener by a conditional type that cannot be resolved for
  // a generic event.
  override on<E extends keyof SessionEvents>(event: E, listener: (...args: SessionEvents[E]) => unknown): this {
    this.#beforeListening(event);
    return super.on(event, listener as never);
  }

  override addListener<E extends keyof SessionEvents>(
    event: E,
    listener: (...args: SessionEvents[E]) => unknown,
  ): this {
    return this.on(event, listener);
  }

  override prependListener<E extends keyof SessionEvents>(
    event: E,
    listener: (...args: SessionEvents[E]) => unknown,
  ): this {
    this.#beforeListening(event);
    return super.prependListener(event, listener as never);
  }

  /** EventEmitter passes the rejections of async listeners to this method. */
  override [EventEmitter.captureRejectionSymbol](error: unknown, ..._: unknown[]): void {
    this.#lifecycle.fail(error);
  }

  #beforeListening(event: keyof SessionEvents): void {
    if (event === 'message') {
      this.#lifecycle.delivery.beforeListening();
      return;
    }
    const meant = FOREIGN_EVENTS.get(event);
    if (meant !== undefined) {
      throw withHelp(
        'a-session-has-no-such-event',
        new TypeError(`sockjs: a session has no "${event}" event; write session.on('${meant}', …)`),
      );
    }
  }
}

/** Events of other servers and of sockets, and the session's event for each. A listener for one would never run. */
const FOREIGN_EVENTS: ReadonlyMap<string, keyof SessionEvents> = new Map([
  ['data', 'message'],
  ['end', 'close'],
  ['disconnect', 'close'],
]);
