/** Fetches other versions of Node from npm, each into a folder of its own. */
import { fetchPackage } from './fetch-package.ts';

/**
 * Returns the path of the newest Node of a major version (or of `22.18` and the like) for this platform. Fetches it
 * once.
 *
 * @throws RangeError if `version` is no version
 */
export function fetchNode(version: string): string {
  if (!/^\d+(\.\d+){0,2}$/.test(version)) {
    throw new RangeError(`no version of Node: ${version}`);
  }
  const isWindows = process.platform === 'win32';
  const name = `node-${isWindows ? 'win' : process.platform}-${process.arch}`;
  return fetchPackage(`node/${version}`, name, version, `bin/${isWindows ? 'node.exe' : 'node'}`);
}
