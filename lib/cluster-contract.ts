/** The public surface of express-sockjs/cluster-contract: tests for those who write a registry. Experimental. */

export type { ContractCluster } from './cluster/contract/fixtures.ts';
export { type ContractCase, registryContract } from './cluster/contract/registry-contract.ts';
