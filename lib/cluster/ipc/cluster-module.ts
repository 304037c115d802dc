/** The module `node:cluster`. */
import type { Cluster } from 'node:cluster';

/**
 * Its methods are no named exports, and for a default import the published bundle would need one more module, with a
 * helper. The types of Node know the default export alone, which a module does not have that is got by this call.
 */
export const cluster = process.getBuiltinModule('node:cluster') as unknown as Cluster;
