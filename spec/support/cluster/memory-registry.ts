/** The registry in memory. It is the example of an adapter in the guide, too. */
export { MemoryRegistry, type MemoryStore, memoryStore } from '../../../demo/recipes/cluster-adapter.ts';
