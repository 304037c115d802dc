/** Imports the package as if it had not been loaded before. */
import { register } from 'tsx/esm/api';
import { afterTest } from './cleanup.ts';

export type Library = typeof import('../../lib/index.ts');

let count = 0;

/** Evaluates all modules of the package again, for the rest of the test. Modules of Node and ws are shared. */
export async function freshLibrary(): Promise<Library> {
  return (await freshModule('../../lib/index.ts')) as Library;
}

/** Evaluates one module and its imports again. `path` is relative to this file. */
export async function freshModule(path: string): Promise<unknown> {
  count += 1;
  const loader = register({ namespace: `fresh-${count}` });
  afterTest(() => loader.unregister());
  return loader.import(path, import.meta.url);
}
