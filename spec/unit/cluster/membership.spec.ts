/** The lease of a process: when it is renewed, what the answers lead to, and what an outage does. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '@sinonjs/fake-timers';
import {
  ENTRY_LIFE,
  GIVE_UP_AFTER,
  Membership,
  type MembershipSettings,
  REFRESH_AFTER,
} from '../../../lib/cluster/membership.ts';
import type { NodeRecord, OwnerMark, Renewal } from '../../../lib/options/cluster-adapter.ts';
import { promiseWithResolvers } from '../../../lib/util/promises.ts';
import { TimerQueue } from '../../../lib/util/timer-queue.ts';
import { stopClock } from '../../support/clock.ts';
import { MemoryRegistry, memoryStore } from '../../support/cluster/memory-registry.ts';
import { catchUncaught } from '../../support/uncaught.ts';

const SELF: NodeRecord = { id: 'self', address: '127.0.0.1:1', token: 'token', machine: 'm', versions: [1, 1] };
const OTHER: NodeRecord = { ...SELF, id: 'other' };
const RENEWAL: Renewal = { hadLease: true, epoch: '1', nodes: [SELF, OTHER] };
const HOUR = 3_600_000;

/** A registry that answers what the test says, and writes down what it is asked. */
class TestRegistry extends MemoryRegistry {
  readonly did: string[] = [];
  /** When it was asked to renew, and for how long. */
  readonly renewals: [at: number, lease: number][] = [];
  /** When sessions were written, and which. */
  readonly writes: [at: number, ids: string[], life: number][] = [];
  onRenew: () => Promise<Renewal> = () => Promise.resolve(RENEWAL);
  onReassert: () => Promise<readonly string[]> = () => Promise.resolve([]);
  onRemove: () => Promise<void> = () => Promise.resolve();

  override async renew(_node: NodeRecord, lease: number): Promise<Renewal> {
    this.renewals.push([performance.now(), lease]);
    this.did.push('renew');
    return this.onRenew();
  }

  override async reassert(sessions: ReadonlyMap<string, OwnerMark>, life: number): Promise<readonly string[]> {
    this.writes.push([performance.now(), [...sessions.keys()], life]);
    this.did.push('reassert');
    return this.onReassert();
  }

  override async remove(nodeId: string): Promise<void> {
    this.did.push(`remove ${nodeId}`);
    return this.onRemove();
  }
}

function make({ nodeTimeout = 1000, sessions = ['session'] } = {}) {
  const registry = new TestRegistry(memoryStore());
  const owned = new Map(sessions.map((id, index) => [id, { nodeId: 'self', reservation: index }]));
  const taken: string[][] = [];
  const nodes: (readonly string[])[] = [];
  const attempts: unknown[] = [];
  const cutOff: number[] = [];
  const settings: MembershipSettings = {
    registry,
    nodeTimeout,
    timers: new TimerQueue(),
    owned: () => owned,
    onTaken: (ids) => taken.push([...ids]),
    onNodes: (listed) => nodes.push(listed.map(({ id }) => id)),
    onCutOff: () => cutOff.push(performance.now()),
    onAttempt: (error) => attempts.push(error),
  };
  return { registry, owned, taken, nodes, attempts, cutOff, membership: new Membership(settings) };
}

const away = () => Promise.reject(new Error('the registry is away'));

describe('Membership', () => {
  let clock: Clock;
  let uncaught: unknown[];

  beforeEach(() => {
    clock = stopClock();
    uncaught = [];
    catchUncaught((error) => uncaught.push(error));
  });

  afterEach(async () => {
    await turn();
    assert.deepEqual(uncaught, []);
  });

  /** Lets time pass, and what is due be done. */
  async function advance(ms: number, step = ms): Promise<void> {
    await turn();
    for (let left = ms; left > 0; left -= step) {
      clock.tick(Math.min(step, left));
      await turn();
    }
  }

  /** A process that has joined. */
  async function joined(options?: Parameters<typeof make>[0]): Promise<ReturnType<typeof make>> {
    const made = make(options);
    made.membership.join(SELF);
    await turn();
    assert.equal(made.membership.hasJoined, true);
    return made;
  }

  describe('a registry that is gone for good', () => {
    it('is told at each renewal, and makes the membership fail', async () => {
      const { registry, nodes, attempts, cutOff, taken, membership } = await joined();
      registry.onRenew = () => Promise.resolve({ ...RENEWAL, hadLease: false, nodes: [], isCutOff: true });
      await advance(500, 250);
      assert.equal(cutOff.length, 2);
      assert.equal(membership.isUp, false);
      assert.match(String(attempts.at(-1)), /cut off from the registry of the cluster for good/);
      // The endpoint closes, and ends its sessions itself.
      assert.deepEqual([nodes.length, taken.flat()], [1, []]);
    });
  });

  describe('the lease', () => {
    it('is written at once, and every quarter of nodeTimeout, for one and a half of it', async () => {
      const { registry, nodes, attempts, membership } = make();
      await advance(5000, 250);
      assert.deepEqual(registry.renewals, [], 'this process does not listen yet');
      membership.join(SELF);
      await advance(750, 250);
      assert.deepEqual(registry.renewals, [
        [5000, 1500],
        [5250, 1500],
        [5500, 1500],
        [5750, 1500],
      ]);
      assert.equal(nodes.length, 4);
      assert.deepEqual(nodes[0], ['self', 'other']);
      assert.deepEqual(attempts, [undefined, undefined, undefined, undefined]);
    });

    it('is renewed on time after a renewal that was rejected', async () => {
      const { registry, membership, attempts } = await joined();
      registry.onRenew = away;
      await advance(250);
      assert.match(String(attempts.at(-1)), /the registry is away/);
      assert.equal(membership.isUp, false);
      registry.onRenew = () => Promise.resolve(RENEWAL);
      await advance(250);
      assert.equal(membership.isUp, true);
      assert.deepEqual(
        registry.renewals.map(([at]) => at),
        [0, 250, 500],
      );
    });

    it('is not asked for twice at a time', async () => {
      const { registry } = await joined();
      const answer = promiseWithResolvers<Renewal>();
      registry.onRenew = () => answer.promise;
      await advance(750, 250);
      assert.equal(registry.renewals.length, 2);
      answer.resolve(RENEWAL);
      await advance(250);
      assert.equal(registry.renewals.length, 3);
    });
  });

  describe('a registry that never answers', () => {
    it('is noticed after nodeTimeout, and at each renewal from then on', async () => {
      const { registry, membership, attempts, nodes } = await joined();
      registry.onRenew = () => new Promise(() => {});
      await advance(1000, 250);
      assert.deepEqual([attempts.length, membership.isUp], [1, true]);
      await advance(250);
      assert.deepEqual([attempts.length, membership.isUp, membership.mayJudge], [2, false, false]);
      assert.match(String(attempts.at(-1)), /the registry of the cluster has not answered/);
      await advance(250);
      assert.equal(attempts.length, 3);
      assert.equal(nodes.length, 1);
    });

    it('is not taken for one that is slow, though slow again and again', async () => {
      const { registry, membership, attempts } = await joined();
      for (let round = 0; round < 3; round += 1) {
        const answer = promiseWithResolvers<Renewal>();
        registry.onRenew = () => answer.promise;
        await advance(1000, 250);
        answer.resolve(RENEWAL);
        await turn();
        assert.equal(membership.isUp, true);
      }
      assert.deepEqual(attempts, [undefined, undefined, undefined, undefined]);
    });

    it('does no harm by an answer that comes after all', async () => {
      const { registry, membership, nodes } = await joined();
      const answer = promiseWithResolvers<Renewal>();
      registry.onRenew = () => answer.promise;
      await advance(2500, 250);
      assert.equal(membership.isUp, false);
      registry.onRenew = () => Promise.resolve(RENEWAL);
      answer.resolve(RENEWAL);
      await turn();
      assert.deepEqual([membership.isUp, membership.mayJudge, nodes.length], [true, false, 2]);
      await advance(999, 250);
      assert.equal(membership.mayJudge, false);
      await advance(1);
      assert.equal(membership.mayJudge, true);
    });

    it('does no harm by a rejection that comes after all', async () => {
      const { registry, membership } = await joined();
      const answer = promiseWithResolvers<Renewal>();
      registry.onRenew = () => answer.promise;
      await advance(2500, 250);
      answer.reject(new Error('late'));
      registry.onRenew = () => Promise.resolve(RENEWAL);
      await advance(250);
      assert.equal(membership.isUp, true);
    });
  });

  describe('joined()', () => {
    it('settles once this process has a lease, and its sessions are written', async () => {
      const { membership, registry } = make();
      const writing = promiseWithResolvers<readonly string[]>();
      registry.onReassert = () => writing.promise;
      let has = false;
      void membership.joined()?.then(() => {
        has = true;
      });
      membership.join(SELF);
      await turn();
      assert.deepEqual([has, membership.hasJoined, registry.did], [false, false, ['renew', 'reassert']]);
      writing.resolve([]);
      await turn();
      assert.deepEqual([has, membership.hasJoined], [true, true]);
      assert.equal(membership.joined(), undefined);
      await membership.leave();
      assert.equal(clock.countTimers(), 0);
    });

    it('rejects after nodeTimeout, and leaves no timer', async () => {
      const { membership } = make();
      let error: unknown;
      membership.joined()?.catch((thrown: unknown) => {
        error = thrown;
      });
      await advance(999, 1);
      assert.equal(error, undefined);
      await advance(200, 1);
      assert.match(String(error), /the registry of the cluster does not answer/);
      assert.equal(clock.countTimers(), 0);
    });

    it('rejects when this process leaves, and from then on', async () => {
      const { membership } = make();
      const waiting = assert.rejects(async () => membership.joined(), /this process leaves the cluster/);
      const left = membership.leave();
      await waiting;
      await assert.rejects(async () => membership.joined(), /this process leaves the cluster/);
      await left;
      assert.equal(clock.countTimers(), 0);
    });

    it('waits on through renewals that fail', async () => {
      const { membership, registry } = make();
      registry.onRenew = away;
      membership.join(SELF);
      const waiting = membership.joined();
      await advance(500, 250);
      registry.onRenew = () => Promise.resolve(RENEWAL);
      await advance(250);
      await waiting;
      assert.equal(membership.hasJoined, true);
    });
  });

  describe('the sessions', () => {
    it('are written at the first renewal, for a day, and not at the next ones', async () => {
      const { registry } = await joined();
      await advance(1000, 250);
      assert.deepEqual(registry.writes, [[0, ['session'], ENTRY_LIFE]]);
    });

    it('cost no command where there are none', async () => {
      const { registry } = await joined({ sessions: [] });
      assert.deepEqual(registry.did, ['renew']);
    });

    for (const [title, renewal] of [
      ['the lease was gone', { ...RENEWAL, hadLease: false }],
      ['the epoch has changed', { ...RENEWAL, epoch: '2' }],
    ] as const) {
      it(`are written again where ${title}, before this process counts as up`, async () => {
        const { registry, membership, nodes } = await joined();
        registry.onRenew = away;
        await advance(250);
        registry.onRenew = () => Promise.resolve(renewal);
        const writing = promiseWithResolvers<readonly string[]>();
        registry.onReassert = () => writing.promise;
        await advance(250);
        assert.deepEqual([registry.writes.length, membership.isUp, nodes.length], [2, false, 1]);
        writing.resolve([]);
        await turn();
        assert.deepEqual([membership.isUp, nodes.length, membership.epoch], [true, 2, renewal.epoch]);
        registry.onRenew = () => Promise.resolve({ ...renewal, hadLease: true });
        await advance(250);
        assert.equal(registry.writes.length, 2);
      });
    }

    it('are written again at the next renewal where that was asked for', async () => {
      const { registry, membership } = await joined();
      membership.requestReassert();
      await advance(500, 250);
      assert.deepEqual(
        registry.writes.map(([at]) => at),
        [0, 250],
      );
    });

    it('are written once more where that was asked for while they were written', async () => {
      const { registry, membership } = await joined();
      membership.requestReassert();
      registry.onReassert = async () => {
        membership.requestReassert();
        return [];
      };
      await advance(250);
      registry.onReassert = () => Promise.resolve([]);
      await advance(500, 250);
      assert.deepEqual(
        registry.writes.map(([at]) => at),
        [0, 250, 500],
      );
    });

    it('are written again every 8 hours', async () => {
      assert.equal(REFRESH_AFTER, 8 * HOUR);
      const { registry } = await joined({ nodeTimeout: HOUR });
      await advance(17 * HOUR, HOUR / 4);
      assert.deepEqual(
        registry.writes.map(([at]) => at / HOUR),
        [0, 8, 16],
      );
    });

    it('are written again at each renewal until that succeeds', async () => {
      const { registry, membership, attempts } = await joined();
      registry.onRenew = () => Promise.resolve({ ...RENEWAL, epoch: '2' });
      registry.onReassert = away;
      await advance(500, 250);
      assert.equal(membership.isUp, false);
      assert.match(String(attempts.at(-1)), /the registry is away/);
      registry.onReassert = () => Promise.resolve([]);
      await advance(500, 250);
      assert.deepEqual(
        registry.writes.map(([at]) => at),
        [0, 250, 500, 750],
      );
      assert.equal(membership.isUp, true);
    });

    it('end where they have gone to another process', async () => {
      const { registry, taken } = await joined({ sessions: ['mine', 'gone'] });
      registry.onReassert = () => Promise.resolve(['gone']);
      registry.onRenew = () => Promise.resolve({ ...RENEWAL, epoch: '2' });
      taken.length = 0;
      await advance(250);
      assert.deepEqual(taken, [['gone']]);
    });

    it('end after 12 hours in which they could not be written', async () => {
      assert.equal(GIVE_UP_AFTER, 12 * HOUR);
      const { registry, taken } = await joined({ nodeTimeout: HOUR, sessions: ['1', '2'] });
      taken.length = 0;
      registry.onRenew = away;
      await advance(11.75 * HOUR, HOUR / 4);
      assert.deepEqual(taken, []);
      await advance(HOUR / 4);
      assert.deepEqual(taken, [['1', '2']]);
    });

    it('end after 12 hours also where the registry never answers', async () => {
      const { registry, taken } = await joined({ nodeTimeout: HOUR });
      taken.length = 0;
      registry.onRenew = () => new Promise(() => {});
      await advance(11.75 * HOUR, HOUR / 4);
      assert.deepEqual(taken, []);
      await advance(HOUR / 4);
      assert.deepEqual(taken, [['session']]);
    });
  });

  describe('mayJudge', () => {
    it('is true nodeTimeout after the first answer', async () => {
      const { membership } = make();
      assert.equal(membership.mayJudge, false);
      await advance(5000);
      assert.equal(membership.mayJudge, false);
      membership.join(SELF);
      await advance(999, 250);
      assert.equal(membership.mayJudge, false);
      await advance(1);
      assert.equal(membership.mayJudge, true);
    });

    it('is true nodeTimeout after the first answer that follows an outage', async () => {
      const { membership, registry } = await joined();
      await advance(1000, 250);
      registry.onRenew = away;
      await advance(250);
      assert.equal(membership.mayJudge, false);
      await advance(5000, 250);
      assert.equal(membership.mayJudge, false);
      registry.onRenew = () => Promise.resolve(RENEWAL);
      await advance(250);
      await advance(999, 250);
      assert.equal(membership.mayJudge, false);
      await advance(1);
      assert.equal(membership.mayJudge, true);
    });

    it('is true nodeTimeout after the epoch has changed, or the lease was gone', async () => {
      for (const renewal of [
        { ...RENEWAL, epoch: '2' },
        { ...RENEWAL, hadLease: false },
      ]) {
        const { membership, registry } = await joined();
        await advance(1000, 250);
        assert.equal(membership.mayJudge, true);
        registry.onRenew = () => Promise.resolve(renewal);
        await advance(250);
        assert.equal(membership.mayJudge, false);
        registry.onRenew = () => Promise.resolve({ ...renewal, hadLease: true });
        await advance(999, 250);
        assert.equal(membership.mayJudge, false);
        await advance(1);
        assert.equal(membership.mayJudge, true);
        await membership.leave();
      }
    });
  });

  describe('leave()', () => {
    it('deletes the lease, after which no renewal comes', async () => {
      const { membership, registry } = await joined({ sessions: [] });
      await membership.leave();
      assert.deepEqual([membership.isUp, clock.countTimers()], [false, 0]);
      membership.join(SELF);
      await advance(5000, 250);
      assert.deepEqual(registry.did, ['renew', 'remove self']);
    });

    it('waits for a renewal that is under way, whose answer is not told any more', async () => {
      const { membership, registry, nodes, attempts } = await joined({ sessions: [] });
      const answer = promiseWithResolvers<Renewal>();
      registry.onRenew = () => answer.promise;
      await advance(250);
      const left = membership.leave();
      await advance(1000, 250);
      assert.deepEqual(registry.did, ['renew', 'renew']);
      answer.resolve(RENEWAL);
      await left;
      assert.deepEqual(registry.did, ['renew', 'renew', 'remove self']);
      assert.deepEqual([membership.isUp, nodes.length, attempts.length], [false, 1, 1]);
      assert.equal(clock.countTimers(), 0);
    });

    it('settles where the renewal that is under way fails, and where the lease cannot be deleted', async () => {
      const { membership, registry } = await joined({ sessions: [] });
      const answer = promiseWithResolvers<Renewal>();
      registry.onRenew = () => answer.promise;
      registry.onRemove = away;
      await advance(250);
      const left = membership.leave();
      answer.reject(new Error('away'));
      await left;
      assert.equal(registry.did.at(-1), 'remove self');
    });

    it('asks the registry for nothing where this process has never joined', async () => {
      const { membership, registry } = make();
      await membership.leave();
      membership.join(SELF);
      await advance(1000, 250);
      assert.deepEqual(registry.did, []);
      assert.equal(clock.countTimers(), 0);
    });
  });
});
