/**
 * The place of this process among the nodes of its endpoint: its lease in the registry, and what the answers say.
 *
 *     joining ──> renewing, every quarter of nodeTimeout ──────────────> leaving
 *                    │ the lease was lost, or the registry may have     (lease deleted)
 *                    │ forgotten: all sessions are written again
 */
import type { ClusterRegistry, NodeRecord, OwnerMark, Renewal } from '../options/cluster-adapter.ts';
import { debugCluster } from '../util/debug.ts';
import { promiseWithResolvers } from '../util/promises.ts';
import { DeadlineTimer, type TimerQueue } from '../util/timer-queue.ts';
import { Deadlines } from './deadlines.ts';

/** ms after which the registry forgets a session whose owner has not written its entry again: a day. */
export const ENTRY_LIFE = 86_400_000;

/** ms after which the entries of all sessions are written again. */
export const REFRESH_AFTER = ENTRY_LIFE / 3;

/** ms after which sessions end whose entries could not be written again: well before the registry forgets them. */
export const GIVE_UP_AFTER = ENTRY_LIFE / 2;

/** Renewals in a `nodeTimeout`. */
export const RENEWALS = 4;

/** A lease lasts so many times `nodeTimeout`. */
export const LEASE = 1.5;

/** What a membership needs to know, and whom it tells. */
export interface MembershipSettings {
  readonly registry: ClusterRegistry;
  readonly nodeTimeout: number;
  readonly timers: TimerQueue;
  /** The registered sessions of this process. */
  readonly owned: () => ReadonlyMap<string, OwnerMark>;
  /** Called with sessions that are not this process's any more. */
  readonly onTaken: (ids: Iterable<string>) => void;
  /** Called after each renewal with all nodes that have a lease. */
  readonly onNodes: (nodes: readonly NodeRecord[]) => void;
  /** Called where the registry is gone for good; again at each renewal. */
  readonly onCutOff: () => void;
  /** Called after each attempt to renew; `error` is what has gone wrong. */
  readonly onAttempt: (error: unknown) => void;
}

/** A request that waits for the first lease. */
interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Keeps the lease of this process. */
export class Membership {
  readonly #settings: MembershipSettings;
  readonly #timer: DeadlineTimer;
  readonly #waiters: Deadlines<Waiter>;
  readonly #waiting = new Set<Waiter>();
  #self: NodeRecord | undefined;
  #attempt: Promise<void> | undefined;
  /** Renewals that were due since the one that is under way began. */
  #pendingRenewals = 0;
  #hasJoined = false;
  #isLeaving = false;
  #isUp = false;
  #epoch: string | undefined;
  /** Whether the sessions are to be written again at the next renewal. */
  #isReassertDue = false;
  #writtenAt = performance.now();
  /** When the registry answered last. */
  #answeredAt = Number.NEGATIVE_INFINITY;
  #judgesFrom = Number.POSITIVE_INFINITY;

  constructor(settings: MembershipSettings) {
    const { timers, nodeTimeout } = settings;
    this.#settings = settings;
    this.#timer = new DeadlineTimer(timers, { onTimer: () => this.#renew() });
    this.#waiters = new Deadlines(timers, nodeTimeout, (waiter) => {
      this.#waiting.delete(waiter);
      waiter.reject(new Error('sockjs: the registry of the cluster does not answer'));
    });
  }

  /** Whether this process has had a lease. */
  get hasJoined(): boolean {
    return this.#hasJoined;
  }

  /** Whether the last renewal was answered, and the registry has all sessions of this process. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /**
   * Whether this process may call another one dead, since that has no lease. Not before it has had an answer of the
   * registry to every renewal for `nodeTimeout`: after an outage, others may not have written their leases yet. Nor after
   * a stall, which may have been one of the whole machine.
   */
  get mayJudge(): boolean {
    const now = performance.now();
    return now >= this.#judgesFrom && now - this.#answeredAt < this.#settings.nodeTimeout / 2;
  }

  /** Changes when the registry may have forgotten what it has acknowledged. */
  get epoch(): string | undefined {
    return this.#epoch;
  }

  /** Writes the record of this process, again and again. Called once, when it listens for links. */
  join(self: NodeRecord): void {
    if (!this.#isLeaving) {
      this.#self = self;
      this.#renew();
    }
  }

  /**
   * Settles once this process has a lease, which it must before it claims a session: others take the owner for dead else.
   * Rejects after `nodeTimeout`, or when the process leaves. Undefined where it has one.
   */
  joined(): Promise<void> | undefined {
    if (this.#hasJoined) {
      return undefined;
    }
    if (this.#isLeaving) {
      return Promise.reject(new Error('sockjs: this process leaves the cluster'));
    }
    const { promise, resolve, reject } = promiseWithResolvers<void>();
    const waiter = { resolve, reject };
    this.#waiting.add(waiter);
    this.#waiters.start(waiter);
    return promise;
  }

  /** Has all sessions written again at the next renewal: one of them may have been claimed before the registry forgot. */
  requestReassert(): void {
    this.#isReassertDue = true;
  }

  /** Deletes the lease. Settles when that is done or has failed, and never rejects. */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    this.#isUp = false;
    this.#timer.clear();
    this.#settle(({ reject }) => reject(new Error('sockjs: this process leaves the cluster')));
    // A renewal that came after it would bring the lease back.
    await this.#attempt;
    if (this.#self !== undefined) {
      try {
        await this.#settings.registry.remove(this.#self.id);
      } catch (error) {
        debugCluster('the lease could not be deleted; it runs out: %s', error);
      }
    }
  }

  #renew(): void {
    const { nodeTimeout } = this.#settings;
    this.#timer.set(nodeTimeout / RENEWALS);
    if (this.#self === undefined) {
      return;
    }
    if (this.#attempt !== undefined) {
      this.#onPending();
      return;
    }
    this.#pendingRenewals = 0;
    this.#attempt = this.#try(this.#self).then(() => {
      this.#attempt = undefined;
    });
  }

  /** Another renewal is due, and the one before was not answered: it writes many sessions, or the registry hangs. */
  #onPending(): void {
    this.#pendingRenewals += 1;
    if (this.#pendingRenewals >= RENEWALS) {
      this.#onFailure();
      this.#settings.onAttempt(new Error('sockjs: the registry of the cluster has not answered'));
    }
  }

  /** Never rejects. */
  async #try(self: NodeRecord): Promise<void> {
    const { registry, nodeTimeout, onAttempt } = this.#settings;
    let error: unknown;
    try {
      const renewal = await registry.renew(self, LEASE * nodeTimeout);
      if (renewal.isCutOff === true) {
        this.#settings.onCutOff();
        throw new Error('sockjs: this process is cut off from the registry of the cluster for good');
      }
      await this.#onRenewal(renewal);
    } catch (thrown) {
      error = thrown;
      this.#onFailure();
    }
    if (!this.#isLeaving) {
      onAttempt(error);
    }
  }

  async #onRenewal({ hadLease, epoch, nodes }: Renewal): Promise<void> {
    const now = performance.now();
    const { nodeTimeout } = this.#settings;
    this.#answeredAt = now;
    const isFirst = this.#epoch === undefined;
    if (isFirst || !hadLease || epoch !== this.#epoch) {
      this.#isReassertDue = true;
      this.#judgesFrom = now + nodeTimeout;
    }
    this.#epoch = epoch;
    this.#judgesFrom = Math.min(this.#judgesFrom, now + nodeTimeout);
    if (this.#isReassertDue || now - this.#writtenAt >= REFRESH_AFTER) {
      await this.#reassert();
    }
    if (this.#isLeaving) {
      return;
    }
    this.#isUp = true;
    this.#settings.onNodes(nodes);
    if (!this.#hasJoined) {
      this.#hasJoined = true;
      this.#settle(({ resolve }) => resolve());
    }
  }

  /** Writes all sessions. Those of this process that have gone to another one, or that others have ended, end here. */
  async #reassert(): Promise<void> {
    const { registry, owned, onTaken } = this.#settings;
    const sessions = owned();
    this.#isReassertDue = false;
    try {
      if (sessions.size > 0) {
        onTaken(await registry.reassert(sessions, ENTRY_LIFE));
      }
      this.#writtenAt = performance.now();
    } catch (error) {
      this.#isReassertDue = true;
      throw error;
    }
  }

  #onFailure(): void {
    const { owned, onTaken } = this.#settings;
    this.#isUp = false;
    this.#judgesFrom = Number.POSITIVE_INFINITY;
    if (performance.now() - this.#writtenAt >= GIVE_UP_AFTER) {
      onTaken([...owned().keys()]);
    }
  }

  #settle(settle: (waiter: Waiter) => void): void {
    for (const waiter of this.#waiting) {
      settle(waiter);
    }
    this.#waiting.clear();
    this.#waiters.clear();
  }
}
