/** Fetches programs from npm, each into a folder of its own beside what the project itself has installed. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const CACHE = fileURLToPath(new URL('../node_modules/.cache/', import.meta.url));

/**
 * Returns the path of a program that an npm package holds. Installs the package once, into `folder` of the cache, and
 * runs none of its scripts.
 *
 * @param folder where in the cache, for example `node/22`
 * @param name the package
 * @param version a version, a range, or a tag
 * @param program the path of the program in the package
 * @throws Error if npm fails, or the package holds no such program
 */
export function fetchPackage(folder: string, name: string, version: string, program: string): string {
  const place = `${CACHE}${folder}`;
  const path = `${place}/node_modules/${name}/${program}`;
  if (!existsSync(path)) {
    mkdirSync(place, { recursive: true });
    execFileSync(
      'npm',
      [
        'install',
        '--prefix',
        place,
        '--ignore-scripts',
        '--no-save',
        '--no-package-lock',
        '--no-audit',
        '--no-fund',
        `${name}@${version}`,
      ],
      // On Windows npm is a shell script.
      { stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32', timeout: 300_000 },
    );
  }
  if (!existsSync(path)) {
    throw new Error(`npm installed ${name}@${version}, but there is no ${path}`);
  }
  return path;
}
