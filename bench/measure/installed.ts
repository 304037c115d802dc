/** A folder in which the package of a checkout is installed as users install it. */
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundlePackage } from '../../scripts/bundle-package.ts';
import type { Checkout } from './participant.ts';
import { ROOT } from './run.ts';

/** Where the folder is, in a checkout. */
const FOLDER = 'bench/.cache/package/';

const PROGRAM = fileURLToPath(new URL('./imports.mjs', import.meta.url));

export interface Installed {
  /** Path of the folder, with a slash at the end. */
  readonly folder: string;
  /** Path of a copy of `imports.mjs` in it, from which the packages are found by name. */
  readonly program: string;
}

const installed = new Map<string, Promise<Installed>>();

/** Installs the package once in a run. */
export function install({ root }: Checkout): Promise<Installed> {
  const known = installed.get(root) ?? installAt(root);
  installed.set(root, known);
  return known;
}

async function installAt(root: string): Promise<Installed> {
  const folder = `${root}${FOLDER}`;
  rmSync(folder, { recursive: true, force: true });
  const home = `${folder}node_modules/express-sockjs/`;
  await bundlePackage(root, `${home}dist`);
  const { name, version, exports, dependencies } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'));
  // The exports are those of the present checkout, as the modules are: revisions differ in `lib/` alone.
  writeFileSync(`${home}package.json`, JSON.stringify({ name, version, type: 'module', exports, dependencies }));
  // Links: both sides of a comparison load the same files.
  for (const dependency of [...Object.keys(dependencies), 'express']) {
    link(`${ROOT}node_modules/${dependency}`, `${folder}node_modules/${dependency}`);
  }
  link(`${ROOT}bench/node_modules/sockjs`, `${folder}node_modules/sockjs`);
  const required = `${folder}node_modules/ws-and-express/`;
  mkdirSync(required, { recursive: true });
  writeFileSync(`${required}index.js`, "require('ws');\nrequire('express');\n");
  // Without it the program would belong to the checkout, and `express-sockjs` be the `dist/` there.
  writeFileSync(`${folder}package.json`, JSON.stringify({ private: true }));
  const program = `${folder}imports.mjs`;
  copyFileSync(PROGRAM, program);
  return { folder, program };
}

function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path, 'junction');
}
