/** Declares the contract of registries as tests of mocha. */
import { type ContractCluster, registryContract } from '../../../lib/cluster-contract.ts';

/** @param open makes an empty cluster for one test */
export function declareRegistryContract(open: () => ContractCluster | Promise<ContractCluster>): void {
  describe('keeps the contract of registries:', () => {
    for (const { title, run } of registryContract(open)) {
      it(title, run);
    }
  });
}
