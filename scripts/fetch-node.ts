/** Other versions of Node, fetched from npm: each in a folder of its own, once. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const CACHE = fileURLToPath(new URL('../node_modules/.cache/node/', import.meta.url));

/** Where the newest Node of a major version (or `22.18` and the like) is, for this platform. */
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
      // npm is a script of the shell on Windows.
      { stdio: ['ignore', 'ignore', 'inherit'], shell: isWindows, timeout: 300_000 },
    );
  }
  if (!existsSync(binary)) {
    throw new Error(`npm installed ${name}@${version}, but there is no ${binary}`);
  }
  return binary;
}
