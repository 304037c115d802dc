/** The contract of registries finds what is wrong: each way of breaking the one in memory fails the cases about it. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { type ContractCluster, registryContract } from '../../../../lib/cluster-contract.ts';
import type {
  ClusterRegistry,
  Entry,
  NodeRecord,
  OwnerMark,
  Renewal,
  Tombstone,
} from '../../../../lib/options/cluster-adapter.ts';
import { stopClock } from '../../../support/clock.ts';
import { MemoryRegistry, type MemoryStore, memoryStore } from '../../../support/cluster/memory-registry.ts';

/** Runs all cases, and returns the titles of those that fail. */
async function failing(open: () => ContractCluster | Promise<ContractCluster>): Promise<string[]> {
  const titles: string[] = [];
  for (const { title, run } of registryContract(open)) {
    await run().catch(() => titles.push(title));
  }
  return titles;
}

/** Opens registries of a class, in memory and by a clock that only the case advances. */
function opener(make: (store: MemoryStore) => ClusterRegistry): () => ContractCluster {
  const clock = stopClock();
  return () => {
    const store = memoryStore();
    return {
      registry: () => make(store),
      elapse: async (ms) => {
        clock.tick(ms);
      },
      loseAll: async () => {
        store.leases.clear();
        store.entries.clear();
        store.epoch += 1;
      },
    };
  };
}

/** Ways to break a registry, by what a stranger might overlook; and the case that has to notice. */
const BROKEN: readonly (readonly [what: string, title: RegExp, make: (store: MemoryStore) => ClusterRegistry])[] = [
  [
    'takes the clock of the caller for a lease that never ends',
    /^node\(\) returns nothing once the lease has run out/,
    (store) =>
      new (class extends MemoryRegistry {
        override renew(node: NodeRecord): Promise<Renewal> {
          return super.renew(node, Number.POSITIVE_INFINITY);
        }
      })(store),
  ],
  [
    'tells of a lease by what the store has, not by what this process was told',
    /^renew\(\) tells that the lease was deleted even where the answer that said so was lost/,
    (store) =>
      new (class extends MemoryRegistry {
        override async renew(node: NodeRecord, lease: number): Promise<Renewal> {
          const hadLease = (await this.node(node.id)) !== undefined;
          return { ...(await super.renew(node, lease)), hadLease };
        }
      })(store),
  ],
  [
    'leaves the caller off the list of nodes',
    /^renew\(\) lists all nodes that have a lease, this one included/,
    (store) =>
      new (class extends MemoryRegistry {
        override async renew(node: NodeRecord, lease: number): Promise<Renewal> {
          const renewal = await super.renew(node, lease);
          return { ...renewal, nodes: renewal.nodes.filter(({ id }) => id !== node.id) };
        }
      })(store),
  ],
  [
    'reads the list of nodes before it writes the lease',
    /^renew\(\) shows at least one of two nodes that start at once to the other/,
    (store) =>
      new (class extends MemoryRegistry {
        override async renew(node: NodeRecord, lease: number): Promise<Renewal> {
          const others = [...store.leases.values()].map(({ value }) => value.node).filter(({ id }) => id !== node.id);
          await turn();
          return { ...(await super.renew(node, lease)), nodes: [node, ...others] };
        }
      })(store),
  ],
  [
    'keeps its epoch when it has lost everything',
    /^renew\(\) names the same epoch to all nodes until the registry loses/,
    (store) =>
      new (class extends MemoryRegistry {
        override async renew(node: NodeRecord, lease: number): Promise<Renewal> {
          return { ...(await super.renew(node, lease)), epoch: 'always' };
        }
      })(store),
  ],
  [
    'reads and claims in two steps',
    /^claim\(\) gives an id to one of \d+ who claim it at once/,
    (store) =>
      new (class extends MemoryRegistry {
        override async claim(id: string, owner: OwnerMark, life: number): Promise<Entry | undefined> {
          const entry = await this.find(id);
          await turn();
          if (entry === undefined) {
            store.entries.delete(id);
          }
          return super.claim(id, owner, life);
        }
      })(store),
  ],
  [
    'takes a claim whose answer was lost for one of another',
    /^claim\(\) counts as won where the answer to the same call was lost/,
    (store) =>
      new (class extends MemoryRegistry {
        override async claim(id: string, owner: OwnerMark, life: number): Promise<Entry | undefined> {
          return (await this.find(id)) ?? super.claim(id, owner, life);
        }
      })(store),
  ],
  [
    'compares reservations as texts',
    /^claim\(\) replaces an earlier reservation of the same node/,
    (store) =>
      new (class extends MemoryRegistry {
        override async claim(id: string, owner: OwnerMark, life: number): Promise<Entry | undefined> {
          const entry = await this.find(id);
          return entry?.kind === 'owned' && String(entry.owner.reservation) > String(owner.reservation)
            ? entry
            : super.claim(id, owner, life);
        }
      })(store),
  ],
  [
    'releases by the node alone',
    /^release\(\) leaves an entry of another reservation/,
    (store) =>
      new (class extends MemoryRegistry {
        override async release(id: string, owner: OwnerMark): Promise<void> {
          const entry = await this.find(id);
          await super.release(id, entry?.kind === 'owned' && entry.owner.nodeId === owner.nodeId ? entry.owner : owner);
        }
      })(store),
  ],
  [
    'ends the session of a node that lives',
    /^end\(\) leaves and returns the entry where the node that is said to be dead has a lease/,
    (store) =>
      new (class extends MemoryRegistry {
        override end(id: string, owner: OwnerMark, tombstone: Tombstone, life: number): Promise<Entry | undefined> {
          return super.end(id, owner, tombstone, life);
        }
      })(store),
  ],
  [
    'writes tombstones in two steps',
    /^end\(\) lets one of \d+ tombstones stay that are written at once/,
    (store) =>
      new (class extends MemoryRegistry {
        override async end(
          id: string,
          owner: OwnerMark,
          tombstone: Tombstone,
          life: number,
          deadNode?: string,
        ): Promise<Entry | undefined> {
          const held = store.entries.get(id);
          await turn();
          if (held?.value.kind === 'owned') {
            store.entries.set(id, held);
          }
          return super.end(id, owner, tombstone, life, deadNode);
        }
      })(store),
  ],
  [
    'asserts sessions in two steps',
    /^reassert\(\) gives an id to one of \d+ nodes that write it at once/,
    (store) =>
      new (class extends MemoryRegistry {
        override async reassert(sessions: ReadonlyMap<string, OwnerMark>, life: number): Promise<readonly string[]> {
          const missing = [...sessions.keys()].filter((id) => !store.entries.has(id));
          await turn();
          for (const id of missing) {
            store.entries.delete(id);
          }
          return super.reassert(sessions, life);
        }
      })(store),
  ],
  [
    'returns late reservations of a node among those that are taken',
    /^reassert\(\) leaves a later reservation of the same node, and does not return its id/,
    (store) =>
      new (class extends MemoryRegistry {
        override async reassert(sessions: ReadonlyMap<string, OwnerMark>, life: number): Promise<readonly string[]> {
          const taken = new Set(await super.reassert(sessions, life));
          for (const [id, owner] of sessions) {
            const entry = await this.find(id);
            if (entry?.kind !== 'owned' || entry.owner.reservation !== owner.reservation) {
              taken.add(id);
            }
          }
          return [...taken];
        }
      })(store),
  ],
  [
    'writes ids as UTF-8, which has no half surrogate pairs',
    /^ids of all kinds are told apart/,
    (store) =>
      new (class extends MemoryRegistry {
        override claim(id: string, owner: OwnerMark, life: number): Promise<Entry | undefined> {
          return super.claim(Buffer.from(id).toString(), owner, life);
        }

        override find(id: string): Promise<Entry | undefined> {
          return super.find(Buffer.from(id).toString());
        }
      })(store),
  ],
];

describe('registryContract()', () => {
  it('passes for a registry that is right', async () => {
    assert.deepEqual(await failing(opener((store) => new MemoryRegistry(store))), []);
  });

  for (const [what, title, make] of BROKEN) {
    it(`fails for a registry that ${what}`, async () => {
      const titles = await failing(opener(make));
      assert.ok(
        titles.some((failed) => title.test(failed)),
        titles.join('\n'),
      );
    });
  }

  it('has a title for each case that no other has, which begins with a method or speaks of ids', () => {
    const titles = registryContract(() => assert.fail()).map((one) => one.title);
    assert.equal(new Set(titles).size, titles.length);
    assert.deepEqual(
      titles.filter((title) => !/^(renew|remove|node|claim|find|release|end|reassert)\(\) |^ids /.test(title)),
      [],
    );
  });

  it('opens a cluster for each case when it runs, and closes it whether it passes or fails', async () => {
    let opened = 0;
    let closed = 0;
    const cases = registryContract(() => {
      opened += 1;
      const store = memoryStore();
      return {
        registry: () => Object.assign(new MemoryRegistry(store), { find: () => Promise.reject(new Error('away')) }),
        elapse: async () => {},
        close: () => {
          closed += 1;
        },
      };
    });
    assert.equal(opened, 0);
    const [first] = cases;
    await first?.run();
    assert.deepEqual([opened, closed], [1, 1]);
    const find = cases.find(({ title }) => title.startsWith('find()'));
    await assert.rejects(find?.run() ?? assert.fail(), /^Error: away$/);
    assert.deepEqual([opened, closed], [2, 2]);
  });

  it('takes a store that cannot lose anything: its epoch may always be the same', async () => {
    const open = opener(
      (store) =>
        new (class extends MemoryRegistry {
          override async renew(node: NodeRecord, lease: number): Promise<Renewal> {
            return { ...(await super.renew(node, lease)), epoch: 'always' };
          }
        })(store),
    );
    const durable = (): ContractCluster => {
      const { registry, elapse } = open();
      return { registry, elapse };
    };
    assert.deepEqual(await failing(durable), []);
  });
});
