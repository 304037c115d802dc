/** The registry in Redis while Redis fails: every call settles in time, and nothing that was acknowledged is wrong. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { MAX_KEYS_IN_FLIGHT } from '../../lib/cluster/redis/commands.ts';
import { RedisRegistry } from '../../lib/cluster/redis/redis-registry.ts';
import type { Entry, NodeRecord, OwnerMark } from '../../lib/options/cluster-adapter.ts';
import { afterTest } from '../support/cleanup.ts';
import { CLIENTS, type Connect } from '../support/redis/clients.ts';
import { DEBUG_ARGUMENTS, describeWithRedis, useRedis } from '../support/redis/redis-server.ts';

const LIFE = 3_600_000;

const NODE: NodeRecord = { id: 'a', address: 'a:1', token: 'token', machine: 'machine', versions: [1, 1] };

/** Claims while connections are cut, how many of them at once, and after how many answers the next cut comes. */
const CLAIMS = 2_000;
const AT_ONCE = 100;
const CLAIMS_PER_CUT = 100;

/** ms that a registry waits for a Redis which does not answer. */
const HASTY = 50;

/** ms that a registry waits for one which does, however slow the machine is. */
const PATIENT = 30_000;

const mark = (reservation: number): OwnerMark => ({ nodeId: NODE.id, reservation });
const owned = (reservation: number): Entry => ({ kind: 'owned', owner: mark(reservation) });

/** Calls until it succeeds. */
async function insist(call: () => Promise<unknown>): Promise<void> {
  const end = performance.now() + PATIENT;
  for (;;) {
    try {
      await call();
      return;
    } catch (error) {
      if (performance.now() > end) {
        throw error;
      }
      await turn();
    }
  }
}

describeWithRedis('the registry while Redis fails', () => {
  const server = useRedis(...DEBUG_ARGUMENTS);
  let tests = 0;

  /** Makes registries of a cluster that no other test has, by one client. */
  async function open(connect: Connect): Promise<(timeout: number) => RedisRegistry> {
    const { client, close } = await connect({ port: server.port });
    afterTest(close);
    tests += 1;
    const name = `test-${tests}`;
    return (timeout) => new RedisRegistry(client, { name, timeout });
  }

  for (const [name, connect] of Object.entries(CLIENTS)) {
    describe(`by ${name}`, () => {
      it('gives each id to one of two who claim it while connections are cut', async () => {
        const make = await open(connect);
        const [one, two] = [make(PATIENT), make(PATIENT)];
        const winners: (readonly [id: string, owner: OwnerMark])[] = [];
        let answers = 0;
        let next = 0;
        const claimAll = async () => {
          while (next < CLAIMS) {
            next += 1;
            const id = `${next}`;
            await Promise.all(
              [one, two].map((registry, i) =>
                insist(async () => {
                  const owner = { nodeId: `node${i}`, reservation: 1 };
                  if ((await registry.claim(id, owner, LIFE)) === undefined) {
                    winners.push([id, owner]);
                  }
                }),
              ),
            );
            answers += 1;
            if (answers % CLAIMS_PER_CUT === 0) {
              await server.cutConnections();
            }
          }
        };
        await Promise.all(Array.from({ length: AT_ONCE }, claimAll));
        assert.equal(winners.length, CLAIMS);
        for (const node of ['node0', 'node1']) {
          const won = new Map(winners.filter(([, { nodeId }]) => nodeId === node));
          // The last cut may hit this call.
          await insist(async () => assert.deepEqual(await one.reassert(won, LIFE), []));
        }
      });

      it('rejects at the deadline while Redis is stalled, and goes on after it', async () => {
        const make = await open(connect);
        const [patient, hasty] = [make(PATIENT), make(HASTY)];
        await patient.claim('before', mark(1), LIFE);
        // Redis knows the script from now on. One that it does not know is not sent again after the deadline.
        await patient.release('another', mark(1));
        server.stall();
        afterTest(() => server.resume());
        await assert.rejects(hasty.renew(NODE, LIFE), /has not answered within 50 ms/);
        await assert.rejects(hasty.claim('id', mark(1), LIFE), /has not answered within 50 ms/);
        await assert.rejects(hasty.release('before', mark(1)), /has not answered within 50 ms/);
        server.resume();
        // Commands of one connection run in order, but those of a pool do not.
        await insist(async () => assert.equal(await patient.find('before'), undefined));
        assert.equal(await patient.claim('id', mark(1), LIFE), undefined);
        assert.equal((await patient.renew(NODE, LIFE)).hadLease, false);
      });

      it('sends no more than it may while Redis is stalled', async () => {
        const make = await open(connect);
        const [patient, hasty] = [make(PATIENT), make(HASTY)];
        // Redis knows the scripts from now on. One that it does not know is not sent again after the deadline.
        await patient.claim('before', mark(1), LIFE);
        await patient.find('before');
        server.stall();
        afterTest(() => server.resume());
        const sent = Array.from({ length: MAX_KEYS_IN_FLIGHT }, (_, i) => hasty.claim(`${i}`, mark(i), LIFE));
        // Those of one turn are sent, or refused, together.
        await new Promise(setImmediate);
        await assert.rejects(
          hasty.claim('more', mark(1), LIFE),
          /too many commands wait for Redis; this one was not sent/,
        );
        for (const { status } of await Promise.allSettled(sent)) {
          assert.equal(status, 'rejected');
        }
        // The client still has them.
        await assert.rejects(hasty.find('more'), /not sent/);
        server.resume();
        await insist(() => hasty.find('more'));
        await insist(async () => assert.deepEqual(await patient.find('4095'), owned(4095)));
        assert.equal(await patient.find('more'), undefined);
      });

      it('rejects while Redis is away, and goes on with the one that comes back', async () => {
        const make = await open(connect);
        const [patient, hasty] = [make(PATIENT), make(HASTY)];
        const { epoch } = await patient.renew(NODE, LIFE);
        await patient.claim('id', mark(1), LIFE);
        await server.crash();
        await assert.rejects(hasty.renew(NODE, LIFE), /^Error: sockjs: /);
        await assert.rejects(hasty.claim('other', mark(1), LIFE), /^Error: sockjs: /);
        await server.start();
        await insist(async () => assert.equal(await patient.find('id'), undefined));
        const after = await patient.renew(NODE, LIFE);
        assert.equal(after.hadLease, false);
        assert.notEqual(after.epoch, epoch);
        assert.deepEqual(await patient.reassert(new Map([['id', mark(1)]]), LIFE), []);
        assert.deepEqual(await patient.find('id'), owned(1));
      });
    });
  }

  describe('with ioredis 6', () => {
    const make = async () => (await open(CLIENTS['ioredis 6'] as Connect))(PATIENT);

    it('names the remedy where Redis has no memory left, and still releases', async () => {
      const registry = await make();
      await registry.renew(NODE, LIFE);
      await registry.claim('id', mark(1), LIFE);
      await server.configure('maxmemory', '1');
      await assert.rejects(registry.claim('other', mark(1), LIFE), /OOM.*; raise maxmemory/);
      await assert.rejects(registry.renew(NODE, LIFE), /OOM.*; raise maxmemory/);
      await assert.rejects(registry.reassert(new Map([['id', mark(1)]]), LIFE), /OOM.*; raise maxmemory/);
      assert.deepEqual(await registry.find('id'), owned(1));
      await registry.release('id', mark(1));
      assert.equal(await registry.find('id'), undefined);
      await registry.remove(NODE.id);
      await server.configure('maxmemory', '0');
      assert.equal(await registry.claim('other', mark(1), LIFE), undefined);
    });

    it('names the remedy where Redis has become a replica, and tells that it was one', async () => {
      const registry = await make();
      const { epoch } = await registry.renew(NODE, LIFE);
      await server.admin.replicaof('127.0.0.1', 1);
      afterTest(async () => {
        await server.admin.replicaof('NO', 'ONE');
      });
      await assert.rejects(registry.claim('id', mark(1), LIFE), /READONLY.*; connect the client to the primary/);
      await assert.rejects(registry.renew(NODE, LIFE), /READONLY.*; connect the client to the primary/);
      await server.admin.replicaof('NO', 'ONE');
      const after = await registry.renew(NODE, LIFE);
      assert.equal(after.hadLease, true);
      assert.notEqual(after.epoch, epoch);
    });

    it('rejects while Redis loads its data, and goes on after it', async () => {
      const registry = await make();
      await registry.claim('id', mark(1), LIFE);
      const loaded = await server.beginLoading();
      await assert.rejects(registry.claim('other', mark(1), LIFE), /LOADING/);
      await assert.rejects(registry.renew(NODE, LIFE), /LOADING/);
      await loaded();
      assert.equal(await registry.claim('other', mark(1), LIFE), undefined);
      assert.deepEqual(await registry.find('id'), owned(1));
    });

    it('runs scripts that Redis has forgotten', async () => {
      const registry = await make();
      await registry.claim('id', mark(1), LIFE);
      await server.admin.script('FLUSH');
      assert.deepEqual(await registry.claim('id', { nodeId: 'b', reservation: 1 }, LIFE), owned(1));
      await server.admin.script('FLUSH');
      const finds = await Promise.all(Array.from({ length: AT_ONCE }, () => registry.find('id')));
      assert.deepEqual(
        finds,
        finds.map(() => owned(1)),
      );
    });
  });
});
