/** Fetches other versions of Node from npm, each into a folder of its own. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const CACHE = fileURLToPath(new URL('../node_modules/.cache/node/', import.meta.url));

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
  const folder = `${CACHE}${version}`;
  const binary = `${folder}/node_modules/${name}/bin/${isWindows ? 'node.exe' : 'node'}`;
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    execFileSync(
      'npm',
      [
        'install',
        '--prefix',
        folder,
        '--no-save',
        '--no-package-lock',
        '--no-audit',
        '--no-fund',
        `${name}@${version}`,
      ],
      // On Windows npm is a shell script.
      { stdio: ['ignore', 'ignore', 'inherit'], shell: isWindows, timeout: 300_000 },
    );
  }
  if (!existsSync(binary)) {
    throw new Error(`npm installed ${name}@${version}, but there is no ${binary}`);
  }
  return binary;
}
