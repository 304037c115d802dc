/** This package as a bare listener, with the option `cluster` and a registry in memory. */
import { LoneRegistry } from './lone-registry.ts';
import { runAlone } from './ours-alone.ts';

void runAlone({ name: 'echo', registry: new LoneRegistry() });
