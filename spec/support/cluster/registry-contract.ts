/** Declares the contract of registries as tests of mocha. */
import assert from 'node:assert/strict';
import { type ContractCase, type ContractCluster, registryContract } from '../../../lib/cluster-contract.ts';

/** Cases in which a lease runs out by time. By `nodeCluster()` it lasts as long as its worker. */
const LEASES_THAT_RUN_OUT = [
  'renew() tells that the lease had run out',
  'renew() replaces the end of the lease',
  'renew() does not list a node whose lease has run out, until it renews it',
  'node() returns nothing once the lease has run out',
  'end() ends the entry of a node that has no lease, that was removed, and whose lease has run out',
];

/** @param open makes an empty cluster for one test */
export function declareRegistryContract(open: () => ContractCluster | Promise<ContractCluster>): void {
  declare(registryContract(open));
}

/** The same but for leases that run out. */
export function declareContractOfLastingLeases(open: () => ContractCluster | Promise<ContractCluster>): void {
  declare(contractOfLastingLeases(open));
}

/** The cases that hold where leases do not run out. */
export function contractOfLastingLeases(
  open: () => ContractCluster | Promise<ContractCluster>,
): readonly ContractCase[] {
  const cases = registryContract(open);
  const kept = cases.filter(({ title }) => !LEASES_THAT_RUN_OUT.includes(title));
  assert.equal(kept.length, cases.length - LEASES_THAT_RUN_OUT.length, 'a title has changed');
  return kept;
}

function declare(cases: readonly ContractCase[]): void {
  describe('keeps the contract of registries:', () => {
    for (const { title, run } of cases) {
      it(title, run);
    }
  });
}
