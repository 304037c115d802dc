/**
 * A model of one session between its client and its application. Receivers attach and end; the application acts at
 * random. The model checks each event when it happens. It keeps a failed check for the next step as well, since the
 * session takes errors of callbacks for errors of the application.
 */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '@sinonjs/fake-timers';
import { Metrics } from '../../../lib/metrics.ts';
import { sendToAll } from '../../../lib/session/broadcast.ts';
import type { SessionCloseEvent, SessionState } from '../../../lib/session/events.ts';
import type { Lifecycle } from '../../../lib/session/lifecycle.ts';
import { Rooms } from '../../../lib/session/rooms.ts';
import type { Session } from '../../../lib/session/session.ts';
import { TimerQueue } from '../../../lib/util/timer-queue.ts';
import { environmentWith, FakeReceiver, identity, makeSession, portOf } from '../../support/fake-receiver.ts';
import type { Loop } from '../../support/idle-time.ts';
import { BrokenReceiver, ModelReceiver, type ReceiverOwner, type ReceiverShape } from './model-receiver.ts';
import { type PendingCall, recordOutcome } from './pending-call.ts';
import { Stalls } from './stalls.ts';
import { UnreadModel } from './unread-model.ts';
import { UnsentModel } from './unsent-model.ts';

/** What the application does when the session calls it. */
export type Reaction = 'nothing' | 'throw' | 'reject' | 'send' | 'close' | 'receive' | 'remove' | 'join' | 'terminate';

export interface SessionModelOptions {
  readonly family: 'xhr' | 'websocket';
  readonly heartbeatDelay: number;
  readonly disconnectDelay: number;
  readonly maxSendBuffer: number;
  readonly sendHighWaterMark: number;
  readonly maxReceiveBuffer: number;
  readonly receiveStallTimeout: number;
  /** `wait`: its promise is pending until `finishSetUp()`. */
  readonly onSession: Reaction | 'wait';
  readonly onError: 'nothing' | 'throw' | 'reject' | 'close';
  readonly onDrain: Reaction;
  readonly onClose: Reaction;
  /** Whether the application reads `signal` from the beginning. */
  readonly watchesSignal: boolean;
}

const STATES: readonly SessionState[] = ['opening', 'active', 'closing', 'closed'];

/** How often a listener may cause its own next call. */
const MAX_REACTIONS = 5;

class ApplicationError extends Error {
  override readonly name = 'ApplicationError';
}

interface Iteration {
  readonly iterator: AsyncGenerator<string, void, undefined>;
  reading: PendingCall | undefined;
  isLeft: boolean;
}

const request = new IncomingMessage(new Socket());

export class SessionModel implements ReceiverOwner {
  readonly #options: SessionModelOptions;
  readonly #clock: Clock;
  readonly #loop: Loop;
  readonly #metrics = new Metrics();
  readonly #rooms = new Rooms<Lifecycle<Session>>();
  readonly #session: Session;
  #failure: unknown;
  /** Calls into the session that have not returned. */
  #depth = 0;
  #state: SessionState = 'opening';

  // Receivers
  readonly #receivers: ModelReceiver[] = [];
  #current: ModelReceiver | undefined;
  readonly #flushing = new Set<ModelReceiver>();
  #openFrames = 0;
  #isOpened = false;
  #hasBroken = false;
  /** Receivers that have thrown in this step. */
  readonly #broken: ModelReceiver[] = [];
  readonly #closeFramesOn = new Set<ModelReceiver>();
  /** How the client has aborted. */
  #abortEvent: SessionCloseEvent | undefined;

  // Time
  #heartbeatDue = Number.POSITIVE_INFINITY;
  /** Since when no receiver has been attached. */
  #unattachedSince: number | undefined;
  readonly #stalls: Stalls;

  // Sending
  /** Messages differ by these numbers. */
  #numbers = 0;
  readonly #unsent: UnsentModel;
  #drains = 0;

  // Receiving
  readonly #unread: UnreadModel;
  readonly #iterations: Iteration[] = [];
  #listener: ((message: string) => unknown) | undefined;
  #setUp: { resolve(): void; reject(error: unknown): void } | undefined;
  /** Whether the transport waits until the session can receive. */
  #isPaused = false;

  // Closing
  #hasTerminated = false;
  #reactions = 0;
  #closing: { readonly code: number; readonly reason: string } | undefined;
  #closingSince: number | undefined;
  /** Whether `receiveStallTimeout` may have passed when the session left `active`. */
  #wasStalled = false;
  readonly #ends: SessionCloseEvent[] = [];
  readonly #closes: SessionCloseEvent[] = [];
  readonly #joined = new Set<string>();
  readonly #thrown: unknown[] = [];
  readonly #reported: unknown[] = [];

  /** Another session of the process. Nothing may affect it. */
  readonly #other: Session;
  readonly #othersReceiver: FakeReceiver;
  readonly #othersTexts: string[] = [];

  constructor(options: SessionModelOptions, clock: Clock, loop: Loop) {
    this.#options = options;
    this.#clock = clock;
    this.#loop = loop;
    this.#stalls = new Stalls(clock);
    this.#unsent = new UnsentModel(options);
    this.#unread = new UnreadModel(options, clock);
    const { family, onSession: _onSession, onError: _onError, ...limits } = options;
    const hooks = environmentWith({
      ...limits,
      metrics: this.#metrics,
      timers: new TimerQueue(),
      rooms: this.#rooms,
      onSession: () => this.#onSession(),
      onError: (error) => this.#onError(error),
      onEnd: (_, event) => this.#onEnd(event),
    });
    const transport = family === 'xhr' ? 'xhr-polling' : 'websocket';
    this.#session = makeSession('id', request, transport, identity(family), undefined, hooks);
    portOf(this.#session).whenEnded(() => this.#onLeaveActive());
    this.#unattachedSince = clock.now;
    if (options.watchesSignal) {
      this.#expect(!this.#session.signal.aborted, 'the signal is aborted from the beginning');
    }
    const others = environmentWith();
    this.#other = makeSession('other', request, 'xhr-streaming', identity(), undefined, others);
    this.#othersReceiver = new FakeReceiver(portOf(this.#other), 'stream');
    portOf(this.#other).attach(this.#othersReceiver);
  }

  // ---- Actions of the client and its transport

  attach(shape: ReceiverShape): void {
    const isSocket = this.#options.family === 'websocket';
    if (isSocket && this.#receivers.length > 0) {
      return;
    }
    this.#abortBroken();
    const receiver = new ModelReceiver(isSocket ? { ...shape, kind: 'socket' } : shape, this);
    this.#receivers.push(receiver);
    const isFree = this.#current === undefined;
    if (!isFree) {
      receiver.stage = 'refused';
    } else if (this.#session.state === 'closed') {
      receiver.stage = 'released';
    } else {
      receiver.stage = 'attached';
      this.#current = receiver;
      this.#unattachedSince = undefined;
      this.#heartbeatDue = this.#clock.now + this.#heartbeatIntervalOf(receiver);
    }
    const isDone = this.#call(() => {
      portOf(this.#session).attach(receiver);
      return true;
    });
    this.#expect(receiver.refusals === (isFree ? 0 : 1), `${receiver.refusals} refusals`);
    const isBroken = isDone === undefined && !this.#isOpened;
    this.#expect(!isBroken || this.#session.state === 'closed', 'a session that could not be opened is kept');
    this.#updateUnattached();
  }

  receiverReleased(receiver: ModelReceiver): void {
    if (this.#current === receiver) {
      this.#current = undefined;
      this.#flushing.add(receiver);
      receiver.stage = 'flushing';
    }
    this.#call(() => portOf(this.#session).receiverReleased(receiver));
    this.#updateUnattached();
  }

  receiverFlushed(receiver: ModelReceiver): void {
    if (this.#current === receiver || this.#flushing.has(receiver)) {
      receiver.take(Number.POSITIVE_INFINITY);
    }
    const isKnown = this.#forget(receiver, 'flushed');
    if (isKnown) {
      this.#expectDrained();
    }
    this.#call(() => portOf(this.#session).receiverFlushed(receiver));
    this.#updateUnattached();
  }

  abortReceiver(receiver: ModelReceiver, event: SessionCloseEvent): void {
    const before = this.#session.state;
    const isKnown = this.#forget(receiver, 'aborted');
    if (isKnown) {
      receiver.drop();
      this.#abortEvent ??= event;
    }
    this.#call(() => portOf(this.#session).receiverAborted(receiver, event));
    const { state } = this.#session;
    if (isKnown) {
      const closesIt = before === 'active' && state === 'closing' && this.#options.family === 'xhr';
      this.#expect(state === 'closed' || closesIt, `${state} after the receiver was lost`);
    }
    this.#updateUnattached();
  }

  /**
   * Acts on a receiver. Index 0 is the first of those that are attached or flushing; the others follow, the newest
   * first.
   */
  withReceiver(which: number, act: (receiver: ModelReceiver) => unknown): void {
    const known = this.#receivers.filter(({ stage }) => stage === 'attached' || stage === 'flushing');
    const receiver = [...known, ...this.#receivers.toReversed()][which];
    if (receiver !== undefined) {
      act(receiver);
    }
  }

  /** The kernel takes writes. */
  take(receiver: ModelReceiver, writes: number): void {
    if (receiver.stage === 'attached' || receiver.stage === 'flushing') {
      receiver.take(writes);
    }
  }

  receiverDrained(): void {
    this.#expectDrained();
    this.#call(() => portOf(this.#session).receiverDrained());
  }

  receive(sizes: readonly number[]): void {
    const messages = sizes.map((size) => {
      this.#numbers += 1;
      return `in ${this.#numbers}`.padEnd(size, '.');
    });
    const isActive = this.#session.state === 'active';
    if (isActive) {
      for (const message of messages) {
        this.#unread.push(message);
      }
    }
    this.#call(() => portOf(this.#session).receive(messages, messages.length));
    if (isActive) {
      this.#unread.trim();
    }
    if (!portOf(this.#session).canReceive && !this.#isPaused) {
      this.#isPaused = true;
      portOf(this.#session).whenReceivable(() => {
        this.#expect(this.#isPaused, 'whenReceivable() called back twice');
        this.#expect(
          portOf(this.#session).canReceive || this.#session.state !== 'active',
          'whenReceivable() called back before it could receive',
        );
        this.#isPaused = false;
      });
    }
  }

  // ---- Actions of the application

  send(sizes: readonly number[]): void {
    for (const size of sizes) {
      this.#send(size, false);
    }
  }

  broadcast(size: number): void {
    this.#send(size, true);
  }

  #send(size: number, isShared: boolean): void {
    if (!this.#isOpened) {
      return;
    }
    this.#numbers += 1;
    const text = size === 0 ? '' : String(this.#numbers).padEnd(size, '.');
    const isInRoom = !isShared || (this.#joined.has('a') && this.#session.state !== 'closed');
    const isTried = isInRoom && this.#session.state === 'active';
    const isAccepted = isTried && this.#unsent.push(text, this.#bytesInConnection);
    this.#othersTexts.push(text);
    if (!isShared) {
      try {
        const result = this.#call(() => this.#session.send(text));
        this.#expect(result === undefined || result === isAccepted, `send() returned ${result}`);
      } finally {
        this.#other.send(text);
      }
      return;
    }
    const members = [...this.#rooms.in('a'), portOf(this.#other)];
    this.#expect(members.includes(portOf(this.#session)) === isInRoom, 'membership of the room');
    const accepted = this.#call(() => sendToAll(members, text));
    this.#expect(accepted === undefined || accepted === 1 + Number(isAccepted), `${accepted} took the broadcast`);
  }

  drained(): void {
    if (!this.#isOpened) {
      return;
    }
    const controller = new AbortController();
    const wait = this.#unsent.wait(controller, this.#session.state === 'active');
    recordOutcome(
      wait,
      this.#session.drained({ signal: controller.signal }).then(() => 'drained'),
    );
  }

  recv(): void {
    if (!this.#isOpened) {
      return;
    }
    const controller = new AbortController();
    const reading = this.#unread.read(controller, this.#readState);
    recordOutcome(reading, this.#session.recv({ signal: controller.signal }));
  }

  /** Aborts a pending call of `recv()` or `drained()`. */
  abort(which: number): void {
    const wait = [...this.#unsent.drainCalls, ...this.#unread.readCalls].at(-1 - which);
    if (wait?.controller === undefined) {
      return;
    }
    if (wait.expected === undefined) {
      wait.expected = 'aborted';
      this.#unread.abort(wait);
    }
    wait.controller.abort('aborted');
  }

  /** Calls `next()` of an iterator, unless its last call is pending. */
  iterate(which: number): void {
    if (!this.#isOpened) {
      return;
    }
    let iteration = this.#iterations[which];
    if (iteration === undefined) {
      iteration = { iterator: this.#session[Symbol.asyncIterator](), reading: undefined, isLeft: false };
      this.#iterations.push(iteration);
    }
    const isPending = iteration.reading !== undefined && iteration.reading.outcome === undefined;
    if (!isPending && !isOver(iteration)) {
      iteration.reading = this.#unread.read(undefined, this.#readState);
      const next = iteration.iterator.next();
      recordOutcome(
        iteration.reading,
        next.then(({ done, value }) => (done ? 'not open' : String(value))),
      );
    }
  }

  async leaveLoop(which: number): Promise<void> {
    const iteration = this.#iterations[which];
    if (iteration?.reading?.outcome !== undefined && !isOver(iteration)) {
      iteration.isLeft = true;
      await iteration.iterator.return();
      await this.settle();
    }
  }

  async listen(reactions: readonly Reaction[], once: boolean): Promise<void> {
    if (!this.#isOpened || this.#listener !== undefined) {
      return;
    }
    if (this.#iterations.length > 0) {
      await this.settle();
    }
    if (this.#listener !== undefined) {
      return;
    }
    const isTaken = this.#unread.isAwaited || this.#iterations.some((one) => one.reading !== undefined && !isOver(one));
    let calls = 0;
    const listener = (message: string) => {
      if (once) {
        this.#listener = undefined;
      }
      this.#expect(this.#session.state === 'active', `a message in state ${this.#session.state}`);
      this.#expect(this.#closes.length === 0, 'a message after close');
      this.#expect(this.#unread.shift() === message, `"${message}" out of order`);
      const reaction = reactions[calls % reactions.length] ?? 'nothing';
      calls += 1;
      return this.#react(reaction);
    };
    try {
      if (once) {
        this.#session.once('message', listener);
      } else {
        this.#session.on('message', listener);
      }
    } catch (error) {
      this.#expect(isTaken, `cannot listen: ${String(error)}`);
      return;
    }
    this.#expect(!isTaken, 'may listen while another reads');
    this.#unread.listen();
    this.#listener = listener;
  }

  unlisten(): void {
    if (this.#listener !== undefined) {
      this.#session.off('message', this.#listener);
      this.#listener = undefined;
    }
  }

  join(room: string): void {
    if (this.#isOpened) {
      const { state } = this.#session;
      const mayJoin = state === 'active';
      this.#expect(this.#session.join(room) === mayJoin, `join() in state ${state}`);
      if (mayJoin) {
        this.#joined.add(room);
      }
    }
  }

  leave(room: string): void {
    if (this.#isOpened) {
      const { state } = this.#session;
      const isLeft = state !== 'closed' && this.#joined.delete(room);
      this.#expect(this.#session.leave(room) === isLeft, `leave() in state ${state}`);
    }
  }

  close(...args: [code?: number, reason?: string]): void {
    if (!this.#isOpened) {
      return;
    }
    const isOpen = this.#session.state === 'active';
    if (isOpen) {
      const [code = 1000, reason = args.length === 0 ? 'Normal closure' : ''] = args;
      this.#closing = { code, reason };
    }
    const result = this.#call(() => this.#session.close(...args));
    this.#expect(result === undefined || result === isOpen, `close() returned ${result}`);
  }

  /** Does what `router.close` does after its timeout. */
  terminate(): void {
    // A receiver that has just thrown counts as aborted.
    const receivers = this.#receivers.filter(
      (receiver) => (receiver === this.#current || this.#flushing.has(receiver)) && !this.#broken.includes(receiver),
    );
    const before = receivers.map(({ aborts }) => aborts);
    this.#hasTerminated = true;
    this.#call(() => portOf(this.#session).terminate());
    this.#expect(this.#session.state === 'closed', `${this.#session.state} after terminate()`);
    for (const [i, { aborts }] of receivers.entries()) {
      this.#expect(aborts > (before[i] ?? 0), 'terminate() has left a receiver');
    }
  }

  /** Settles the promise of an async `onSession`. */
  finishSetUp(how: 'resolve' | 'reject'): void {
    const setUp = this.#setUp;
    this.#setUp = undefined;
    if (how === 'resolve') {
      setUp?.resolve();
    } else {
      setUp?.reject(this.#applicationError());
    }
  }

  // ---- Time

  /** Runs all that is due within this turn. */
  async settle(): Promise<void> {
    this.#abortBroken();
    for (let i = 0; i < 3; i += 1) {
      await new Promise((resolve) => process.nextTick(resolve));
    }
    for (const { outcome, expected } of [...this.#unread.readCalls, ...this.#unsent.drainCalls]) {
      this.#expect(outcome === expected, `a promise is ${outcome}, not ${expected}`);
    }
    const mustRead = this.#session.state === 'active' && this.#listener !== undefined;
    this.#expect(!mustRead || this.#unread.size === 0, 'the listener was not called');
    // A flushing receiver reports when it is flushed.
    const hasLeft = this.#unsent.bytes + this.#bytesInConnection + this.#flushing.size === 0 && !this.#isBroken;
    const isDrained = !this.#unsent.needsDrain || this.#session.state !== 'active';
    this.#expect(!hasLeft || isDrained, 'all has left, and the application was not told');
    this.#expect(this.#ends.length === 0 || this.#closes.length === Number(this.#isOpened), 'no close event');
  }

  async turn(): Promise<void> {
    // A `drain` listener may send more messages, and a receiver that throws delays the other session by one turn.
    for (
      let turns = 0;
      turns === 0 || (turns < 2 * MAX_REACTIONS && (this.#mustFlush || this.#mustFlushOther));
      turns += 1
    ) {
      await turn();
      this.#loop.idle += 1;
      await this.settle();
    }
    this.#expect(!this.#mustFlush, 'messages were not handed over');
    this.#expect(!this.#mustFlushOther, 'messages of another session were not handed over');
  }

  async tick(ms: number): Promise<void> {
    await this.settle();
    this.#call(() => this.#clock.tick(ms));
    this.#checkTimes();
  }

  /** Stalls the event loop: no timer runs for `ms`, then all that are due. */
  async jump(ms: number): Promise<void> {
    await this.settle();
    this.#call(() => this.#stalls.stall(ms));
    if (this.#heartbeatDue <= this.#clock.now && this.#current !== undefined) {
      this.#expect(this.#current.bufferedAmount > 0 || this.#session.state !== 'active', 'no heartbeat after a stall');
      this.#heartbeatDue = this.#clock.now + this.#heartbeatIntervalOf(this.#current);
    }
  }

  // ---- Invariants

  /** Throws the failed check of the last step, or of now. */
  check(): void {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    const { state, bufferedAmount, writableNeedDrain, rooms } = this.#session;
    const { canReceive } = portOf(this.#session);
    assert.ok(STATES.indexOf(state) >= STATES.indexOf(this.#state), `${state} after ${this.#state}`);
    this.#state = state;
    const isOver = state === 'closed';
    assert.equal(this.#ends.length, isOver ? 1 : 0, 'calls of onEnd');
    assert.ok(this.#clock.countTimers() <= (isOver ? 0 : 1), 'timers');
    if (!isOver) {
      assert.equal(bufferedAmount, this.#unsent.bytes + this.#bytesInConnection, 'bufferedAmount');
    }
    assert.equal(writableNeedDrain, this.#unsent.needsDrain, 'writableNeedDrain');
    assert.equal(this.#drains, this.#unsent.drains, 'drain events');
    assert.equal(canReceive, this.#unread.canReceive, 'canReceive');
    assert.equal(
      this.#isPaused && (canReceive || state === 'closing' || isOver),
      false,
      'paused although it can receive',
    );
    assert.deepEqual([...rooms], [...this.#joined], 'rooms');
    for (const room of ['a', 'b']) {
      const isIn = [...this.#rooms.in(room)].includes(portOf(this.#session));
      assert.equal(isIn, !isOver && this.#joined.has(room), `in room ${room}`);
    }
    const { opened, closed, messagesOut, messagesIn } = this.#metrics;
    assert.deepEqual(
      { opened, closed, messagesOut, messagesIn },
      {
        opened: Number(this.#isOpened),
        closed: this.#closes.length,
        messagesOut: this.#unsent.count,
        messagesIn: this.#unread.count,
      },
    );
    if (this.#options.watchesSignal) {
      assert.equal(this.#session.signal.aborted, state === 'closing' || isOver, 'signal');
    }
  }

  /**
   * Ends all receivers, then lets time pass.
   *
   * @param flushes whether their bytes are flushed; otherwise they are aborted
   */
  async end(flushes: boolean): Promise<void> {
    await this.turn();
    for (const receiver of this.#receivers) {
      if (receiver.stage === 'attached' || receiver.stage === 'flushing') {
        if (flushes && receiver.kind !== 'socket' && !receiver.isBroken) {
          this.receiverFlushed(receiver);
        } else {
          this.abortReceiver(receiver, { code: 1006, reason: 'the end', wasClean: flushes });
        }
        this.check();
      }
    }
    for (let i = 0; i < 3; i += 1) {
      await this.turn();
      await this.turn();
      await this.tick(this.#options.disconnectDelay + 100);
      this.check();
    }
    await this.settle();
    this.check();
    const { state, bufferedAmount, signal } = this.#session;
    assert.deepEqual({ state, bufferedAmount }, { state: 'closed', bufferedAmount: 0 });
    assert.equal(signal.aborted, true);
    assert.deepEqual(this.#closes, this.#isOpened ? this.#ends : []);
    assert.deepEqual(new Set(this.#reported), new Set(this.#thrown));
    assert.equal(this.#reported.length, this.#thrown.length, 'an error was reported twice');
    await this.#readRemaining();
    for (const { controller, expected } of [...this.#unread.readCalls, ...this.#unsent.drainCalls]) {
      assert.notEqual(expected, undefined, 'a promise that never settles');
      assert.deepEqual(controller === undefined ? [] : getEventListeners(controller.signal, 'abort'), []);
    }
    portOf(this.#other).terminate();
  }

  /** An error reached the process. A broken receiver may cause that, if it fails outside of calls into the session. */
  onUncaught(error: unknown): void {
    if (!(error instanceof BrokenReceiver)) {
      this.#failure ??= error;
    }
  }

  async #readRemaining(): Promise<void> {
    if (!this.#isOpened) {
      return;
    }
    this.unlisten();
    // One call more than there are messages.
    for (let left = this.#unread.size; left >= 0; left -= 1) {
      this.recv();
    }
    await this.settle();
    this.check();
  }

  // ---- Calls of receivers by the session

  onOpen(receiver: ModelReceiver): void {
    this.#expect(this.#current === receiver && this.#openFrames === 0, 'an open frame');
    this.#openFrames += 1;
  }

  onMessages(receiver: ModelReceiver, texts: readonly string[]): void {
    const { state } = this.#session;
    this.#expect(this.#current === receiver, 'messages for a receiver that is not attached');
    this.#expect(state === 'active' || state === 'closing', `messages in state ${state}`);
    this.#expect(this.#closeFramesOn.size === 0, 'messages after a close frame');
    this.#expect(this.#openFrames === 1, 'messages before the open frame');
    this.#expect(texts.length > 0, 'no messages');
    for (const text of texts) {
      this.#expect(this.#unsent.shift() === text, `"${text}" out of order, or dropped before`);
    }
    if (state === 'active') {
      this.#heartbeatDue = this.#clock.now + this.#heartbeatIntervalOf(receiver);
    }
  }

  onHeartbeat(receiver: ModelReceiver): void {
    const { now } = this.#clock;
    this.#expect(this.#current === receiver && this.#session.state === 'active', 'a heartbeat');
    this.#expect(receiver.bufferedAmount === 0, 'a heartbeat behind other bytes');
    this.#expect(now >= this.#heartbeatDue, `a heartbeat at ${now}, due at ${this.#heartbeatDue}`);
    this.#heartbeatDue = now + this.#heartbeatIntervalOf(receiver);
  }

  onCloseFrame(receiver: ModelReceiver, code: number, reason: string): void {
    this.#expect(receiver.closes === 1, 'two close frames on one receiver');
    if (receiver.stage === 'refused') {
      this.#expect(code === 2010, `refused with ${code}`);
      return;
    }
    this.#expectClosing(code, reason);
    if (this.#session.state === 'closing') {
      this.#expect(this.#current === receiver, 'a close frame for a receiver that is not attached');
      this.#expect(this.#unsent.bytes === 0, 'a close frame before messages');
      this.#closeFramesOn.add(receiver);
    } else {
      this.#expect(receiver.stage === 'released', `a close frame on a receiver that is ${receiver.stage}`);
    }
  }

  onAbort(): void {
    const { state } = this.#session;
    this.#expect(state === 'closed' || this.#hasBroken, `cut in state ${state}`);
  }

  onBreak(receiver: ModelReceiver): void {
    this.#hasBroken = true;
    this.#broken.push(receiver);
  }

  /** A connection that cannot be written to has ended, whether or not the session has noticed. */
  #abortBroken(): void {
    for (const receiver of this.#broken.splice(0)) {
      if (this.#isOpened) {
        this.abortReceiver(receiver, { code: 1006, reason: 'broken', wasClean: false });
      }
    }
  }

  // ---- Calls of the application by the session

  #onSession(): unknown {
    this.#expect(this.#openFrames === 1 && !this.#isOpened, 'onSession');
    this.#isOpened = true;
    this.#session.on('drain', () => {
      this.#drains += 1;
      this.#expect(this.#drains === this.#unsent.drains, 'a drain that was not due');
      return this.#react(this.#options.onDrain);
    });
    this.#session.on('close', (event) => {
      this.#closes.push(event);
      this.#expect(this.#depth === 0, 'close within a call of the application');
      this.#expect(this.#closes.length === 1, 'close twice');
      return this.#react(this.#options.onClose);
    });
    const { onSession } = this.#options;
    const isSetUp = () => this.#unread.setUp();
    if (onSession === 'wait') {
      const promise = new Promise<void>((resolve, reject) => {
        this.#setUp = { resolve, reject };
      });
      // Right before the session gets the same result.
      promise.then(isSetUp, () => {});
      return promise;
    }
    const result = this.#react(onSession);
    if (result === undefined) {
      queueMicrotask(isSetUp);
    }
    return result;
  }

  #onError(error: unknown): unknown {
    if (error instanceof ApplicationError) {
      this.#reported.push(error);
    } else if (!(error instanceof BrokenReceiver)) {
      this.#failure ??= error;
    }
    switch (this.#options.onError) {
      case 'throw':
        throw new Error('onError throws');
      case 'reject':
        return Promise.reject(new Error('onError rejects'));
      case 'close':
        this.close(4001, 'by onError');
        return undefined;
      default:
        return undefined;
    }
  }

  #onEnd(event: SessionCloseEvent): void {
    this.#ends.push(event);
    this.#expect(this.#ends.length === 1, 'onEnd twice');
    this.#expect(this.#session.state === 'closed', `onEnd in state ${this.#session.state}`);
    this.#unsent.drop();
    this.#expectClosing(event.code, event.reason);
    if (event.wasClean) {
      const isTold = [...this.#closeFramesOn].some(({ stage }) => stage === 'flushed');
      this.#expect(isTold || this.#abortEvent?.wasClean === true, 'wasClean, and the close frame has not left');
    }
  }

  /** The session has become closing or closed. */
  #onLeaveActive(): void {
    this.#expect(this.#closingSince === undefined, 'has left active twice');
    this.#closingSince = this.#clock.now;
    this.#wasStalled = this.#stalls.mayBeOver(this.#unread.fullSince, this.#options.receiveStallTimeout);
    this.#unread.end();
    this.#unsent.end();
    if (this.#session.state === 'closed' && this.#current !== undefined) {
      this.#current.stage = 'released';
      this.#current = undefined;
    }
  }

  #react(reaction: Reaction): unknown {
    this.#reactions += 1;
    switch (reaction) {
      case 'throw':
        throw this.#applicationError();
      case 'reject':
        return Promise.reject(this.#applicationError());
      case 'close':
        this.close(4000, 'by a listener');
        return undefined;
      case 'terminate':
        this.terminate();
        return undefined;
      case 'remove':
        this.unlisten();
        return undefined;
      case 'join':
        this.join('b');
        return undefined;
      case 'send':
        if (this.#reactions < MAX_REACTIONS) {
          this.send([3]);
        }
        return undefined;
      case 'receive':
        if (this.#reactions < MAX_REACTIONS) {
          this.receive([1, 1]);
        }
        return undefined;
      default:
        return undefined;
    }
  }

  #applicationError(): ApplicationError {
    const error = new ApplicationError('the application throws');
    this.#thrown.push(error);
    return error;
  }

  // ---- The model

  #expect(holds: boolean, message: string): void {
    if (!holds && this.#failure === undefined) {
      const error = new assert.AssertionError({ message });
      this.#failure = error;
      throw error;
    }
  }

  /** Calls the session. An error of a broken receiver goes to the caller of the session, which is the transport. */
  #call<T>(call: () => T): T | undefined {
    this.#depth += 1;
    try {
      return call();
    } catch (error) {
      if (!(error instanceof BrokenReceiver)) {
        this.#failure ??= error;
        throw error;
      }
      if (this.#depth > 1) {
        throw error;
      }
      return undefined;
    } finally {
      this.#depth -= 1;
      if (this.#depth === 0) {
        this.#abortBroken();
      }
    }
  }

  #heartbeatIntervalOf({ maxHeartbeatInterval }: ModelReceiver): number {
    return Math.min(this.#options.heartbeatDelay || Number.POSITIVE_INFINITY, maxHeartbeatInterval);
  }

  get #bytesInConnection(): number {
    const receivers = this.#current === undefined ? [...this.#flushing] : [this.#current, ...this.#flushing];
    return receivers.reduce((sum, { bufferedAmount }) => sum + bufferedAmount, 0);
  }

  /** Whether a receiver has lost bytes. The session then gets no report of their flush. */
  get #isBroken(): boolean {
    return this.#hasBroken || this.#receivers.some(({ isBroken }) => isBroken);
  }

  get #mustFlush(): boolean {
    return this.#session.state === 'active' && this.#current !== undefined && this.#unsent.bytes > 0;
  }

  get #mustFlushOther(): boolean {
    const taken = this.#othersReceiver.frames.filter((frame) => frame.startsWith('a')).flatMap(textsOf);
    return taken.length < this.#othersTexts.length;
  }

  /** What reading must return. */
  get #readState(): 'listened to' | 'ended' | 'open' {
    if (this.#listener !== undefined) {
      return 'listened to';
    }
    const { state } = this.#session;
    return state === 'closing' || state === 'closed' ? 'ended' : 'open';
  }

  /** The receiver has ended. Returns whether the session knew it. */
  #forget(receiver: ModelReceiver, stage: 'flushed' | 'aborted'): boolean {
    if (this.#current === receiver) {
      this.#current = undefined;
    } else if (!this.#flushing.delete(receiver)) {
      return false;
    }
    receiver.stage = stage;
    return true;
  }

  #updateUnattached(): void {
    const { state } = this.#session;
    const isOpen = state === 'opening' || state === 'active';
    if (isOpen && this.#current === undefined && this.#flushing.size === 0) {
      this.#unattachedSince ??= this.#clock.now;
    } else {
      this.#unattachedSince = undefined;
    }
  }

  /** The session is about to learn that bytes are flushed. */
  #expectDrained(): void {
    if (this.#session.state === 'active') {
      this.#unsent.drained(this.#bytesInConnection);
    }
  }

  /** Expects this code and reason. The first time, they must have a cause. */
  #expectClosing(code: number, reason: string): void {
    const closing = this.#closing ?? { code, reason };
    this.#expect(code === closing.code && reason === closing.reason, `${code} ${reason}, not ${closing.code}`);
    this.#expect(this.#closing !== undefined || this.#hasCause(code, reason), `closed with ${code} ${reason}`);
    this.#closing = closing;
  }

  #hasCause(code: number, reason: string): boolean {
    if (this.#hasBroken || (code === this.#abortEvent?.code && reason === this.#abortEvent.reason)) {
      return true;
    }
    switch (`${code} ${reason}`) {
      case '1000 ':
        return this.#hasTerminated;
      case '1002 Connection interrupted':
        return this.#stalls.mayBeOver(this.#unattachedSince, this.#options.disconnectDelay);
      case '1011 Internal error':
        return this.#thrown.length > 0;
      case '1013 Slow consumer':
        return this.#unsent.hasOverflowed;
      case '1013 Messages are not read':
        return this.#wasStalled;
      default:
        return false;
    }
  }

  /** Expects that everything due has happened, unless a stall has delayed it. */
  #checkTimes(): void {
    const { now } = this.#clock;
    const { state } = this.#session;
    const { disconnectDelay, receiveStallTimeout, family } = this.#options;
    if (state === 'opening' || state === 'active') {
      this.#expect(!this.#stalls.isOver(this.#unattachedSince, disconnectDelay), 'has not expired');
    }
    if (state === 'closing' && family === 'xhr') {
      this.#expect(
        !this.#stalls.isOver(this.#closingSince, disconnectDelay),
        'still waits for a receiver to take the close frame',
      );
    }
    this.#expect(!this.#stalls.isOver(this.#unread.fullSince, receiveStallTimeout), 'waits for a reader for ever');
    if (state === 'active' && this.#current !== undefined && this.#heartbeatDue <= now) {
      this.#expect(this.#current.bufferedAmount > 0, 'no heartbeat');
      // Each interval skipped one heartbeat.
      const interval = this.#heartbeatIntervalOf(this.#current);
      this.#heartbeatDue += interval * Math.ceil((now - this.#heartbeatDue + 1) / interval);
    }
  }
}

/** Whether an iterator has ended, or is about to. */
function isOver({ isLeft, reading }: Iteration): boolean {
  return isLeft || reading?.expected === 'not open' || reading?.expected === 'listener';
}

function textsOf(frame: string): string[] {
  return JSON.parse(frame.slice(1)) as string[];
}
