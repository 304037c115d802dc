/** What every registry must do: each sentence of lib/options/cluster-adapter.ts, as cases for any test runner. */
import { END_CASES } from './end-cases.ts';
import { ENTRY_CASES } from './entry-cases.ts';
import type { ContractCluster, TestCase } from './fixtures.ts';
import { NODE_CASES } from './node-cases.ts';
import { REASSERT_CASES } from './reassert-cases.ts';

/** One case of the contract. */
export interface ContractCase {
  /** Begins with the method, as in `claim() claims an id that has no entry`. No two cases have the same. */
  readonly title: string;
  /**
   * Opens a cluster, calls its registries, and closes it. Takes what the registry takes: ms in memory, some seconds where
   * a case writes 5000 sessions over a network.
   *
   * @returns rejects with an `AssertionError` where the registry breaks the contract, or with what `open` or a method of
   *   the registry rejected with
   */
  run(): Promise<void>;
}

const CASES: readonly TestCase[] = [...NODE_CASES, ...ENTRY_CASES, ...END_CASES, ...REASSERT_CASES];

/**
 * The contract of `ClusterRegistry`: what a registry must do so that processes share their sessions safely. It needs no
 * test runner of its own. Cases may run in any order, and at the same time where each has a store of its own.
 *
 * It cannot check that a registry which cannot be reached rejects in time.
 *
 * @param open makes an empty cluster for one case; called when that case runs
 *
 * @example
 * for (const { title, run } of registryContract(openMyRegistry)) {
 *   it(title, run);
 * }
 *
 * @experimental It may change in any release: a further case may find what the earlier ones have not.
 */
export function registryContract(open: () => ContractCluster | Promise<ContractCluster>): readonly ContractCase[] {
  return CASES.map(({ title, run }) => ({ title, run: () => runIn(open, run) }));
}

async function runIn(open: () => ContractCluster | Promise<ContractCluster>, run: TestCase['run']): Promise<void> {
  const cluster = await open();
  try {
    await run({ cluster, registry: cluster.registry(), other: cluster.registry() });
  } finally {
    await cluster.close?.();
  }
}
