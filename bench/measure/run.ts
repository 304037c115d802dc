/** The parameters of a run, and how a run starts servers and loads. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { entryOf, programOf, type ServerName } from '../servers/names.ts';
import { type Certificate, flagsOf, type ServerSettings } from '../servers/server-settings.ts';
import { BUNDLES } from './bundle.ts';
import { makeCertificate } from './certificate.ts';
import { LoadProcess } from './load.ts';
import { type Checkout, keyOf, type Participant } from './participant.ts';
import { type Program, ServerProcess } from './server.ts';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BENCH = `${ROOT}bench/`;
const GO_PROGRAM = `${BENCH}.cache/sockjs-go`;

export interface RunOptions {
  /** Path of the Node binary that runs servers and load. */
  readonly node: string;
  readonly nodeVersion: string;
  /** Rounds of CPU measurement for each server. */
  readonly rounds: number;
  /** Rounds of memory measurement for each server. Each starts a fresh process. */
  readonly memoryRounds: number;
  /** µs of server CPU that a round should take. */
  readonly roundCpu: number;
  /** Seconds of server CPU before the first measured round. */
  readonly warmUp: number;
  /** Whether to write CPU profiles of the servers of this package. */
  readonly profile: boolean;
  /** The servers that run. */
  readonly only: readonly ServerName[];
  /** The checkouts whose servers run side by side, in this order. */
  readonly checkouts: readonly Checkout[];
}

export class Run {
  readonly options: RunOptions;
  /** Why sockjs-go does not run. Undefined where it runs, or was not chosen. */
  readonly goUnavailable: string | undefined;
  /** Made when the first server needs it. */
  #certificate: Certificate | undefined;

  constructor(options: RunOptions) {
    this.options = options;
    this.goUnavailable = this.#isChosen('sockjs-go') ? buildGo() : undefined;
  }

  /** Returns the servers of a scenario that take part in this run. */
  participants(servers: readonly ServerName[]): Participant[] {
    return servers
      .filter((name) => this.#isChosen(name) && (name !== 'sockjs-go' || this.goUnavailable === undefined))
      .flatMap((server) => this.options.checkouts.map((checkout) => ({ server, checkout })));
  }

  startServer(
    participant: Participant,
    settings: ServerSettings = {},
    nodeArgs: readonly string[] = [],
  ): Promise<ServerProcess> {
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
            args: [
              ...nodeArgs,
              ...profile,
              `${checkout.root}${BUNDLES}${programOf(server)}.cjs`,
              ...(entryOf(server).args ?? []),
              ...flagsOf(settings, this.#certificateFor(settings)),
            ],
          };
    return ServerProcess.start(participant, program, ROOT, settings);
  }

  startLoad(server: ServerProcess): LoadProcess {
    return new LoadProcess(server, `${BENCH}load/main.ts`, this.options.node, this.#nodeArgs(), ROOT);
  }

  #certificateFor({ isSecure = false }: ServerSettings): Certificate | undefined {
    if (isSecure) {
      this.#certificate ??= makeCertificate();
      return this.#certificate;
    }
    return undefined;
  }

  #isChosen(server: ServerName): boolean {
    return this.options.only.includes(server);
  }

  /** Node strips types without a loader since 22.18. */
  #nodeArgs(): string[] {
    const [major = 0, minor = 0] = this.options.nodeVersion.split('.').map(Number);
    return major > 22 || (major === 22 && minor >= 18) ? [] : ['--import', 'tsx/esm'];
  }
}

/** Builds sockjs-go from Debian's packages. Returns the reason where that fails. */
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
