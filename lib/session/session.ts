/** A session: what the application talks to, whichever transport carries it (PROTOCOL.md section 6). */
import { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Metrics } from '../metrics.ts';
import { assertClosable, CloseCode } from '../protocol/close-code.ts';
import { assertText, type SharedMessage } from '../protocol/shared-message.ts';
import { debugSession } from '../util/debug.ts';
import { flushAfterTurn } from '../util/flush-queue.ts';
import { DeadlineTimer, type TimerQueue } from '../util/timer-queue.ts';
import { Inbox, SessionNotOpenError } from './inbox.ts';
import { Outbox } from './outbox.ts';
import type { Outgoing, Receiver, TransportName } from './ports.ts';
import type { Rooms } from './rooms.ts';

/**
 * Where a session stands.
 *
 * - `opening`: made, its open frame not sent yet; an application never sees it
 * - `active`: messages travel both ways
 * - `closing`: `close()` was called; what was queued and the close frame are on their way to the client
 * - `closed`: over; the `close` event has been or is about to be emitted
 */
export type SessionState = 'opening' | 'active' | 'closing' | 'closed';

/** Why and how a session ended: the argument of its `close` event. */
export interface SessionCloseEvent {
  /**
   * The code given to `close()`, or the client's own on a WebSocket (1005 where it gave none), 1002 when a receiving
   * request was lost or none came back in time, 1006 when a WebSocket broke, 1011 when the application threw.
   */
  readonly code: number;
  /** The text that came with the code; may be empty. */
  readonly reason: string;
  /** Whether both sides know: the close frame went out to the client, or the WebSocket closing handshake was done. */
  readonly wasClean: boolean;
}

/** The events of a session and the arguments of their listeners. */
export interface SessionEvents {
  /** A message came in. Never emitted after `close()` was called or the session ended. */
  message: [message: string];
  /** Less than `sendHighWaterMark` waits to leave again, after `writableNeedDrain` had been true. */
  drain: [];
  /** The session is over. Emitted exactly once, as the last event, never within a call of the application's. */
  close: [event: SessionCloseEvent];
}

/** Which requests may ask for a session: those of the same family of transports and of the same client. */
export interface SessionIdentity {
  /** Transports of one family can take turns on a session. Each WebSocket is a family of its own, never asked for. */
  readonly family: 'xhr' | 'jsonp' | 'websocket';
  /** What `identify` returned, empty where there is no such option. */
  readonly client: string;
  /** Whom `maxSessionsPerClient` counts the session for. */
  readonly quotaKey: string;
}

/** What a session needs to know from the mount that it belongs to. */
export interface SessionEnvironment<Data, Req extends IncomingMessage> {
  readonly onSession: SessionHandler<Data, Req>;
  readonly onError: (error: unknown, session: Session<Data, Req>) => unknown;
  /** ms of silence before a heartbeat; 0 for none. */
  readonly heartbeatDelay: number;
  /** ms that a session waits for a receiver. */
  readonly disconnectDelay: number;
  /** Bytes queued towards the client over which the session is closed. */
  readonly maxSendBuffer: number;
  /** Bytes queued towards the client from which on the application should wait for `drain`. */
  readonly sendHighWaterMark: number;
  /** Bytes received and not read over which the client is slowed. */
  readonly maxReceiveBuffer: number;
  /** ms that a slowed client waits while nothing is read. */
  readonly receiveStallTimeout: number;
  readonly metrics: Metrics;
  /** Keeps the time for all sessions of the mount. */
  readonly timers: TimerQueue;
  readonly rooms: Rooms<Session<Data, Req>>;
  /** Called once, when the session is over: the store forgets it, and remembers how it ended. */
  readonly onEnd: (session: Session<Data, Req>, event: SessionCloseEvent) => void;
}

/** What an application does with a new session; called once for each, right after its open frame. May be async. */
export type SessionHandler<Data = unknown, Req extends IncomingMessage = IncomingMessage> = (
  session: Session<Data, Req>,
) => unknown;

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
   * The request that opened the session, with whatever earlier middleware put on it, but for Express's `next` (and `res`,
   * on a WebSocket), which are taken away once they lead nowhere any more.
   */
  readonly request: Req;

  /** The object that `authorize` returned, else undefined; from then on the application's own. */
  data: Data | undefined;

  /** @internal Compared by the session store. */
  readonly identity: SessionIdentity;

  readonly #environment: SessionEnvironment<Data, Req>;
  #state: SessionState = 'opening';
  #transport: TransportName;

  #receiver: Receiver | undefined;
  /** The receiver before, while what it took is still on its way. */
  #flushing: Set<Receiver> | undefined;
  readonly #outbox: Outbox;
  #flushScheduled = false;
  #rooms: Set<string> | undefined;
  /** Of whoever sent what reached the mark: its `drain` belongs there. */
  #drainContext: AsyncResource | undefined;
  /** Whether the client let more than `maxSendBuffer` pile up. */
  #isTooSlow = false;

  /** Made when the first message has to wait for a reader, or a reader for a message. */
  #inbox: Inbox | undefined;
  #iterators = 0;
  /** Whether anybody ever listened or read: until then, and once `onSession` is through, nobody will. */
  #wasRead = false;
  #isSetUp = false;
  /** Whether its opening was counted: its end is counted only then. */
  #wasOpened = false;

  #closing: Omit<SessionCloseEvent, 'wasClean'> = NOT_CLOSED;
  #closeFrameSent = false;
  #isFinished = false;
  #abort: AbortController | undefined;
  #whenEnded: Set<() => void> | undefined;

  /**
   * While the session is open and has a receiver, set to the end of a silence, which calls for a heartbeat. While it is
   * open and nobody takes what it sends, or closing on an HTTP transport, whose client may come for the close frame, set
   * to the end of its patience. Not set while the last receiver's bytes are still leaving, nor on a WebSocket session
   * that is closing, which waits for its socket.
   */
  readonly #timer: DeadlineTimer;

  /** @internal Sessions are made by the session store. */
  constructor(
    id: string,
    request: Req,
    transport: TransportName,
    identity: SessionIdentity,
    data: Data | undefined,
    environment: SessionEnvironment<Data, Req>,
  ) {
    super({ captureRejections: true });
    this.id = id;
    this.request = request;
    this.#transport = transport;
    this.identity = identity;
    this.data = data;
    this.#environment = environment;
    this.#outbox = new Outbox(environment);
    this.#timer = new DeadlineTimer(environment.timers, this);
    this.#arm();
  }

  /** Where the session stands; see {@link SessionState}. */
  get state(): SessionState {
    return this.#state;
  }

  /** The transport that is attached now or was the last to be. */
  get transport(): TransportName {
    return this.#transport;
  }

  /** Aborted when the session leaves `active`, by whatever cause; for whatever the application does for this client. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#isEnded) {
        this.#abort.abort();
      }
    }
    return this.#abort.signal;
  }

  /**
   * Sends a message to the client, after all those sent before. Messages sent within one turn of the event loop
   * travel as one frame; while no receiver is attached they are kept.
   *
   * @returns whether the message was accepted; false because the session is not open. It says nothing of buffers.
   * @throws TypeError for anything but a string
   */
  send(message: string): boolean {
    assertText('session.send', message);
    return this.#state === 'active' && this.#queue(message, message, Buffer.byteLength(message));
  }

  /** @internal One message of a broadcast; as `send` in all else. */
  sendShared(message: SharedMessage): boolean {
    return this.#state === 'active' && this.#queue(message, message.text, message.bytes);
  }

  /**
   * Enters a room: from now on `router.to(room).send()` reaches this session, too. A session may be in any number of
   * rooms, and leaves them all when it ends. The names are the application's; a client must not choose them freely.
   *
   * @returns whether it is in the room now; false because the session is not open
   * @throws TypeError for anything but a string
   */
  join(room: string): boolean {
    if (typeof room !== 'string') {
      throw new TypeError(
        `sockjs: session.join() takes the name of a room, not ${room === null ? 'null' : typeof room}`,
      );
    }
    if (this.#isEnded) {
      return false;
    }
    this.#rooms ??= new Set();
    this.#rooms.add(room);
    this.#environment.rooms.enter(room, this);
    return true;
  }

  /**
   * Leaves a room.
   *
   * @returns whether it was in it; false once the session has ended
   */
  leave(room: string): boolean {
    if (this.#isFinished) {
      return false;
    }
    this.#environment.rooms.leave(room, this);
    return this.#rooms?.delete(room) === true;
  }

  /** The rooms that the session is in, in the order it entered them; once it has ended, those it was in. A copy. */
  get rooms(): ReadonlySet<string> {
    return new Set(this.#rooms);
  }

  /** Bytes on their way to the client that the kernel has not taken yet: queued here, or in the connection. */
  get bufferedAmount(): number {
    return this.#outbox.bytes + this.#bytesInConnection;
  }

  /** Whether `sendHighWaterMark` was reached and has not been left again: time to wait for `drain`. */
  get writableNeedDrain(): boolean {
    return this.#outbox.needsDrain;
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
    if (this.#state !== 'active') {
      throw new SessionNotOpenError();
    }
    await this.#outbox.drained(signal);
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
    if (this.listenerCount('message') > 0) {
      return Promise.reject(new Error('sockjs: recv() cannot be used while a "message" listener takes the messages'));
    }
    this.#wasRead = true;
    return this.#inboxNow.next(signal);
  }

  /**
   * The messages as they come, as `recv()` gives them. The loop ends quietly when the session has ended and everything
   * received was read; leaving it does not close the session.
   *
   * @example
   * for await (const message of session) session.send(message);
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    this.#iterators += 1;
    try {
      for (;;) {
        yield await this.recv();
      }
    } catch (error) {
      if (!(error instanceof SessionNotOpenError)) {
        throw error;
      }
    } finally {
      this.#iterators -= 1;
    }
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
    const event = {
      code: code ?? CloseCode.Normal,
      reason: reason ?? (code === undefined ? 'Normal closure' : ''),
    };
    assertClosable(event.code, event.reason);
    if (this.#isEnded) {
      return false;
    }
    this.#leaveActive('closing', event);
    if (this.#receiver !== undefined) {
      this.#sendClose(this.#receiver);
    }
    return true;
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

  /** @internal Where EventEmitter takes the rejection of an async listener. */
  override [EventEmitter.captureRejectionSymbol](error: unknown, ..._: unknown[]): void {
    this.#fail(error);
  }

  /**
   * @internal A receiver came for this session. Opens the session if it is new. A second receiver is turned away, one
   * that comes after the end gets the close frame (PROTOCOL.md 6.1 to 6.3, 6.6).
   *
   * @returns false where there was a receiver already
   */
  attach(receiver: Receiver): boolean {
    if (this.#receiver !== undefined) {
      this.#tellClosed(receiver, ANOTHER_CONNECTION);
      return false;
    }
    if (this.#state === 'closed') {
      this.#tellClosed(receiver);
      return true;
    }
    this.#receiver = receiver;
    if (this.#state === 'closing') {
      this.#sendClose(receiver);
      return true;
    }
    this.#transport = receiver.name;
    if (this.#state === 'opening') {
      this.#open(receiver);
    } else {
      this.#arm();
      if (!this.#outbox.isEmpty) {
        this.#scheduleFlush();
      }
    }
    return true;
  }

  /** @internal The client sent on its WebSocket what ends it. */
  countRejected(reason: 'size' | 'payload', code: number): void {
    this.#environment.metrics.rejected(this.request, reason, code);
  }

  /**
   * @internal The receiver takes no more, so that another may come; what it took is on its way. It holds expiry off
   * until `detach` or `lost`: a client on a slow line cannot ask again before it has read all.
   */
  receiverReleased(receiver: Receiver): void {
    if (receiver === this.#receiver) {
      this.#receiver = undefined;
      this.#flushing ??= new Set();
      this.#flushing.add(receiver);
      if (this.#state === 'active') {
        this.#arm();
      }
    }
  }

  /** @internal The receiver ended as it should: the poll was answered, the response limit reached, the close sent. */
  receiverFlushed(receiver: Receiver): void {
    this.receiverReleased(receiver);
    if (!this.#flushing?.delete(receiver)) {
      return;
    }
    if (this.#closeFrameSent && this.#receiver === undefined && this.#flushing.size === 0) {
      // Not before the last of several: an earlier answer may have left, and the one with the close frame not yet.
      this.#finish(true);
    } else if (this.#state === 'active' && this.#receiver === undefined) {
      this.#arm();
    }
    this.receiverDrained();
  }

  /**
   * @internal The client broke off or closed, so messages may have been lost and the session must not go on
   * (PROTOCOL.md 6.5 and 6.8). Also told by receivers that were detached before all their bytes had left.
   */
  receiverAborted(receiver: Receiver, event: SessionCloseEvent): void {
    if (receiver === this.#receiver) {
      this.#receiver = undefined;
    } else if (!this.#flushing?.delete(receiver)) {
      // Was turned away, and carried nothing of this session's.
      return;
    }
    if (this.#state === 'closing') {
      this.#finish(event.wasClean);
    } else if (this.#state !== 'closed') {
      this.#terminate(event);
    }
  }

  /**
   * @internal Messages from the client, whole and checked; `bytes` is the size of what carried them. After it, the
   * caller lets the client send more only when there is room.
   */
  receive(messages: readonly string[], bytes: number): void {
    if (this.#state !== 'active') {
      return;
    }
    debugSession('%s received %d messages', this.id, messages.length);
    this.#environment.metrics.received(this, messages, bytes);
    const first = messages[0];
    if (messages.length === 1 && first !== undefined && !this.#inbox?.size && this.listenerCount('message') > 0) {
      // As most do: nothing to queue.
      this.#emit('message', first);
      return;
    }
    // All of them before the first is delivered: a listener may have more come in, which belongs behind.
    const inbox = this.#inboxNow;
    for (const message of messages) {
      inbox.push(message);
    }
    this.#deliver();
    this.#discardUnread();
  }

  /** @internal Calls back when the client may send more: at once, after the application has read, or at the end. */
  whenReceivable(callback: () => void): void {
    if (this.#inbox === undefined) {
      callback();
    } else {
      this.#inbox.whenReceivable(callback);
    }
  }

  /** @internal Calls back when the session leaves `active`; what is returned takes that back. Lighter than `signal`. */
  whenEnded(callback: () => void): () => void {
    this.#whenEnded ??= new Set();
    this.#whenEnded.add(callback);
    return () => this.#whenEnded?.delete(callback);
  }

  /** @internal Whether the client may send more. */
  get canReceive(): boolean {
    return this.#inbox?.canReceive ?? true;
  }

  /** @internal The kernel has taken what a receiver was to tell of, or the last of a receiver's. */
  receiverDrained(): void {
    if (this.#outbox.needsDrain && this.#state === 'active' && this.#outbox.checkDrained(this.#bytesInConnection)) {
      // Sessions share a turn to flush, so the write's own context may be that of another.
      const context = this.#drainContext;
      this.#drainContext = undefined;
      context?.runInAsyncScope(() => this.#emit('drain'));
    }
  }

  /**
   * @internal Ends a session that could not be opened, since middleware has replaced the writing of the response. The
   * application has not seen it, nor will it.
   */
  abandon(): void {
    if (!this.#wasOpened && !this.#isFinished) {
      this.#receiver = undefined;
      this.#leaveActive('closed', OPEN_FAILED);
      this.#finish(false);
    }
  }

  /** @internal Ends a session that had its time to close (`router.close`), cutting whatever carries it. */
  terminate(): void {
    const { code, reason } = this.#closing;
    const receivers = [this.#receiver, ...(this.#flushing ?? [])];
    if (!this.#isEnded) {
      this.#terminate({ code, reason, wasClean: false });
    }
    // A listener may have closed it on that occasion: over all the same.
    this.#finish(false);
    for (const receiver of receivers) {
      receiver?.abort();
    }
  }

  /** What receivers have been given and the kernel has not taken. */
  get #bytesInConnection(): number {
    let bytes = this.#receiver?.bufferedAmount ?? 0;
    if (this.#flushing !== undefined && this.#flushing.size > 0) {
      for (const receiver of this.#flushing) {
        bytes += receiver.bufferedAmount;
      }
    }
    return bytes;
  }

  get #inboxNow(): Inbox {
    if (this.#inbox === undefined) {
      this.#inbox = new Inbox(this.#environment, () => this.#onStall());
      if (this.#isEnded) {
        this.#inbox.end();
      }
    }
    return this.#inbox;
  }

  get #isEnded(): boolean {
    return this.#state === 'closing' || this.#state === 'closed';
  }

  #open(receiver: Receiver): void {
    this.#state = 'active';
    this.#arm();
    debugSession('%s open on %s', this.id, receiver.name);
    try {
      receiver.open();
    } catch (error) {
      this.abandon();
      throw error;
    }
    this.#wasOpened = true;
    this.#environment.metrics.sessionOpened(this);
    try {
      Promise.resolve(this.#environment.onSession(this)).then(
        () => {
          this.#isSetUp = true;
          this.#discardUnread();
        },
        (error: unknown) => this.#fail(error),
      );
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Queues a message, to leave with all others of this turn of the event loop. */
  #queue(message: Outgoing, text: string, bytes: number): boolean {
    if (!this.#outbox.push(message, bytes, this.#bytesInConnection)) {
      this.#overflow();
      return false;
    }
    this.#environment.metrics.sent(this, text, bytes);
    if (this.#outbox.needsDrain) {
      this.#drainContext ??= new AsyncResource('sockjs.drain');
    }
    this.#scheduleFlush();
    return true;
  }

  #scheduleFlush(): void {
    if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      flushAfterTurn(this);
    }
  }

  /**
   * @internal Hands everything queued to the receiver, as one frame. Receivers call it before they end by themselves.
   *
   * @param now by the clock of `performance.now()`
   */
  flush(now: number): void {
    this.#flushScheduled = false;
    if (this.#receiver === undefined || this.#outbox.isEmpty) {
      return;
    }
    if (this.#state === 'active') {
      // A heartbeat is due after silence, and this is none.
      this.#timer.postpone(now);
    }
    const receiver = this.#receiver;
    try {
      receiver.messages(this.#outbox.take(), this.#outbox.needsDrain);
    } catch (error) {
      this.#cut(receiver, error);
    }
  }

  /** Queued messages first, then the close frame; a poll that was used up by the messages leaves it to the next. */
  #sendClose(receiver: Receiver): void {
    this.flush(performance.now());
    if (this.#receiver === receiver) {
      this.#closeFrameSent = true;
      this.#tellClosed(receiver);
    }
  }

  #tellClosed(receiver: Receiver, { code, reason }: Omit<SessionCloseEvent, 'wasClean'> = this.#closing): void {
    try {
      receiver.close(code, reason);
    } catch (error) {
      this.#cut(receiver, error);
    }
  }

  /** A receiver that has thrown, as one may whose writing was wrapped, is cut, and lost to the session. */
  #cut(receiver: Receiver, error: unknown): void {
    debugSession('%s: a frame could not be written: %O', this.id, error);
    receiver.abort();
    this.receiverAborted(receiver, BROKEN_OFF);
  }

  /** Where the application does not read and has had its chance to begin, slowing the client would be for nothing. */
  #discardUnread(): void {
    if (this.#isSetUp && !this.#wasRead && this.#inbox?.trim()) {
      warnUnread();
    }
  }

  /** The client does not take what is sent: nothing more is queued, and it is told, if it ever reads that far. */
  #overflow(): void {
    this.#outbox.clear();
    this.#isTooSlow = true;
    this.close(CloseCode.TryAgainLater, 'Slow consumer');
  }

  /** Nobody came for the close frame in time. */
  #giveUp(): void {
    const stuck = this.#isTooSlow ? [...(this.#flushing ?? [])] : [];
    this.#finish(false);
    for (const receiver of stuck) {
      // It would hold what the client never reads, and no limit would count it any more.
      receiver.abort();
    }
  }

  /** The application does not take what came, and the client has waited long enough. */
  #onStall(): void {
    this.close(CloseCode.TryAgainLater, 'Messages are not read');
  }

  /** Hands the application's listener, if there is one, everything that has come in. */
  #deliver(): void {
    while (this.#state === 'active' && this.#inbox?.size && this.listenerCount('message') > 0) {
      const message = this.#inbox.shift();
      if (message !== undefined) {
        this.#emit('message', message);
      }
    }
  }

  #beforeListening(event: keyof SessionEvents): void {
    if (event !== 'message') {
      const meant = FOREIGN_EVENTS.get(event);
      if (meant !== undefined) {
        throw new TypeError(`sockjs: a session has no "${event}" event; write session.on('${meant}', …)`);
      }
      return;
    }
    if (this.#inbox?.isAwaited || this.#iterators > 0) {
      throw new Error(
        'sockjs: a "message" listener cannot be added while recv() or a for-await loop takes the messages',
      );
    }
    this.#wasRead = true;
    if (this.#inbox?.size) {
      // Not at once: the application may still be setting up in the same call.
      process.nextTick(() => this.#deliver());
    }
  }

  #emit<E extends keyof SessionEvents>(event: E, ...args: SessionEvents[E]): void {
    try {
      super.emit(event, ...(args as never));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The application threw: its session ends, the process does not. */
  #fail(error: unknown): void {
    if (error instanceof SessionNotOpenError && this.#isEnded) {
      // What recv() and drained() tell an application whose client has left: nothing has gone wrong.
      return;
    }
    // onError is the last resort, so there is nobody left to tell but whoever watches the process.
    const warn = (second: unknown) => process.emitWarning(`sockjs: the onError option threw: ${String(second)}`);
    try {
      Promise.resolve(this.#environment.onError(error, this)).catch(warn);
    } catch (second) {
      warn(second);
    }
    this.close(CloseCode.InternalError, 'Internal error');
  }

  /** No receiver to tell it to, or none any more: over at once. */
  #terminate(event: SessionCloseEvent): void {
    // What came in before the end is the application's, if it listens.
    this.#deliver();
    if (this.#isEnded) {
      // A listener has closed it on that occasion: over all the same where there is no receiver to wait for.
      if (this.identity.family === 'websocket') {
        this.#finish(event.wasClean);
      }
      return;
    }
    this.#leaveActive('closed', event);
    this.#finish(event.wasClean);
    const receiver = this.#receiver;
    this.#receiver = undefined;
    if (receiver !== undefined) {
      this.#tellClosed(receiver);
    }
  }

  #leaveActive(state: 'closing' | 'closed', { code, reason }: Omit<SessionCloseEvent, 'wasClean'>): void {
    debugSession('%s %s with %d %s', this.id, state, code, reason);
    this.#state = state;
    this.#closing = { code, reason };
    this.#inbox?.end();
    this.#outbox.end();
    for (const callback of this.#whenEnded ?? []) {
      callback();
    }
    this.#abort?.abort();
    this.#arm();
  }

  /** The end of the state machine: tells the application, once. */
  #finish(wasClean: boolean): void {
    if (this.#isFinished) {
      return;
    }
    this.#isFinished = true;
    this.#state = 'closed';
    this.#outbox.clear();
    this.#timer.clear();
    for (const room of this.#rooms ?? []) {
      this.#environment.rooms.leave(room, this);
    }
    const event: SessionCloseEvent = { ...this.#closing, wasClean };
    this.#environment.onEnd(this, event);
    if (this.#wasOpened) {
      process.nextTick(() => {
        this.#environment.metrics.sessionClosed(this, event);
        this.#emit('close', event);
      });
    }
  }

  /** Whether the session is closing, and its client may still come for the close frame. */
  get #awaitsCloseFrame(): boolean {
    return this.#state === 'closing' && this.identity.family !== 'websocket';
  }

  /** Sets the alarm to what the present state calls for. */
  #arm(): void {
    const { heartbeatDelay, disconnectDelay } = this.#environment;
    if (this.#isEnded ? this.#awaitsCloseFrame : this.#receiver === undefined && !this.#flushing?.size) {
      this.#timer.limit(disconnectDelay);
      return;
    }
    const silence =
      this.#isEnded || this.#receiver === undefined
        ? Number.POSITIVE_INFINITY
        : Math.min(heartbeatDelay || Number.POSITIVE_INFINITY, this.#receiver.maxHeartbeatInterval);
    if (silence !== Number.POSITIVE_INFINITY) {
      this.#timer.set(silence);
    } else if (this.#flushing?.size) {
      // Soon to be set again.
      this.#timer.unset();
    } else {
      this.#timer.clear();
    }
  }

  /** @internal Called by the alarm: the silence or the patience is over. */
  onTimer(): void {
    if (this.#isEnded) {
      this.#giveUp();
    } else if (this.#receiver === undefined) {
      this.#expire();
    } else {
      this.#arm();
      if (this.#receiver.bufferedAmount === 0) {
        // Behind what the client has not taken it would show nothing, and one heartbeat would pile up on the other.
        const receiver = this.#receiver;
        try {
          receiver.heartbeat(this.#outbox.needsDrain);
        } catch (error) {
          this.#cut(receiver, error);
        }
      }
    }
  }

  /** Nobody came back for an open session (PROTOCOL.md 6.4). */
  #expire(): void {
    this.#terminate({ code: CloseCode.Interrupted, reason: 'Connection interrupted', wasClean: false });
  }
}

/** Events by which other servers and sockets tell the same; nobody would ever hear of them. */
const FOREIGN_EVENTS: ReadonlyMap<string, keyof SessionEvents> = new Map([
  ['data', 'message'],
  ['end', 'close'],
  ['disconnect', 'close'],
]);

const NOT_CLOSED = Object.freeze({ code: CloseCode.Normal, reason: '' });

/** For a receiver that comes while another is attached. */
const ANOTHER_CONNECTION = Object.freeze({
  code: CloseCode.AnotherConnection,
  reason: 'Another connection still open',
});

/** Of a session whose receiver could not be written to. */
const BROKEN_OFF = Object.freeze({ code: CloseCode.Interrupted, reason: 'Connection interrupted', wasClean: false });

/** Of a session whose open frame could not be written. */
const OPEN_FAILED = Object.freeze({ code: CloseCode.InternalError, reason: 'Internal error' });

let warnedUnread = false;

function warnUnread(): void {
  if (!warnedUnread) {
    warnedUnread = true;
    process.emitWarning(
      'sockjs: messages are discarded, since onSession has finished and nobody reads the session; ' +
        "add session.on('message', …), or use recv() or for await",
      { code: 'SOCKJS_UNREAD' },
    );
  }
}
