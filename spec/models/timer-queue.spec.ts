/** Deadline timers against a plain list of deadlines: never early, never late, and never more than one Node timer. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '@sinonjs/fake-timers';
import fc from 'fast-check';
import { DeadlineTimer, TimerQueue } from '../../lib/util/timer-queue.ts';
import { stopClock } from '../support/clock.ts';
import { fakeIdleTime, type Loop } from '../support/idle-time.ts';
import { property, sequence } from '../support/property.ts';

/** Enough for a heap of five levels. */
const TIMERS = 31;

/** What a timer does when it fires. */
type Reaction =
  | readonly [name: 'nothing']
  | readonly [name: 'set' | 'limit', timer: number, delay: number]
  | readonly [name: 'clear', timer: number];

type Step =
  | readonly [name: 'set' | 'limit', timer: number, delay: number, reaction: Reaction]
  | readonly [name: 'postpone' | 'unset' | 'clear', timer: number]
  | readonly [name: 'tick' | 'jump', ms: number]
  | readonly [name: 'turns', count: number]
  | readonly [name: 'idle'];

/** Many alike, so that deadlines coincide; and delays around the limits that define a stall. */
const DELAY = fc.oneof(
  fc.integer({ min: 1, max: 20 }).map((tens) => tens * 10),
  fc.integer({ min: 1, max: 3000 }),
  fc.constantFrom(1, 99, 100, 101, 1000, 1999, 2000, 2001, 5000),
  fc.constantFrom(0.5, 33.3, 1500.25),
);

/** Steps that change one of so many timers. */
function changes(timers: number): { set: fc.Arbitrary<Step>; limit: fc.Arbitrary<Step>; other: fc.Arbitrary<Step> } {
  const which = fc.nat(timers - 1);
  const reaction: fc.Arbitrary<Reaction> = fc.oneof(
    { weight: 8, arbitrary: fc.constant(['nothing'] as const) },
    { weight: 2, arbitrary: fc.tuple(fc.constantFrom('set', 'limit'), which, DELAY) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('clear' as const), which) },
  );
  return {
    set: fc.tuple(fc.constant('set' as const), which, DELAY, reaction),
    limit: fc.tuple(fc.constant('limit' as const), which, DELAY, reaction),
    other: fc.tuple(fc.constantFrom('postpone', 'unset', 'clear'), which),
  };
}

const TICK = fc.tuple(fc.constant('tick' as const), fc.oneof(fc.integer({ min: 1, max: 60 }), fc.nat(2000)));
const JUMP = fc.tuple(
  fc.constant('jump' as const),
  fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 6000 })),
);

const MANY = changes(10);
const CALM: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: MANY.set },
  { weight: 4, arbitrary: MANY.limit },
  { weight: 4, arbitrary: MANY.other },
  { weight: 4, arbitrary: TICK },
);

/** A full heap, from which some timers are taken out. Then time passes in small steps. */
const HEAP: fc.Arbitrary<Step[]> = fc
  .tuple(
    fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: TIMERS, maxLength: TIMERS }),
    fc.array(fc.nat(TIMERS - 1), { maxLength: 6 }),
  )
  .map(([delays, cleared]) => [
    ...delays.map((delay, i): Step => ['set', i, delay, ['nothing']]),
    ...cleared.map((i): Step => ['clear', i]),
    ...Array.from({ length: 50 }, (): Step => ['tick', 20]),
  ]);

/** Few timers, each with many steps. */
const FEW = changes(4);
const STALLING: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: FEW.set },
  { weight: 6, arbitrary: FEW.limit },
  { weight: 2, arbitrary: FEW.other },
  { weight: 5, arbitrary: TICK },
  { weight: 5, arbitrary: JUMP },
  { weight: 3, arbitrary: fc.tuple(fc.constant('turns' as const), fc.integer({ min: 1, max: 3 })) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('idle' as const)) },
);

/** What the model knows of a timer that is set. */
interface Entry {
  readonly isLimit: boolean;
  readonly delay: number;
  readonly reaction: Reaction;
  /** It must not fire before this. */
  due: number;
  /** The latest time of the next check of a limit, where stalls make that time uncertain. */
  nextCheck: number;
  /** Whether the first check of a limit has still to come. */
  isUnchecked: boolean;
  /** Whether its place in the heap is that of its deadline. */
  isInPlace: boolean;
  /** Stalls since it was set. */
  stalls: number;
  /** The state at the last restart of the limit, which has to change before it fires. */
  restart: { readonly at: number; readonly idle: number; readonly turns: number } | undefined;
}

/** As documented for `DeadlineTimer`. */
const LATE = 100;
const RESTARTS = 8;
const TURNS = 2;
const CATCH_UP = 50;

class Model {
  readonly #clock: Clock;
  readonly #loop: Loop;
  readonly #timers: readonly DeadlineTimer[];
  readonly #entries = new Map<number, Entry>();
  /** Timers that the queue may still hold. */
  readonly #held = new Set<number>();
  #turns = 0;
  /** The end of the last stall, and when the loop had turned twice since. */
  #stallEnd = 0;
  #turnsThen = 0;
  #readyAt = 0;
  #fired: Entry[] = [];

  constructor(clock: Clock, loop: Loop) {
    this.#clock = clock;
    this.#loop = loop;
    const queue = new TimerQueue();
    this.#timers = Array.from(
      { length: TIMERS },
      (_, i) => new DeadlineTimer(queue, { onTimer: () => this.#onTimer(i) }),
    );
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      await this.#do(step);
      assert.equal(this.#clock.countTimers() <= 1, true, 'more than one Node timer');
    }
    for (const i of this.#timers.keys()) {
      this.#clear(i);
    }
    assert.equal(this.#clock.countTimers(), 0, 'a Node timer without a deadline timer');
  }

  async #do(step: Step): Promise<void> {
    switch (step[0]) {
      case 'set':
      case 'limit':
        this.#set(...step);
        break;
      case 'postpone':
        this.#postpone(step[1]);
        break;
      case 'unset':
        this.#timers[step[1]]?.unset();
        this.#entries.delete(step[1]);
        break;
      case 'clear':
        this.#clear(step[1]);
        break;
      case 'tick':
        this.#tick(step[1]);
        break;
      case 'jump':
        this.#jump(step[1]);
        break;
      case 'turns':
        for (let i = 0; i < step[1]; i += 1) {
          await this.#turn();
        }
        break;
      case 'idle':
        this.#loop.idle += 1;
    }
  }

  #set(how: 'set' | 'limit', i: number, delay: number, reaction: Reaction): void {
    this.#timers[i]?.[how](delay);
    this.#entries.set(i, {
      isLimit: how === 'limit',
      delay,
      reaction,
      due: Math.ceil(this.#clock.now + delay),
      nextCheck: 0,
      isUnchecked: how === 'limit',
      isInPlace: !this.#held.has(i),
      stalls: 0,
      restart: undefined,
    });
    this.#held.add(i);
  }

  #postpone(i: number): void {
    const entry = this.#entries.get(i);
    if (entry !== undefined && entry.stalls > 0) {
      // Sessions postpone heartbeats, never limits. The first check of a limit that was restarted is not modelled.
      return;
    }
    this.#timers[i]?.postpone(performance.now());
    if (entry !== undefined) {
      entry.due = Math.max(entry.due, Math.ceil(this.#clock.now + entry.delay));
      entry.isUnchecked = entry.isLimit;
      entry.isInPlace = false;
    }
  }

  #clear(i: number): void {
    this.#timers[i]?.clear();
    this.#entries.delete(i);
    this.#held.delete(i);
  }

  /** Every check comes in time. */
  #tick(ms: number): void {
    this.#clock.tick(ms);
    const { now } = this.#clock;
    for (const [i, entry] of this.#entries) {
      entry.isUnchecked &&= firstCheck(entry) > now;
      assert.equal(this.#latest(entry) > now, true, `timer ${i} is overdue`);
    }
  }

  /** The time at which a timer has fired at the latest, if no stall comes. */
  #latest({ isLimit, due, delay, stalls }: Entry): number {
    if (!isLimit || stalls === 0) {
      return due;
    }
    if (this.#turns < this.#turnsThen + TURNS) {
      return Number.POSITIVE_INFINITY;
    }
    return Math.max(due, this.#stallEnd + delay, this.#readyAt) + CATCH_UP;
  }

  async #turn(): Promise<void> {
    await turn();
    this.#turns += 1;
    if (this.#turns === this.#turnsThen + TURNS) {
      this.#readyAt = this.#clock.now;
    }
  }

  /** A stall: no timer is checked for so long, then all that are due. */
  #jump(ms: number): void {
    const begin = this.#clock.now;
    this.#stallEnd = begin + ms;
    this.#turnsThen = this.#turns;
    for (const entry of this.#entries.values()) {
      if (entry.isLimit) {
        this.#prolong(entry, begin, this.#stallEnd);
      }
    }
    this.#fired = [];
    this.#clock.jump(ms);
    for (const [i, { isLimit, due }] of this.#entries) {
      assert.equal(isLimit || due > this.#clock.now, true, `timer ${i} is overdue`);
    }
    const dues = this.#fired.filter(({ isLimit, isInPlace }) => !isLimit && isInPlace).map(({ due }) => due);
    assert.deepEqual(
      dues,
      dues.toSorted((a, b) => a - b),
      'not in the order of their deadlines',
    );
  }

  /** Notes how much time a stall adds to a limit at least. */
  #prolong(entry: Entry, begin: number, end: number): void {
    entry.stalls += 1;
    const first = firstCheck(entry);
    if (first > end) {
      return;
    }
    const isExact = entry.isUnchecked && first > begin;
    const check = isExact ? first : Math.max(first, begin + checkInterval(entry), entry.nextCheck);
    const lateness = end - check;
    entry.nextCheck = isExact ? 0 : Math.ceil(end + entry.delay);
    if (lateness > LATE || (entry.isUnchecked && end >= entry.due)) {
      entry.due = Math.max(entry.due, Math.ceil(end + Math.min(entry.delay, lateness)));
    }
    if (lateness > LATE) {
      entry.restart = { at: end, idle: this.#loop.idle, turns: this.#turns };
    }
    entry.isUnchecked = false;
  }

  #onTimer(i: number): void {
    const entry = this.#entries.get(i);
    assert.ok(entry, `timer ${i} fires, and is not set`);
    this.#entries.delete(i);
    this.#held.delete(i);
    this.#fired.push(entry);
    this.#assertMayFire(entry);
    const { reaction } = entry;
    if (reaction[0] === 'clear') {
      this.#clear(reaction[1]);
    } else if (reaction[0] !== 'nothing') {
      this.#set(...reaction, ['nothing']);
    }
  }

  #assertMayFire({ isLimit, due, delay, stalls, restart }: Entry): void {
    const { now } = this.#clock;
    if (isLimit && stalls > RESTARTS) {
      return;
    }
    assert.equal(now >= due, true, `early: ${now} instead of ${due}`);
    if (restart !== undefined) {
      assert.equal(this.#turns >= restart.turns + TURNS, true, 'before two turns of the loop');
      assert.equal(this.#loop.idle > restart.idle || now >= restart.at + delay, true, 'before the loop was idle');
    }
  }
}

/** ms before the end of a limit in which it is watched for stalls. */
function watched({ delay }: Entry): number {
  return Math.min(1000, Math.floor(delay / 2));
}

/** The time of the first check of a limit. */
function firstCheck(entry: Entry): number {
  return entry.due - watched(entry);
}

/** ms between two checks of a limit that is watched, at most. */
function checkInterval(entry: Entry): number {
  return Math.ceil(Math.max(LATE, watched(entry) / 5)) + 1;
}

describe('any use of deadline timers', () => {
  let clock: Clock;
  let loop: Loop;

  beforeEach(() => {
    clock = stopClock();
    loop = fakeIdleTime();
  });

  const run = async (steps: readonly Step[]) => {
    clock.reset();
    await new Model(clock, loop).run(steps);
  };

  property('fires each in time where the loop never stalls', 300, sequence(CALM, 60), run);

  property('fires in time those that are left when others are cleared', 200, HEAP, run);

  property(
    'restarts limits after stalls, but not for ever, and fires all others at once',
    500,
    sequence(STALLING, 60),
    run,
  );
});
