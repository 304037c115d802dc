/**
 * The state machine behind a session (docs/protocol.md, section 6): its receivers, its end, and its one timer.
 *
 *                 first receiver              close()                  close frame has left, or
 *     [opening] ─────────────────> [active] ──────────> [closing] ──────────────────────────────> [closed]
 *         │                           │                     no receiver took it in time               ^
 *         │  the open frame           │  client broke off, no receiver within disconnectDelay         │
 *         └── cannot be written ──────┴───────────────────────────────────────────────────────────────┘
 *
 * The timer is set by `#setTimer()`:
 *
 *     state     receiver                  timer                         when it fires
 *     opening   none                      limit(disconnectDelay)        1002, closed
 *     active    none, none flushing       limit(disconnectDelay)        1002, closed
 *     active    none, one is flushing     none                          –
 *     active    attached                  set(heartbeat interval)       heartbeat, set again
 *     closing   any, on HTTP              limit(disconnectDelay)        closed, not clean
 *     closing   WebSocket                 none: waits for its socket    –
 *     closed    none                      none                          –
 *
 * A disconnectDelay of Infinity is one of 5 s in the states opening and closing.
 */
import { AsyncResource } from 'node:async_hooks';
import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Metrics } from '../metrics.ts';
import { CLOSES, CloseCode, closeFrom } from '../protocol/close-code.ts';
import type { SharedMessage } from '../protocol/shared-message.ts';
import { debugSession } from '../util/debug.ts';
import { flushAfterTurn, flushAmongMany } from '../util/flush-queue.ts';
import { DeadlineTimer, type TimerQueue, type TimerTarget } from '../util/timer-queue.ts';
import { callOnSession, emit, fail } from './application.ts';
import { Delivery } from './delivery.ts';
import type { NewSessionPort, SessionIdentity } from './directory.ts';
import {
  type CloseReason,
  INTERRUPTED,
  type SessionCloseEvent,
  type SessionEvents,
  type SessionState,
} from './events.ts';
import type { InboxLimits } from './inbox.ts';
import { Outbox, type OutboxLimits } from './outbox.ts';
import type { LocalSessionPort, Outgoing, Receiver, TransportName } from './ports.ts';
import type { Rooms } from './rooms.ts';

/** A session object as the state machine sees it. */
export interface SessionEmitter extends EventEmitter<SessionEvents> {
  readonly id: string;
  readonly request: IncomingMessage;
  /** The rooms that it is in. */
  readonly rooms: Iterable<string>;
}

/** What all sessions of an endpoint share. `S` is the session object of the application. */
export interface SessionEnvironment<S extends SessionEmitter> extends InboxLimits, OutboxLimits {
  readonly onSession: (session: S) => unknown;
  readonly onError: (error: unknown, session: S) => unknown;
  /** ms of silence before a heartbeat; 0 for none. */
  readonly heartbeatDelay: number;
  /** ms that a session waits for a receiver; `Infinity` for as long as it is active. */
  readonly disconnectDelay: number;
  readonly metrics: Metrics;
  /** Keeps the time for all sessions of the endpoint. */
  readonly timers: TimerQueue;
  readonly rooms: Rooms<Lifecycle<S>>;
  /** Called once, when the session is over. */
  readonly onEnd: (lifecycle: Lifecycle<S>, event: SessionCloseEvent) => void;
}

/** One session from its opening to its end. */
export class Lifecycle<S extends SessionEmitter = SessionEmitter>
  extends AsyncResource
  implements LocalSessionPort, NewSessionPort, TimerTarget
{
  /** The session object of the application. */
  readonly session: S;
  readonly identity: SessionIdentity;
  readonly environment: SessionEnvironment<S>;
  /** Messages from the client. */
  readonly delivery: Delivery;
  /** Messages to the client. */
  readonly outbox: Outbox;

  #state: SessionState = 'opening';
  #transport: TransportName;
  #receiver: Receiver | undefined;
  /** Released receivers whose bytes are still on their way. */
  #flushing: Set<Receiver> | undefined;
  /** The async context of the send that reached `sendHighWaterMark`, in which `drain` is emitted. */
  #drainContext: AsyncResource | undefined;
  /** Whether the opening was counted. The end is counted only then. */
  #wasOpened = false;
  #closing: CloseReason & Partial<SessionCloseEvent> = NOT_CLOSED;
  #closeFrameSent = false;
  #isFinished = false;
  #whenEnded: Set<() => void> | undefined;
  readonly #timer: DeadlineTimer;

  constructor(
    identity: SessionIdentity,
    transport: TransportName,
    environment: SessionEnvironment<S>,
    sessionOf: (lifecycle: Lifecycle<S>) => S,
  ) {
    super('sockjs.session');
    this.identity = identity;
    this.#transport = transport;
    this.environment = environment;
    this.delivery = new Delivery(this);
    this.outbox = new Outbox(environment);
    this.#timer = new DeadlineTimer(environment.timers, this);
    this.session = sessionOf(this);
    this.#setTimer();
  }

  get state(): SessionState {
    return this.#state;
  }

  get isActive(): boolean {
    return this.#state === 'active';
  }

  get isEnded(): boolean {
    return this.#state === 'closing' || this.#state === 'closed';
  }

  /** Whether the session has left the registry and its rooms. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** Code and reason of the end, once it has begun, and `wasClean` as soon as the session is over. */
  get closing(): CloseReason & Partial<SessionCloseEvent> {
    return this.#closing;
  }

  get transport(): TransportName {
    return this.#transport;
  }

  get request(): IncomingMessage {
    return this.session.request;
  }

  // ---- From the client: receivers (SessionPort)

  attach(receiver: Receiver): void {
    if (this.#receiver !== undefined) {
      this.#guard(receiver, () => receiver.refuse(CLOSES.anotherConnection.code, CLOSES.anotherConnection.reason));
      return;
    }
    if (this.#state === 'closed') {
      this.#sendCloseFrame(receiver);
      return;
    }
    this.#receiver = receiver;
    if (this.#state === 'closing') {
      this.environment.metrics.receiverAttached(this.session, receiver);
      this.#finishSending(receiver);
      return;
    }
    this.#transport = receiver.name;
    if (this.#state === 'opening') {
      this.#open(receiver);
    } else {
      this.#setTimer();
      if (!this.outbox.isEmpty) {
        flushAfterTurn(this);
      }
      this.environment.metrics.receiverAttached(this.session, receiver);
    }
  }

  receiverReleased(receiver: Receiver): void {
    if (receiver === this.#receiver) {
      this.#receiver = undefined;
      this.#flushing ??= new Set();
      this.#flushing.add(receiver);
      if (this.#state === 'active') {
        this.#setTimer();
      }
    }
  }

  receiverFlushed(receiver: Receiver): void {
    this.receiverReleased(receiver);
    if (!this.#flushing?.delete(receiver)) {
      return;
    }
    if (receiver.holdsNext === true && this.#receiver !== undefined) {
      this.#resume(this.#receiver);
    } else if (this.#closeFrameSent && this.#receiver === undefined && this.#flushing.size === 0) {
      // Only with the last of several: an earlier response may have left while the one with the close frame has not.
      this.#finish(true);
    } else if (this.#state === 'active' && this.#receiver === undefined) {
      this.#setTimer();
    }
    this.receiverDrained();
  }

  receiverAborted(receiver: Receiver, event: SessionCloseEvent): void {
    const wasHeld = this.#isHeld;
    if (receiver === this.#receiver) {
      this.#receiver = undefined;
    } else if (!this.#flushing?.delete(receiver)) {
      // Was refused, and carried nothing of this session.
      return;
    }
    if (this.#state === 'closing') {
      this.#finish(event.wasClean);
      if (wasHeld) {
        this.#dismiss();
      }
    } else if (this.#state !== 'closed') {
      this.#terminate(event);
    }
  }

  receiverDrained(): void {
    if (this.outbox.needsDrain && this.#state === 'active' && this.outbox.checkDrained(this.#bytesInConnection)) {
      // Sessions share one turn to flush, so the context of the write may be that of another session.
      const context = this.#drainContext;
      this.#drainContext = undefined;
      context?.runInAsyncScope(() => emit(this, 'drain'));
    }
  }

  // ---- From the client: messages (SessionPort)

  receive(messages: readonly string[], bytes: number, done?: (accepted: boolean) => void): void {
    if (this.#state !== 'active') {
      done?.(false);
      return;
    }
    debugSession('%s received %d messages', this.session.id, messages.length);
    this.environment.metrics.received(this.session, messages, bytes);
    this.delivery.receive(messages);
    if (done !== undefined) {
      this.delivery.whenReceivable(() => done(true));
    }
  }

  get canReceive(): boolean {
    return this.delivery.canReceive;
  }

  whenReceivable(callback: () => void): void {
    this.delivery.whenReceivable(callback);
  }

  whenEnded(callback: () => void): () => void {
    this.#whenEnded ??= new Set();
    this.#whenEnded.add(callback);
    return () => this.#whenEnded?.delete(callback);
  }

  countRejected(reason: 'size' | 'payload', code: number): void {
    this.environment.metrics.rejected(this.session.request, reason, code);
  }

  // ---- From the application

  /** See `Session.send()`. */
  send(text: string): boolean {
    return this.#state === 'active' && this.#queue(text, text, Buffer.byteLength(text));
  }

  /**
   * Sends one message of a broadcast; as `send` in all else.
   *
   * @param isAmongMany whether it goes to so many sessions that others must not wait for it
   */
  sendShared(message: SharedMessage, isAmongMany: boolean): boolean {
    return this.#state === 'active' && this.#queue(message, message.text, message.bytes, isAmongMany);
  }

  get bufferedAmount(): number {
    return this.outbox.bytes + this.#bytesInConnection;
  }

  enterRoom(room: string): void {
    this.environment.rooms.enter(room, this);
  }

  leaveRoom(room: string): void {
    this.environment.rooms.leave(room, this);
  }

  /** The application threw: reports the error and closes the session with 1011. */
  fail(error: unknown): void {
    fail(this, error);
  }

  /** See `Session.close()`. */
  close(code?: number, reason?: string): boolean {
    return this.#close(closeFrom(code, reason));
  }

  // ---- From the endpoint

  discard(): void {
    if (!this.#wasOpened && !this.#isFinished) {
      this.#receiver = undefined;
      this.#leaveActive('closed', CLOSES.internalError);
      this.#finish(false);
    }
  }

  /** Ends a session at once and cuts its receivers: the timeout of `router.close()` is over. */
  terminate(): void {
    const { code, reason } = this.#closing;
    const receivers = [this.#receiver, ...(this.#flushing ?? [])];
    if (!this.isEnded) {
      this.#terminate({ code, reason, wasClean: false });
    }
    // A listener may have closed it on that occasion: over all the same.
    this.#finish(false);
    for (const receiver of receivers) {
      receiver?.abort();
    }
  }

  flush(now: number): void {
    const receiver = this.#receiver;
    if (receiver === undefined || this.outbox.isEmpty || this.#isHeld) {
      return;
    }
    if (this.#state === 'active') {
      // A heartbeat is due after silence only.
      this.#timer.postpone(now);
    }
    try {
      receiver.messages(this.outbox.take(), this.outbox.needsDrain);
    } catch (error) {
      this.#cut(receiver, error);
    }
  }

  /** Called by the timer: the heartbeat interval or the time to wait for a receiver is over. */
  onTimer(): void {
    this.runInAsyncScope(this.#expire, this);
  }

  #expire(): void {
    const receiver = this.#receiver;
    if (this.isEnded) {
      this.#giveUp();
    } else if (receiver === undefined) {
      this.#terminate(INTERRUPTED);
    } else {
      this.#setTimer();
      if (receiver.bufferedAmount === 0 && !this.#isHeld) {
        // Behind bytes that the client has not taken a heartbeat would show nothing, and heartbeats would pile up.
        this.#guard(receiver, () => receiver.heartbeat(this.outbox.needsDrain));
      }
    }
  }

  // ---- For the delivery

  get hasMessageListener(): boolean {
    return this.session.listenerCount('message') > 0;
  }

  emitMessage(message: string): void {
    emit(this, 'message', message);
  }

  onReceiveStall(): void {
    this.#close(CLOSES.notRead);
  }

  // ---- Inside

  #open(receiver: Receiver): void {
    this.#state = 'active';
    this.#setTimer();
    debugSession('%s open on %s', this.session.id, receiver.name);
    try {
      receiver.open();
    } catch (error) {
      this.discard();
      throw error;
    }
    this.#wasOpened = true;
    this.environment.metrics.sessionOpened(this.session);
    this.environment.metrics.receiverAttached(this.session, receiver);
    callOnSession(this, () => this.delivery.onSessionSettled());
  }

  /** Queues a message. It leaves with all others of this turn of the event loop, one among many perhaps later. */
  #queue(message: Outgoing, text: string, bytes: number, isAmongMany = false): boolean {
    const before = this.outbox.last;
    if (!this.outbox.push(message, bytes, this.#bytesInConnection)) {
      this.#overflow();
      return false;
    }
    this.environment.metrics.sent(this.session, text, bytes);
    if (this.outbox.needsDrain) {
      this.#drainContext ??= new AsyncResource('sockjs.drain');
    }
    if (before === undefined && isAmongMany) {
      flushAmongMany(this);
    } else if (before === undefined || (typeof message === 'string' && typeof before !== 'string')) {
      // Also behind a message that waits among many: what the application sends to this client alone takes it along.
      flushAfterTurn(this);
    }
    return true;
  }

  /** Returns whether this call closed the session. */
  #close(reason: CloseReason): boolean {
    if (this.isEnded) {
      return false;
    }
    this.#leaveActive('closing', reason);
    if (this.#receiver !== undefined) {
      this.#finishSending(this.#receiver);
    }
    return true;
  }

  /** The client does not take what is sent: nothing more is queued, and the close frame follows what has left. */
  #overflow(): void {
    this.outbox.clear();
    this.#close(CLOSES.slowConsumer);
  }

  /** Bytes that receivers were given and the kernel has not taken. */
  get #bytesInConnection(): number {
    let bytes = this.#receiver?.bufferedAmount ?? 0;
    if (this.#flushing !== undefined && this.#flushing.size > 0) {
      for (const receiver of this.#flushing) {
        bytes += receiver.bufferedAmount;
      }
    }
    return bytes;
  }

  /** Whether the receiver gets nothing yet, since the last bytes of the one before may still be lost. */
  get #isHeld(): boolean {
    if (this.#flushing !== undefined && this.#flushing.size > 0) {
      for (const { holdsNext } of this.#flushing) {
        if (holdsNext === true) {
          return true;
        }
      }
    }
    return false;
  }

  /** The bytes of an earlier receiver have left: the one attached gets what it was kept from. */
  #resume(receiver: Receiver): void {
    if (this.#state === 'closing') {
      this.#finishSending(receiver);
    } else {
      this.flush(performance.now());
    }
  }

  /** The session is over: the receiver, which has not got the close frame yet, gets it now. */
  #dismiss(): void {
    const receiver = this.#receiver;
    if (receiver !== undefined) {
      this.#receiver = undefined;
      this.#sendCloseFrame(receiver);
    }
  }

  /** Queued messages first, then the close frame. Messages use up a poll, so the close frame waits for the next. */
  #finishSending(receiver: Receiver): void {
    if (this.#isHeld) {
      return;
    }
    const finish = () => {
      this.flush(performance.now());
      if (this.#receiver === receiver) {
        this.#closeFrameSent = true;
        this.#sendCloseFrame(receiver);
      }
    };
    if (this.outbox.isEmpty) {
      finish();
    } else {
      receiver.gather(finish);
    }
  }

  #sendCloseFrame(receiver: Receiver): void {
    const { code, reason } = this.#closing;
    this.#guard(receiver, () => receiver.close(code, reason));
  }

  /** Cuts a receiver that throws, as one may whose writing middleware has wrapped. */
  #guard(receiver: Receiver, write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#cut(receiver, error);
    }
  }

  #cut(receiver: Receiver, error: unknown): void {
    debugSession('%s: a frame could not be written: %O', this.session.id, error);
    receiver.abort();
    this.receiverAborted(receiver, INTERRUPTED);
  }

  /** Ends the session at once: there is no receiver to wait for. */
  #terminate(event: SessionCloseEvent): void {
    // Messages that came in before the end are the application's, if it listens.
    this.delivery.deliver();
    if (this.isEnded) {
      // A listener has closed it on that occasion. A WebSocket has no other receiver to wait for.
      if (this.identity.family === 'websocket') {
        this.#finish(event.wasClean);
      }
      return;
    }
    this.#leaveActive('closed', event);
    this.#finish(event.wasClean);
    this.#dismiss();
  }

  /** No request came for the close frame in time. */
  #giveUp(): void {
    const stuck = this.#closing === CLOSES.slowConsumer ? [...(this.#flushing ?? [])] : [];
    this.#finish(false);
    if (this.#isHeld) {
      this.#dismiss();
    }
    for (const receiver of stuck) {
      // It holds bytes that the client never reads, and no limit would count them any more.
      receiver.abort();
    }
  }

  #leaveActive(state: 'closing' | 'closed', closing: CloseReason): void {
    debugSession('%s %s with %d %s', this.session.id, state, closing.code, closing.reason);
    this.#state = state;
    this.#closing = closing;
    this.delivery.end();
    this.outbox.end();
    for (const callback of this.#whenEnded ?? []) {
      callback();
    }
    this.#setTimer();
  }

  /** The end of the state machine: tells the application, once. */
  #finish(wasClean: boolean): void {
    if (this.#isFinished) {
      return;
    }
    this.#isFinished = true;
    this.#state = 'closed';
    this.outbox.clear();
    this.#timer.clear();
    this.environment.rooms.leaveAll(this, this.session.rooms);
    this.#closing = { ...this.#closing, wasClean };
    const event: SessionCloseEvent = { ...this.#closing, wasClean };
    this.environment.onEnd(this, event);
    if (this.#wasOpened) {
      process.nextTick(() => {
        this.environment.metrics.sessionClosed(this.session, event);
        emit(this, 'close', event);
      });
    }
  }

  /** Sets the timer as the table at the top has it. */
  #setTimer(): void {
    const { heartbeatDelay, disconnectDelay } = this.environment;
    const receiver = this.#receiver;
    const isFlushing = this.#flushing !== undefined && this.#flushing.size > 0;
    const awaitsCloseFrame = this.#state === 'closing' && this.identity.family !== 'websocket';
    if (this.isEnded ? awaitsCloseFrame : receiver === undefined && !isFlushing) {
      const mayWaitForEver = this.#state === 'active' || disconnectDelay !== Number.POSITIVE_INFINITY;
      this.#timer.limit(mayWaitForEver ? disconnectDelay : LAST_DELAY);
      return;
    }
    const interval =
      this.isEnded || receiver === undefined
        ? Number.POSITIVE_INFINITY
        : Math.min(heartbeatDelay || Number.POSITIVE_INFINITY, receiver.maxHeartbeatInterval);
    if (interval !== Number.POSITIVE_INFINITY) {
      this.#timer.set(interval);
    } else if (isFlushing) {
      // It will be set again soon.
      this.#timer.unset();
    } else {
      this.#timer.clear();
    }
  }
}

/**
 * ms that a session waits for a receiver where `disconnectDelay` is `Infinity` and the application could not end it: it
 * has closed the session already, or has not seen it yet.
 */
const LAST_DELAY = 5_000;

const NOT_CLOSED = Object.freeze({ code: CloseCode.Normal, reason: '' });
