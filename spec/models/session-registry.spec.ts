/** The session registry beside plain lists of what is reserved, live and remembered. */
import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '@sinonjs/fake-timers';
import fc from 'fast-check';
import type { RefusalReason, SessionIdentity } from '../../lib/session/directory.ts';
import type { QuotaLimits } from '../../lib/session/quota.ts';
import type { Session } from '../../lib/session/session.ts';
import type { CloseResult } from '../../lib/session/shutdown.ts';
import { stopClock } from '../support/clock.ts';
import { FakeReceiver, identity, type Kind, NAMES, portOf } from '../support/fake-receiver.ts';
import { fakeIdleTime } from '../support/idle-time.ts';
import { property, sequence } from '../support/property.ts';
import { pauseTracking } from '../support/session-cleanup.ts';
import { type FoundSession, TestRegistry } from '../support/test-registry.ts';

const IDS = ['a', '__proto__'];
const FAMILIES = ['xhr', 'jsonp', 'websocket'] as const;
const CLIENTS = ['', 'x'];
const ACCOUNTS = ['p', 'constructor'];

/** ms of a step of time; all delays are multiples of it. */
const STEP_OF_TIME = 100;

type Step =
  | readonly [name: 'reserve', id: string, of: SessionIdentity]
  | readonly [name: 'create', reservation: number, kind: Kind | 'none']
  | readonly [name: 'release', reservation: number]
  | readonly [name: 'attach' | 'close' | 'terminate' | 'lose', session: number]
  | readonly [name: 'close all', timeout: number]
  | readonly [name: 'tick', steps: number]
  | readonly [name: 'turn'];

const WHICH = fc.nat(5);

const IDENTITY: fc.Arbitrary<SessionIdentity> = fc
  .tuple(fc.constantFrom(...FAMILIES), fc.constantFrom(...CLIENTS), fc.constantFrom(...ACCOUNTS))
  .map((of) => identity(...of));

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.tuple(fc.constant('reserve' as const), fc.constantFrom(...IDS), IDENTITY),
  },
  {
    weight: 10,
    arbitrary: fc.tuple(
      fc.constant('create' as const),
      WHICH,
      fc.constantFrom<Kind | 'none'>('poll', 'stream', 'slow poll', 'none'),
    ),
  },
  { weight: 3, arbitrary: fc.tuple(fc.constant('release' as const), WHICH) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('attach', 'close', 'lose'), WHICH) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('terminate' as const), WHICH) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('close all' as const), fc.constantFrom(0, 500, 100_000)) },
  { weight: 5, arbitrary: fc.tuple(fc.constant('tick' as const), fc.integer({ min: 1, max: 12 })) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('turn' as const)) },
);

const LIMIT = fc.constantFrom(Number.POSITIVE_INFINITY, 0, 1, 3);

const CASE = fc.record({
  limits: fc.record({ maxSessions: LIMIT, maxSessionsPerClient: LIMIT }),
  disconnectDelay: fc.constantFrom(0, 200, 700),
  steps: sequence(STEP, 60),
});

interface Reservation {
  readonly id: string;
  readonly of: SessionIdentity;
  /** Releases the reservation when the registry closes, as each of those does that waits for `authorize` or a handshake. */
  readonly rejectAsClosing: () => void;
}

interface Live {
  readonly id: string;
  readonly of: SessionIdentity;
  readonly session: Session;
  readonly receivers: FakeReceiver[];
  /** How it ends, once that is known. */
  closing: { readonly code: number; readonly reason: string } | undefined;
}

interface Ended {
  readonly of: SessionIdentity;
  readonly code: number;
  readonly reason: string;
  readonly until: number;
}

const request = new IncomingMessage(new Socket());

class Model {
  readonly #clock: Clock;
  readonly #limits: QuotaLimits;
  readonly #disconnectDelay: number;
  readonly #registry: TestRegistry;
  #reservations: Reservation[] = [];
  #live: Live[] = [];
  readonly #ended = new Map<string, Ended>();
  /** Since `close()`. */
  #isClosing = false;
  #closesAt = Number.POSITIVE_INFINITY;
  readonly #awaited = new Set<Session>();
  #closed = 0;
  /** Sessions that the application saw close cleanly meanwhile. */
  #flushed = 0;
  #result: CloseResult | undefined;

  constructor(clock: Clock, limits: QuotaLimits, disconnectDelay: number) {
    this.#clock = clock;
    this.#limits = limits;
    this.#disconnectDelay = disconnectDelay;
    this.#registry = new TestRegistry({ disconnectDelay }, limits);
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      await this.#do(step);
      this.#check();
    }
    await this.#end();
  }

  async #do(step: Step): Promise<void> {
    switch (step[0]) {
      case 'reserve':
        this.#reserve(step[1], step[2]);
        break;
      case 'create':
        this.#create(step[1], step[2]);
        break;
      case 'release':
        this.#release(this.#reservations[step[1]]);
        break;
      case 'attach':
        this.#attach(this.#live[step[1]], 'poll');
        break;
      case 'close':
        this.#close(this.#live[step[1]], 3000, 'by the application');
        break;
      case 'terminate':
        this.#terminate(this.#live[step[1]]);
        break;
      case 'lose':
        this.#lose(this.#live[step[1]]);
        break;
      case 'close all':
        this.#closeAll(step[1]);
        break;
      case 'tick':
        for (let i = 0; i < step[1]; i += 1) {
          await turn();
          this.#clock.tick(STEP_OF_TIME);
          this.#notice();
        }
        break;
      case 'turn':
        await turn();
    }
    this.#notice();
  }

  #check(): void {
    const sessions = [...this.#registry];
    assert.equal(sessions.length, this.#live.length);
    assert.equal(this.#registry.size, this.#live.length);
    assert.ok(
      this.#live.every(({ session }, i) => sessions[i] === session),
      'the order of the sessions',
    );
    assert.equal(this.#registry.isClosing, this.#isClosing);
    assert.ok(this.#result === undefined || this.#live.length === 0, 'closed before all had ended');
    for (const id of IDS) {
      const ofId = this.#live.filter((live) => live.id === id);
      const http = ofId.find(({ of }) => of.family !== 'websocket');
      assert.ok(this.#registry.get(id) === (http ?? ofId.at(-1))?.session, `get(${id})`);
      for (const family of FAMILIES) {
        for (const client of CLIENTS) {
          const found = this.#registry.find(id, { family, client });
          const expected = this.#find(id, family, client);
          if (found.kind === 'live' && expected.kind === 'live') {
            assert.ok(found.session === expected.session, `find(${id})`);
          } else {
            assert.deepEqual(found, expected, `find(${id}) of ${family} ${client}`);
          }
        }
      }
    }
  }

  #find(id: string, family: SessionIdentity['family'], client: string): FoundSession {
    const isHttp = (one: { id: string; of: SessionIdentity }) => one.id === id && one.of.family !== 'websocket';
    const live = this.#live.find(isHttp);
    const ended = this.#ended.get(id);
    const remembered = ended !== undefined && ended.until > this.#clock.now ? ended : undefined;
    const of = live?.of ?? this.#reservations.find(isHttp)?.of ?? remembered?.of;
    if (of === undefined) {
      return { kind: 'unknown' };
    }
    if (of.family !== family || of.client !== client) {
      return { kind: 'foreign' };
    }
    if (live !== undefined) {
      return { kind: 'live', session: live.session };
    }
    return remembered === undefined
      ? { kind: 'pending' }
      : { kind: 'ended', code: remembered.code, reason: remembered.reason };
  }

  #reserve(id: string, of: SessionIdentity): void {
    if (of.family !== 'websocket' && this.#find(id, of.family, of.client).kind !== 'unknown') {
      // Is answered without.
      return;
    }
    const all = [...this.#live, ...this.#reservations];
    const mine = all.filter((one) => one.of.quotaKey === of.quotaKey);
    let expected: RefusalReason | undefined;
    if (this.#isClosing) {
      expected = 'closing';
    } else if (all.length >= this.#limits.maxSessions) {
      expected = 'sessions';
    } else if (mine.length >= this.#limits.maxSessionsPerClient) {
      expected = 'client-sessions';
    }
    assert.equal(this.#registry.reserve(id, of), expected);
    if (expected === undefined) {
      const reservation: Reservation = { id, of, rejectAsClosing: () => this.#release(reservation) };
      this.#reservations.push(reservation);
      this.#registry.whenClosing.add(reservation.rejectAsClosing);
    }
  }

  /** Forgets a reservation, which is used up. */
  #use(reservation: Reservation): void {
    this.#reservations = this.#reservations.filter((other) => other !== reservation);
    this.#registry.whenClosing.delete(reservation.rejectAsClosing);
  }

  #release(reservation: Reservation | undefined): void {
    if (reservation !== undefined) {
      this.#use(reservation);
      this.#registry.release(reservation.id, reservation.of);
    }
  }

  #create(which: number, kind: Kind | 'none'): void {
    const reservation = this.#reservations[which];
    if (reservation === undefined) {
      return;
    }
    this.#use(reservation);
    const { id, of } = reservation;
    const as = of.family === 'websocket' ? 'socket' : kind;
    const session = this.#registry.create(id, request, NAMES[as === 'none' ? 'poll' : as], of, undefined);
    const live: Live = { id, of, session, receivers: [], closing: undefined };
    this.#live.push(live);
    session.on('close', ({ wasClean }) => {
      this.#flushed += this.#awaited.has(session) && wasClean ? 1 : 0;
    });
    if (as !== 'none') {
      this.#attach(live, as);
    }
  }

  #attach(live: Live | undefined, kind: Kind): void {
    if (live !== undefined && (kind === 'socket' || live.of.family !== 'websocket')) {
      const receiver = new FakeReceiver(portOf(live.session), kind);
      live.receivers.push(receiver);
      portOf(live.session).attach(receiver);
    }
  }

  #close(live: Live | undefined, code: number, reason: string): void {
    if (live !== undefined) {
      live.closing ??= { code, reason };
      live.session.close(code, reason);
    }
  }

  #terminate(live: Live | undefined): void {
    if (live !== undefined) {
      live.closing ??= { code: 1000, reason: '' };
      portOf(live.session).terminate();
      assert.equal(live.session.state, 'closed');
    }
  }

  /** The client breaks off, if it is there. */
  #lose(live: Live | undefined): void {
    const receiver = live?.receivers.at(-1);
    if (live !== undefined && receiver !== undefined) {
      const before = live.session.state;
      portOf(live.session).receiverAborted(receiver, { code: 1006, reason: 'lost', wasClean: false });
      if (before === 'active' && live.session.state === 'closed') {
        live.closing = { code: 1006, reason: 'lost' };
      }
    }
  }

  #closeAll(timeout: number): void {
    if (this.#isClosing) {
      return;
    }
    this.#isClosing = true;
    this.#closesAt = this.#clock.now + timeout;
    for (const live of this.#live) {
      live.closing ??= { code: 1001, reason: 'bye' };
      this.#awaited.add(live.session);
    }
    const closing = this.#registry.close(1001, 'bye', timeout);
    closing.then(
      (result) => {
        this.#result = result;
      },
      () => {},
    );
    assert.equal(this.#registry.close(3000, 'again', 0), closing);
    assert.equal(this.#reservations.length, 0, 'one that waits was not rejected');
  }

  /** Finds out which sessions are over. */
  #notice(): void {
    const { now } = this.#clock;
    for (const live of this.#live.filter(({ session }) => session.state === 'closed')) {
      this.#live = this.#live.filter((other) => other !== live);
      const { code, reason } = live.closing ?? { code: 1002, reason: 'Connection interrupted' };
      if (live.of.family !== 'websocket') {
        this.#ended.set(live.id, { of: live.of, code, reason, until: now + 2 * this.#disconnectDelay });
      }
      this.#closed += this.#awaited.has(live.session) ? 1 : 0;
    }
    assert.ok(now <= this.#closesAt || this.#live.length === 0, 'not cut in time');
  }

  async #end(): Promise<void> {
    for (const reservation of this.#reservations) {
      this.#release(reservation);
    }
    for (const live of this.#live) {
      this.#terminate(live);
    }
    this.#notice();
    await turn();
    this.#check();
    assert.equal(this.#clock.countTimers(), 0);
    if (this.#isClosing) {
      const { closed, flushed, dropped } = this.#result ?? { closed: -1, flushed: 0, dropped: 0 };
      assert.deepEqual({ closed, sum: flushed + dropped }, { closed: this.#closed, sum: this.#closed });
      assert.ok(flushed >= this.#flushed, 'flushed sessions');
    } else {
      this.#checkPlaces();
    }
  }

  /** Every place has been given back. */
  #checkPlaces(): void {
    const { maxSessions, maxSessionsPerClient } = this.#limits;
    for (const quotaKey of ACCOUNTS) {
      const most = Math.min(maxSessions, maxSessionsPerClient);
      const of = identity('websocket', '', quotaKey);
      for (let i = 0; i < Math.min(most, 3); i += 1) {
        assert.equal(this.#registry.reserve('a', of), undefined, 'a place is left taken');
      }
      if (most <= 3) {
        assert.notEqual(this.#registry.reserve('a', of), undefined, 'a place too many');
      }
      for (let i = 0; i < Math.min(most, 3); i += 1) {
        this.#registry.release('a', of);
      }
    }
  }
}

describe('any use of a session registry', () => {
  let clock: Clock;

  beforeEach(() => {
    clock = stopClock();
    fakeIdleTime();
    // It would keep all sessions; each ends by itself.
    pauseTracking();
  });

  property('comes to what lists would give', 300, CASE, async ({ limits, disconnectDelay, steps }) => {
    clock.reset();
    await new Model(clock, limits, disconnectDelay).run(steps);
  });
});
