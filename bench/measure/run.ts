/** What a run is: which Node, how many rounds, how long; and how programs are started in it. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ServerName } from '../servers/names.ts';
import { LoadProcess } from './load.ts';
import { type Checkout, keyOf, type Participant } from './participant.ts';
import { type Program, ServerProcess } from './server.ts';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BENCH = `${ROOT}bench/`;
const GO_PROGRAM = `${BENCH}.cache/sockjs-go`;

export interface RunOptions {
  /** The binary of Node that runs servers and load. */
  readonly node: string;
  readonly nodeVersion: string;
  /** How often CPU is measured for each server. */
  readonly rounds: number;
  /** How often memory is, each time in a fresh process. */
  readonly memoryRounds: number;
  /** µs of server CPU that a round should take. */
  readonly roundCpu: number;
  /** Seconds of server CPU that are spent before anything is measured. */
  readonly warmUp: number;
  /** Whether CPU profiles of our own servers are written. */
  readonly profile: boolean;
  /** Where not empty, only these servers run. */
  readonly only: readonly string[];
  /** Whose servers run: those of each of them side by side, in this order. */
  readonly checkouts: readonly Checkout[];
}

export class Run {
  readonly options: RunOptions;
  /** Why sockjs-go is left out, if it was to run and cannot. */
  readonly goUnavailable: string | undefined;

  constructor(options: RunOptions) {
    this.options = options;
    this.goUnavailable = this.#isChosen('sockjs-go') ? buildGo() : undefined;
  }

  /** The servers of a scenario that take part in this run. */
  participants(servers: readonly ServerName[]): Participant[] {
    return servers
      .filter((name) => this.#isChosen(name) && (name !== 'sockjs-go' || this.goUnavailable === undefined))
      .flatMap((server) => this.options.checkouts.map((checkout) => ({ server, checkout })));
  }

  startServer(participant: Participant, ...nodeArgs: string[]): Promise<ServerProcess> {
    const { server, checkout } = participant;
    const profile = this.options.profile
      ? [
          '--cpu-prof',
          '--cpu-prof-interval=200',
          `--cpu-prof-dir=${BENCH}.cache/profiles`,
          `--cpu-prof-name=${keyOf(participant)}-${Date.now()}.cpuprofile`,
        ]
      : [];
    const program: Program =
      server === 'sockjs-go'
        ? { command: GO_PROGRAM, args: [] }
        : {
            command: this.options.node,
            args: [...this.#nodeArgs(), ...nodeArgs, ...profile, `${checkout.root}bench/servers/${server}.ts`],
          };
    return ServerProcess.start(participant, program, ROOT);
  }

  startLoad(server: ServerProcess): LoadProcess {
    return new LoadProcess(server, `${BENCH}load/main.ts`, this.options.node, this.#nodeArgs(), ROOT);
  }

  #isChosen(server: ServerName): boolean {
    const { only } = this.options;
    return only.length === 0 || only.includes(server);
  }

  /** Node strips types by itself since 22.18. */
  #nodeArgs(): string[] {
    const [major = 0, minor = 0] = this.options.nodeVersion.split('.').map(Number);
    return major > 22 || (major === 22 && minor >= 18) ? [] : ['--import', 'tsx/esm'];
  }
}

/** Builds sockjs-go from Debian's packages; the reason where it cannot be. */
function buildGo(): string | undefined {
  const gopath = '/usr/share/gocode';
  const left = 'sockjs-go is left out:';
  if (!existsSync(`${gopath}/src/github.com/igm/sockjs-go/v3`)) {
    return `${left} there is no golang-github-igm-sockjs-go-dev`;
  }
  mkdirSync(`${BENCH}.cache`, { recursive: true });
  try {
    execFileSync('go', ['build', '-o', GO_PROGRAM, 'main.go'], {
      cwd: `${BENCH}servers/go`,
      env: { ...process.env, GO111MODULE: 'off', GOPATH: gopath },
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: 300_000,
    });
  } catch (error) {
    return `${left} ${error instanceof Error ? error.message : String(error)}`;
  }
  return undefined;
}
