/** What a cluster leaves in Redis once all of its sessions have ended. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { RedisServer } from '../support/redis/redis-server.ts';

export interface KeysLeft {
  /** Entries of sessions whose process was killed, and that no client has asked for again: they expire after a day. */
  readonly orphans: number;
  /** Tombstones, which expire within a minute. */
  readonly tombstones: number;
}

/** ms that a tombstone lasts at most: that of a process that has died. */
const TOMBSTONE_LIFE = 60_000;

/** ms that an entry lasts at most. */
const ENTRY_LIFE = 86_400_000;

/** ms after which no entry may lead to a living process. */
const LIMIT = 60_000;

/**
 * Settles once no entry leads to a living process. Rejects where one stays, where a key does not expire in its time, or
 * where a process that has ended still has a lease.
 *
 * @param living the ids of the nodes that live
 */
export async function checkKeys({ admin }: RedisServer, name: string, living: readonly string[]): Promise<KeysLeft> {
  const base = `{sockjs:${name}}:`;
  const deadline = Date.now() + LIMIT;
  for (;;) {
    const keys = (await admin.keys(`${base}*`)).filter((key) => key !== `${base}nodes`);
    const owners = await Promise.all(keys.map(async (key) => ownerOf(await admin.get(key))));
    const held = owners.filter((owner) => owner !== undefined && living.includes(owner)).length;
    if (held === 0) {
      for (const [i, key] of keys.entries()) {
        const life = await admin.pttl(key);
        assert.ok(life !== -1 && life <= (owners[i] === undefined ? TOMBSTONE_LIFE : ENTRY_LIFE), `${key} stays`);
      }
      assert.deepEqual((await admin.hkeys(`${base}nodes`)).sort(), [...living].sort(), 'leases');
      const orphans = owners.filter((owner) => owner !== undefined).length;
      return { orphans, tombstones: keys.length - orphans };
    }
    assert.ok(Date.now() < deadline, `${held} entries of sessions that have ended`);
    await delay(10);
  }
}

/** The node that an entry names. Undefined for a tombstone, and for one that has just expired. */
function ownerOf(entry: string | null): string | undefined {
  return entry === null || entry.startsWith('[') ? undefined : entry.split(':')[0];
}
