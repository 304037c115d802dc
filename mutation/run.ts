/** Mutation testing of the core: `npm run mutation [-- files of lib/]`. See docs/internals/mutation.md. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchNode } from '../scripts/fetch-node.ts';
import { isKilled, type Listed, listedIn, type Mutant, mutantsIn, type Report } from './survivors.ts';

/** The mutated files, and the unit specs that must kill their mutants. */
const SPECS: Readonly<Record<string, readonly string[]>> = {
  'lib/session/lifecycle.ts': ['spec/unit/session/session.spec.ts'],
  'lib/session/session.ts': ['spec/unit/session/session.spec.ts'],
  'lib/session/delivery.ts': ['spec/unit/session/session.spec.ts', 'spec/unit/session/session-stream.spec.ts'],
  'lib/session/session-stream.ts': ['spec/unit/session/session-stream.spec.ts'],
  'lib/session/application.ts': ['spec/unit/session/session.spec.ts'],
  'lib/session/registry.ts': ['spec/unit/session/registry.spec.ts'],
  'lib/session/reservation.ts': ['spec/unit/session/registry.spec.ts'],
  'lib/session/quota.ts': ['spec/unit/session/registry.spec.ts'],
  'lib/session/ended-sessions.ts': ['spec/unit/session/registry.spec.ts'],
  'lib/session/shutdown.ts': ['spec/unit/session/registry.spec.ts'],
  'lib/session/inbox.ts': ['spec/unit/session/inbox.spec.ts'],
  'lib/session/outbox.ts': ['spec/unit/session/outbox.spec.ts'],
  'lib/protocol/frame.ts': ['spec/unit/protocol/frame.spec.ts'],
  'lib/protocol/payload.ts': ['spec/unit/protocol/payload.spec.ts'],
  'lib/util/timer-queue.ts': ['spec/unit/util/timer-queue.spec.ts'],
  'lib/util/deadline-timer.ts': ['spec/unit/util/timer-queue.spec.ts'],
  'lib/transports/websocket/frame-codec.ts': ['spec/unit/transports/websocket/frame-codec.spec.ts'],
  'lib/transports/websocket/direct-reader.ts': ['spec/unit/transports/websocket/direct-reader.spec.ts'],
};

/** Percent of the mutants that must be killed. Those in the list do not count. */
const MIN_SCORE = 95;

/** ms after which a run is aborted. */
const TIMEOUT = 60 * 60 * 1000;

/** Stryker needs Node 22.18 or newer, while the package supports older ones. */
const NODE = '22';

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = fileURLToPath(new URL('.', import.meta.url));
/** Copies of `lib/` and `spec/`: Stryker writes mutants into a copy of its working directory, which should be small. */
const WORK = `${FOLDER}work/`;
const LIST = `${CHECKOUT}docs/internals/mutation.md`;

function install(): void {
  if (!existsSync(`${FOLDER}node_modules/@stryker-mutator/core/package.json`)) {
    execFileSync('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund'], {
      cwd: FOLDER,
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: 300_000,
      shell: process.platform === 'win32',
    });
  }
}

function prepare(files: readonly string[]): void {
  rmSync(WORK, { recursive: true, force: true });
  mkdirSync(WORK);
  for (const folder of ['lib', 'spec']) {
    cpSync(`${CHECKOUT}${folder}`, `${WORK}${folder}`, { recursive: true });
  }
  cpSync(`${FOLDER}stryker.config.json`, `${WORK}stryker.config.json`);
  const mocha = {
    extension: ['ts'],
    require: ['./spec/support/hooks.ts'],
    // ms. Tests take milliseconds, so a mutant that never ends is found soon.
    timeout: 8000,
    spec: files.flatMap((file) => SPECS[file] ?? []),
  };
  writeFileSync(`${WORK}.mocharc.json`, JSON.stringify(mocha));
}

function runStryker(files: readonly string[]): Report {
  const node = fetchNode(NODE);
  const stryker = `${FOLDER}node_modules/@stryker-mutator/core/bin/stryker.js`;
  const { status, error } = spawnSync(node, [stryker, 'run', 'stryker.config.json', '--mutate', files.join(',')], {
    cwd: WORK,
    stdio: 'inherit',
    timeout: TIMEOUT,
    // Stryker starts its workers by name.
    env: { ...process.env, PATH: [dirname(node), process.env['PATH']].join(delimiter) },
  });
  if (error !== undefined || status !== 0) {
    throw new Error(`Stryker ended with ${status}`, { cause: error });
  }
  return JSON.parse(readFileSync(`${WORK}reports/mutation.json`, 'utf8')) as Report;
}

/** Prints the result. Returns whether the score is reached and the list is up to date. */
function judge(mutants: readonly Mutant[], listed: readonly Listed[]): boolean {
  const survivors = mutants.filter((mutant) => !isKilled(mutant));
  // Equal lines make equal entries, so this compares how often each occurs.
  const entriesOf = (row: string) => listed.filter((entry) => entry.row === row).length;
  const survivorsOf = (row: string) => survivors.filter((mutant) => mutant.row === row).length;
  const unlisted = survivors.filter(({ row }) => survivorsOf(row) > entriesOf(row));
  const stale = listed.filter(({ row }) => entriesOf(row) > survivorsOf(row));
  for (const { file, line, row } of unlisted) {
    console.log(`survived: ${file}:${line} ${row}`);
  }
  for (const { file, row } of stale) {
    console.log(`stale entry of the list: ${file} ${row}`);
  }
  const killed = mutants.length - survivors.length;
  const counted = killed + unlisted.length;
  const score = counted === 0 ? 100 : (100 * killed) / counted;
  console.log(`${mutants.length} mutants, ${killed} killed, ${survivors.length - unlisted.length} listed`);
  console.log(`${unlisted.length} survived that are not listed; score ${score.toFixed(1)} %`);
  return unlisted.length === 0 && score >= MIN_SCORE;
}

const named = process.argv.slice(2);
const files = named.length > 0 ? named : Object.keys(SPECS);
const unknown = files.filter((file) => SPECS[file] === undefined);
if (unknown.length > 0) {
  console.error(`not mutated: ${unknown.join(', ')}; these are: ${Object.keys(SPECS).join(', ')}`);
  process.exit(1);
}
install();
prepare(files);
const mutants = mutantsIn(runStryker(files));
const listed = listedIn(readFileSync(LIST, 'utf8')).filter(({ file }) => files.includes(file));
process.exitCode = judge(mutants, listed) ? 0 : 1;
