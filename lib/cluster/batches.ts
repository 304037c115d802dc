/** All sessions of a process, written in steps. */
import type { OwnerMark } from '../options/cluster-adapter.ts';

/** A session of a node: its id and its mark. */
export type OwnedSession = readonly [id: string, owner: OwnerMark];

/** Sessions that one command asserts again, or takes steps of: some 20 KiB, which Redis does in less than a ms. */
export const BATCH = 200;

/** Batches at a time, which leaves room for claims. */
const BATCHES_AT_ONCE = 4;

/**
 * Runs a command for each batch of sessions. Rejects with the first failure, and begins no batch after that.
 *
 * @returns what the commands have returned, in one list
 */
export async function runInBatches(
  sessions: Iterable<OwnedSession>,
  run: (batch: readonly OwnedSession[]) => Promise<readonly string[]>,
): Promise<string[]> {
  const results: string[] = [];
  const batches = batchesOf(sessions);
  // The first failure ends the loops of all, since leaving a loop ends the generator that they share.
  const work = async () => {
    for (const batch of batches) {
      results.push(...(await run(batch)));
    }
  };
  await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, work));
  return results;
}

/** Reads each batch when it is asked for. So sessions that have left the map by then are not in it. */
function* batchesOf(sessions: Iterable<OwnedSession>): Generator<readonly OwnedSession[]> {
  let batch: OwnedSession[] = [];
  for (const session of sessions) {
    batch.push(session);
    if (batch.length === BATCH) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) {
    yield batch;
  }
}
