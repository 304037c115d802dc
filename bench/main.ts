/**
 * The benchmark.
 *
 * ```
 * npm run bench -- [scenario…] [--node 20] [--rounds n] [--quick] [--servers a,b] [--profile]
 * npm run bench -- --against <revision> [scenario…] [--node 20] [--rounds n] [--quick] [--servers a,b]
 * npm run bench -- --charts
 * ```
 *
 * Without `--servers`, all servers run but those with the option `cluster`. The scenario `cluster` stands for all that are
 * about that option, with all its servers; they run where they are named only. So does `compat`, which stands for those of
 * the drop-in for npm sockjs.
 *
 * The first form measures this package beside other servers. The second measures it beside a revision of itself, and
 * exits with 1 if a row became dearer. The third measures nothing: it writes the page of the history anew, from its files.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fetchNode } from '../scripts/fetch-node.ts';
import { checkOut } from './against/checkout.ts';
import { measureAgainst } from './against/main.ts';
import { bundleServers } from './measure/bundle.ts';
import { cleanUp } from './measure/cleanup.ts';
import type { Checkout } from './measure/participant.ts';
import { ROOT, Run } from './measure/run.ts';
import { MIN_FOR_INTERVAL } from './measure/statistics.ts';
import { commitAt } from './report/history/commit.ts';
import { addRecord } from './report/history/folder.ts';
import { writePage } from './report/history/page.ts';
import { type Circumstances, recordOf } from './report/history/record.ts';
import { thisMachine } from './report/machine.ts';
import { writeResults } from './report/results.ts';
import type { Table } from './report/table.ts';
import { CLUSTER_SCENARIOS } from './scenarios/cluster.ts';
import { COMPAT_SCENARIOS } from './scenarios/compat.ts';
import { SCENARIOS } from './scenarios/index.ts';
import { measureOrRepeat } from './scenarios/measure.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { isOfOurs, isSpecial, SERVERS, type ServerName } from './servers/names.ts';
import { TARGETS, writeTargets } from './targets.ts';

const BENCH = fileURLToPath(new URL('./', import.meta.url));
const RESULTS = `${BENCH}RESULTS.md`;
/** A file for each complete run, and a page of them. */
const HISTORY = `${BENCH}history/`;
/** What `package.json` of this folder has. */
const PEERS = ['sockjs', 'engine.io', 'socket.io', '@socket.io/redis-adapter', '@socket.io/cluster-adapter'];

/** Names that stand for all scenarios of a family; each scenario's name begins with the family's. */
const FAMILIES = { cluster: CLUSTER_SCENARIOS, compat: COMPAT_SCENARIOS };

const PRESENT: Checkout = { suffix: '', root: ROOT };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string', default: '26' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    servers: { type: 'string', default: '' },
    against: { type: 'string' },
    charts: { type: 'boolean', default: false },
  },
});
const named = values.servers.split(',').filter((name) => name !== '');
const NAMES = Object.keys(SERVERS) as ServerName[];

const ALL_SCENARIOS = [...SCENARIOS, ...CLUSTER_SCENARIOS, ...COMPAT_SCENARIOS];
/** Whether scenarios of a family are named. */
const isFamilyNamed = Object.keys(FAMILIES).some((family) =>
  positionals.some((name) => name === family || name.startsWith(`${family}-`)),
);

expectKnown('scenario', positionals, [...Object.keys(FAMILIES), ...ALL_SCENARIOS.map(({ name }) => name)]);
expectKnown('server', named, values.against === undefined ? NAMES : NAMES.filter(isOfOurs));
if (values.against !== undefined && values.profile) {
  throw new RangeError('--profile: a comparison of profiled servers would compare the profiler as well');
}
if (values.charts && process.argv.length > 3) {
  throw new RangeError('--charts: draws what is stored, and takes nothing beside it');
}
const only = NAMES.filter((name) => (named.length === 0 ? runsUnnamed(name) : named.includes(name)));
const chosen = positionals.length === 0 ? SCENARIOS : ALL_SCENARIOS.filter(isNamed);

function isNamed(scenario: Scenario): boolean {
  const families = Object.entries(FAMILIES).filter(([, scenarios]) => scenarios.includes(scenario));
  return positionals.includes(scenario.name) || families.some(([family]) => positionals.includes(family));
}

/** Whether a server runs where none is named. */
function runsUnnamed(name: ServerName): boolean {
  const isAsked = values.against === undefined || isOfOurs(name);
  return isAsked && (isFamilyNamed || !isSpecial(name));
}

/** @throws RangeError for an unknown name; the error lists the known ones */
function expectKnown(what: string, given: readonly string[], known: readonly string[]): void {
  const unknown = given.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new RangeError(`no ${what} ${unknown}; there are ${known.join(', ')}`);
  }
}

/**
 * Returns `--rounds` where it is given, else the number for a usual or a quick run.
 *
 * @throws RangeError if it is no whole number of 1 or more
 */
function roundsOr(usual: number, quick: number): number {
  const rounds = Number(values.rounds ?? (values.quick ? quick : usual));
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new RangeError(`--rounds ${values.rounds}: must be a whole number of 1 or more`);
  }
  return rounds;
}

/** The Node that runs servers and load. */
function findNode(): { node: string; nodeVersion: string } {
  const node = fetchNode(values.node);
  return {
    node,
    nodeVersion: execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim(),
  };
}

/** Measures beside a revision. Writes no RESULTS.md. */
async function runAgainst(name: string): Promise<void> {
  const rounds = roundsOr(9, MIN_FOR_INTERVAL);
  const revision = checkOut(name);
  await bundleServers(PRESENT, only);
  await bundleServers(revision, only);
  const options = {
    ...findNode(),
    rounds,
    only,
    present: PRESENT,
    revision,
  };
  console.log(
    `Node ${options.nodeVersion}, ${rounds} rounds, the present checkout against ${name} (${revision.suffix.slice(1)})`,
  );
  if (await measureAgainst(options, chosen)) {
    process.exitCode = 1;
  }
}

/** Measures beside other servers. A complete run writes RESULTS.md, and a file of the history with its page. */
async function runBesideOthers(): Promise<void> {
  const rounds = roundsOr(21, 3);
  if (PEERS.some((peer) => !existsSync(`${BENCH}node_modules/${peer}`))) {
    execFileSync('npm', ['install', '--no-audit', '--no-fund'], {
      cwd: BENCH,
      stdio: 'inherit',
      shell: process.platform === 'win32',
      timeout: 300_000,
    });
  }
  await bundleServers(PRESENT, only);
  // Now, since the run takes hours: what is measured has just been bundled.
  const commit = commitAt(ROOT);
  const { profile } = values;
  const run = new Run({
    ...findNode(),
    rounds,
    memoryRounds: 3,
    roundCpu: 250_000,
    warmUp: values.quick ? 0.7 : 1.5,
    profile,
    only,
    checkouts: [PRESENT],
  });
  console.log(`Node ${run.options.nodeVersion}, ${rounds} rounds`);
  if (run.goUnavailable !== undefined) {
    console.log(run.goUnavailable);
  }
  const tables: Table[] = [];
  const failures: string[] = [];
  for (const scenario of chosen) {
    tables.push(...(await measureOrRepeat(scenario, run, failures)));
  }
  console.log(writeTargets(tables));
  if (failures.length > 0) {
    process.exitCode = 1;
    console.log(`failed:\n${failures.join('\n')}`);
  }
  if (positionals.length === 0 && named.length === 0 && !values.quick && !values.profile) {
    writeFileSync(RESULTS, writeResults(run, tables, failures));
    console.log(`written to ${RESULTS}`);
    const record = recordOf(circumstancesOf(run, commit), tables, TARGETS);
    console.log(`recorded as ${addRecord(HISTORY, record)}`);
    writeCharts();
  }
}

/** What a complete run was made with. */
function circumstancesOf({ options: { nodeVersion, rounds } }: Run, commit: Circumstances['commit']): Circumstances {
  const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'));
  const known = commit === undefined ? {} : { commit };
  return { version, date: new Date().toISOString(), ...known, node: nodeVersion, machine: thisMachine(), rounds };
}

/** Writes the page of the history from its files. */
function writeCharts(): void {
  writePage(HISTORY);
  console.log(`written to ${HISTORY}README.md`);
}

let isEnding = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // The terminal signals the whole process group, and npm forwards the signal: it arrives twice. The second must not
  // interrupt the cleanup.
  process.on(signal, async () => {
    if (!isEnding) {
      isEnding = true;
      await cleanUp();
      process.exit(1);
    }
  });
}
try {
  if (values.charts) {
    writeCharts();
  } else {
    await (values.against === undefined ? runBesideOthers() : runAgainst(values.against));
  }
} finally {
  await cleanUp();
}
