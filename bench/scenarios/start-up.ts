/** What it costs to import the package, each time in a fresh process. */
import { execFile } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { type Installed, install } from '../measure/installed.ts';
import type { Run } from '../measure/run.ts';
import { spreadOf } from '../measure/statistics.ts';
import type { Row, Table } from '../report/table.ts';
import { OURS, type ServerName } from '../servers/names.ts';
import type { Scenario } from './scenario.ts';

/** Processes of each round; a round counts by their median. */
const PROCESSES = 10;

const FIGURES = ['cpu', 'time'] as const;

interface Entrant {
  readonly key: string;
  readonly title: string;
  /** What is imported, one after the other. */
  readonly packages: readonly string[];
  /** It runs where one of these servers does: they import the same. */
  readonly servers: readonly ServerName[];
}

const REFERENCE: Entrant = {
  key: 'express-sockjs',
  title: "`import 'express-sockjs'`",
  packages: ['express-sockjs'],
  servers: OURS,
};

/** The package imports `ws` and Express itself, so that only what it costs beyond them is its own. */
const ENTRANTS: readonly Entrant[] = [
  REFERENCE,
  {
    key: 'ws+express',
    title: "floor: `import 'ws'`, then `import 'express'`",
    packages: ['ws', 'express'],
    servers: ['ws', 'express'],
  },
  {
    // By the name of a module that does so: `import 'ws'` loads a further ES module, which `require` does not.
    key: 'require',
    title: "floor: a module with `require('ws')` and `require('express')`",
    packages: ['ws-and-express'],
    servers: ['ws', 'express'],
  },
  { key: 'express', title: "`import 'express'`", packages: ['express'], servers: ['express'] },
  { key: 'sockjs', title: "`import 'sockjs'`", packages: ['sockjs'], servers: ['sockjs'] },
];

/** An entrant in a checkout. */
interface Side {
  readonly key: string;
  readonly title: string;
  readonly packages: readonly string[];
  readonly installed: Installed;
}

/** What the imports took in one process, in ms. */
type Figures = Readonly<Record<(typeof FIGURES)[number], number>>;

const execute = promisify(execFile);

export function startUp(): Scenario {
  const name = 'start-up';
  const title = 'Importing the package in a fresh process';
  const tables = {
    cpu: { title: `${title}: CPU`, measure: 'CPU ms' },
    time: { title: `${title}: the time until it is loaded`, measure: 'ms' },
  };
  return {
    name,
    async *measure(run): AsyncGenerator<Table> {
      const sides = await sidesOf(run);
      const rounds = sides.map((): Figures[] => []);
      if (sides.length === 0) {
        return;
      }
      // The first time, files come from the disk.
      await turn(run, sides);
      for (let round = 0; round < run.options.rounds; round += 1) {
        const processes = sides.map((): Figures[] => []);
        for (let i = 0; i < PROCESSES; i += 1) {
          const isReversed = i % 2 === 1;
          const figures = await turn(run, isReversed ? sides.toReversed() : sides);
          for (const [j, each] of (isReversed ? figures.toReversed() : figures).entries()) {
            processes[j]?.push(each);
          }
        }
        for (const [j, all] of processes.entries()) {
          rounds[j]?.push({ cpu: medianOf(all, 'cpu'), time: medianOf(all, 'time') });
        }
      }
      for (const figure of FIGURES) {
        const rows = sides.map(({ key, title }, i): Row => {
          return { key, title, value: spreadOf((rounds[i] ?? []).map((each) => each[figure])) };
        });
        yield { name: `${name}-${figure}`, ...tables[figure], reference: REFERENCE.key, rows };
      }
    },
  };
}

function medianOf(all: readonly Figures[], figure: keyof Figures): number {
  return spreadOf(all.map((each) => each[figure])).median;
}

async function sidesOf({ options: { only, checkouts } }: Run): Promise<Side[]> {
  const entrants = ENTRANTS.filter(({ servers }) => servers.some((server) => only.includes(server)));
  const sides: Side[] = [];
  for (const { key, title, packages } of entrants) {
    for (const checkout of checkouts) {
      sides.push({ key: `${key}${checkout.suffix}`, title, packages, installed: await install(checkout) });
    }
  }
  return sides;
}

/** One process of each side. */
async function turn({ options: { node } }: Run, sides: readonly Side[]): Promise<Figures[]> {
  const all: Figures[] = [];
  for (const side of sides) {
    all.push(await importOnce(node, side));
  }
  return all;
}

/** @throws Error if a package is not that of the folder */
async function importOnce(node: string, { packages, installed: { folder, program } }: Side): Promise<Figures> {
  // Without what would change how Node loads modules.
  const { NODE_OPTIONS, NODE_COMPILE_CACHE, NODE_V8_COVERAGE, ...env } = process.env;
  const { stdout } = await execute(node, [program, ...packages], { cwd: folder, env, timeout: 60_000 });
  const { cpu, time, urls }: { cpu: number; time: number; urls: string[] } = JSON.parse(stdout);
  for (const [i, name] of packages.entries()) {
    const expected = pathToFileURL(`${realpathSync(`${folder}node_modules/${name}`)}/`).href;
    if (urls[i]?.startsWith(expected) !== true) {
      throw new Error(`start-up: import('${name}') loads ${urls[i]}, which is not in ${expected}`);
    }
  }
  return { cpu, time };
}
