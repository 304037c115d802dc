/** The package as `npm pack` makes it, and projects that install it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Runs a program; rejects if it fails. */
export const run = promisify(execFile);

/** What `npm pack` made. */
export interface Packed {
  /** A folder for the test, which holds the rest. */
  readonly work: string;
  readonly tarball: string;
  /** The folder with the files of the tarball. */
  readonly folder: string;
  /** The paths in the tarball, sorted. */
  readonly files: readonly string[];
}

/** Packs the package and unpacks the tarball in a temporary folder. The caller removes `work`. */
export async function pack(): Promise<Packed> {
  const work = await mkdtemp(join(tmpdir(), 'express-sockjs-'));
  // A copy, since packing builds, and must not change the dist of the working tree.
  const copy = join(work, 'copy');
  const parts = ['.git', 'node_modules', 'dist', 'coverage', 'docs/node_modules', 'docs/.vitepress'];
  const leftOut = new Set(parts.map((name) => join(ROOT, name)));
  await cp(ROOT, copy, { recursive: true, filter: (source) => !leftOut.has(source) });
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'), 'dir');
  const packed = await packFolder(copy, work);
  await rm(copy, { recursive: true });
  return packed;
}

/** Packs the package of a folder as it is, and unpacks the tarball, both in the folder `work`. */
export async function packFolder(source: string, work: string): Promise<Packed> {
  await run('npm', ['pack', '--pack-destination', work], { cwd: source });
  const tarball = join(work, (await readdir(work)).find((name) => name.endsWith('.tgz')) ?? '');
  const { stdout } = await run('tar', ['-tzf', tarball]);
  await run('tar', ['-xzf', tarball, '-C', work]);
  const files = stdout
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''))
    .sort();
  return { work, tarball, folder: join(work, 'package'), files };
}

/** Installs packages into a project, whose folder is made where it is missing. */
export async function install(project: string, packages: readonly string[]): Promise<void> {
  await mkdir(project, { recursive: true });
  const options = ['--prefix', project, '--prefer-offline', '--no-audit', '--no-fund'];
  await run('npm', ['install', ...options, ...packages], { cwd: project });
}

/** Runs a program of a project; fails with all that it printed. */
export async function expectSuccess(project: string, program: string, ...args: readonly string[]): Promise<void> {
  const {
    code = 0,
    stdout,
    stderr,
  } = await run(process.execPath, [join(project, 'node_modules', program), ...args], {
    cwd: project,
    env: { ...process.env, NODE_OPTIONS: '', CI: 'true' },
    // A test that fails may leave its server open. The runner then waits for it for ever.
    timeout: 240_000,
  }).catch((error) => error);
  assert.equal(code, 0, `${stdout}\n${stderr}`);
}
