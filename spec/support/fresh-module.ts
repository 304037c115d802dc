/** The package as if it had not been loaded yet. */
import { register } from 'tsx/esm/api';
import { afterTest } from './cleanup.ts';

export type Library = typeof import('../../lib/index.ts');

let count = 0;

/** Evaluates all modules of the package once more, until the test is over; those of Node and of ws stay the same. */
export async function freshLibrary(): Promise<Library> {
  return (await freshModule('../../lib/index.ts')) as Library;
}

/** The same from one module on; `path` is relative to this file. */
export async function freshModule(path: string): Promise<unknown> {
  count += 1;
  const loader = register({ namespace: `fresh-${count}` });
  afterTest(() => loader.unregister());
  return loader.import(path, import.meta.url);
}
