/** `RESULTS.md`: the tables, the machine, and how to read them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Run } from '../measure/run.ts';
import { writeTargets } from '../targets.ts';
import { thisMachine } from './machine.ts';
import { type Table, writeTable } from './table.ts';

const HOW_TO_READ = `# Results of the benchmark

Written by \`npm run bench\`; do not edit. [NOTES.md](NOTES.md) says where the targets are missed and why, and what was tried.

## How to read it

- Compare servers of one table only. They ran side by side, round by round in turn, so that what else the machine did fell upon all of them. Absolute figures differ from machine to machine and from run to run; ratios hardly.
- The figure is CPU time of the server process per unit of work, user and system, all its threads, as the operating system has counted it; the median of the rounds, and beside it their smallest and largest. It tells what a core can carry. Throughput depends on the load as much as on the server, with which it shares the machine, and is there for scale.
- *ours ÷ this*, and what is measured against the targets, is the median of the ratios within each round: this package (in that column as a bare listener) divided by the server of the row, one measured right after the other. Below 1, this package is the cheaper one.
- Memory is what is resident, less what was resident before the sessions came, divided by their number. *At rest* is after the runtime has given back what it does not use, as V8 does when memory is short and Go by \`FreeOSMemory\`: what the sessions hold. *Right after they came to a fresh process* has in it what V8's young generation has grown to while thousands of handshakes came at once, which is a matter of the process more than of the session.
- The load comes from another process over raw sockets, with requests and frames made beforehand. It checks every answer. A wrong one, or one that does not come within a minute, ends the scenario, which is then measured once more; one that fails twice is left out. The next section names both.
- Floors are no SockJS servers: they show what \`ws\`, \`node:http\` or Express cost when they do next to nothing. The floor \`ws\` broadcasts by a loop of \`ws.send(text)\`. Floors with JSON parse what they get and quote what they send, which no SockJS server can do without.
- Each server is as it is by default, but for heartbeats, which are put off where they are not measured, the end of streaming responses, which is put off, and limits that are too low for the messages of \`large\`; our limits are on. None compresses. The Go server uses as many cores as Go likes (GOMAXPROCS as it is by default).
- Scenarios over TLS use version 1.3 with AES-128, one cipher for all servers, and the connections stay open. \`escapes\` runs two processes that are no servers and quote the same texts in turns.
- On \`polling-echo\`, sockjs-go at times refuses a poll that follows the last one's answer at once; the load then polls again, which is in its figure.
`;

/**
 * Returns the whole file.
 *
 * @param failures a line for each attempt to measure a scenario that has failed
 */
export function writeResults(run: Run, tables: readonly Table[], failures: readonly string[]): string {
  const [growth, scenarios] = [true, false].map((isGrowth) =>
    tables.filter(({ name }) => name.startsWith('growth') === isGrowth).map(writeTable),
  );
  return [
    HOW_TO_READ,
    '## Where it ran\n',
    `${[machine(run), ...failures.map((failure) => `- Failed: ${failure}`)].join('\n')}\n`,
    '## Targets\n',
    writeTargets(tables),
    '## Scenarios\n',
    ...(scenarios ?? []),
    '## Growth\n',
    ...(growth ?? []),
  ].join('\n');
}

/** Returns date, machine and versions as a list. */
function machine(run: Run): string {
  const { cores, cpu, memoryGiB, system } = thisMachine();
  const packages = ['ws', 'express', 'sockjs', 'engine.io'].map((name) => `${name} ${versionOf(name)}`);
  return [
    `- Date: ${new Date().toISOString().slice(0, 10)}`,
    `- Machine: ${cores} cores, ${cpu}, ${memoryGiB.toFixed(1)} GiB`,
    `- System: ${system}`,
    `- Node: ${run.options.nodeVersion}; ${run.options.rounds} rounds`,
    `- Packages: ${packages.join(', ')}`,
    `- ${run.goUnavailable ?? `Go: ${goVersion()}`}`,
  ].join('\n');
}

/** Resolves a package from the folder of the servers. */
function versionOf(name: string): string {
  const folders = createRequire(new URL('../servers/', import.meta.url)).resolve.paths(name) ?? [];
  for (const folder of folders) {
    try {
      return JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8')).version;
    } catch {
      // Not in this folder.
    }
  }
  throw new Error(`${name} is not installed`);
}

function goVersion(): string {
  const go = execFileSync('go', ['version'], { encoding: 'utf8' })
    .trim()
    .replace(/^go version /, '');
  let library = 'of unknown version';
  try {
    const status = execFileSync('dpkg-query', ['-s', 'golang-github-igm-sockjs-go-dev'], { encoding: 'utf8' });
    library = /^Version: (.+)$/m.exec(status)?.[1] ?? library;
  } catch {
    // Not installed by dpkg.
  }
  return `${go}, sockjs-go ${library}`;
}
