/** The benchmark: `npm run bench -- [scenario…] [--node 20] [--rounds n] [--quick] [--servers a,b] [--profile]`. */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fetchNode } from '../scripts/fetch-node.ts';
import { cleanUp } from './measure/cleanup.ts';
import { Run } from './measure/run.ts';
import { writeResults } from './report/results.ts';
import { type Table, writeTable } from './report/table.ts';
import { SCENARIOS } from './scenarios/index.ts';
import { SERVERS } from './servers/names.ts';
import { writeTargets } from './targets.ts';

const BENCH = fileURLToPath(new URL('./', import.meta.url));
const RESULTS = `${BENCH}RESULTS.md`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string', default: '26' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    servers: { type: 'string', default: '' },
  },
});
const rounds = Number(values.rounds ?? (values.quick ? 3 : 21));
const only = values.servers.split(',').filter((name) => name !== '');

if (!Number.isInteger(rounds) || rounds < 1) {
  throw new RangeError(`--rounds ${values.rounds}: must be a whole number of 1 or more`);
}
expectKnown(
  'scenario',
  positionals,
  SCENARIOS.map(({ name }) => name),
);
expectKnown('server', only, Object.keys(SERVERS));

/** Fails for a name that is none, and tells those that are. */
function expectKnown(what: string, given: readonly string[], known: readonly string[]): void {
  const unknown = given.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new RangeError(`no ${what} ${unknown}; there are ${known.join(', ')}`);
  }
}

async function main(): Promise<void> {
  if (!existsSync(`${BENCH}node_modules/sockjs`) || !existsSync(`${BENCH}node_modules/engine.io`)) {
    execFileSync('npm', ['install', '--no-audit', '--no-fund'], {
      cwd: BENCH,
      stdio: 'inherit',
      shell: process.platform === 'win32',
      timeout: 300_000,
    });
  }
  const node = fetchNode(values.node);
  const run = new Run({
    node,
    nodeVersion: execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim(),
    rounds,
    roundCpu: 250_000,
    warmUp: values.quick ? 0.7 : 1.5,
    profile: values.profile,
    only,
  });
  console.log(`Node ${run.options.nodeVersion}, ${rounds} rounds`);
  if (run.goMissing !== undefined) {
    console.log(run.goMissing);
  }
  const chosen = SCENARIOS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const tables: Table[] = [];
  for (const scenario of chosen) {
    for await (const table of scenario.measure(run)) {
      tables.push(table);
      console.log(`\n${writeTable(table)}`);
    }
  }
  console.log(writeTargets(tables));
  if (chosen.length === SCENARIOS.length && only.length === 0 && !values.quick && !values.profile) {
    writeFileSync(RESULTS, writeResults(run, tables));
    console.log(`written to ${RESULTS}`);
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await cleanUp();
    process.exit(1);
  });
}
try {
  await main();
} finally {
  await cleanUp();
}
