/** The load as a child process. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Command, LoadOptions, Report } from '../load/protocol.ts';
import { SERVERS } from '../servers/names.ts';
import { onCleanup, withTimeout } from './cleanup.ts';
import type { ServerProcess } from './server.ts';

/** What a round did. */
export interface RoundResult {
  readonly units: number;
  readonly seconds: number;
  /** ms of each unit, where they are timed. */
  readonly times: readonly number[];
}

/** Seconds that no command exceeds in good health. */
const COMMAND_TIMEOUT = 60;

export class LoadProcess {
  readonly #child: ChildProcess;
  readonly #unregister: () => void;
  readonly #failure: Promise<never>;
  readonly #server: ServerProcess;
  #isEnding = false;

  constructor(server: ServerProcess, program: string, execPath: string, execArgv: readonly string[], cwd: string) {
    this.#server = server;
    this.#child = fork(program, {
      execPath,
      execArgv: [...execArgv],
      cwd,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#unregister = onCleanup(() => this.end());
    this.#failure = new Promise((_, reject) => {
      this.#child.once('error', reject);
      this.#child.once('exit', (code, signal) => {
        if (!this.#isEnding) {
          reject(new Error(`${server.name}: the load ended early: ${code ?? signal}; its reason stands above`));
        }
      });
    });
    this.#failure.catch(() => {});
    this.#child.on('message', (report: Report) => {
      if ('broadcast' in report) {
        server.broadcast(report.broadcast);
      }
    });
  }

  async open(options: LoadOptions): Promise<void> {
    const { participant, ports } = this.#server;
    const { dialect, pollsRace } = SERVERS[participant.server];
    await this.#command({ do: 'open', target: { ports, dialect, pollsRace, options } });
  }

  round(units: number): Promise<RoundResult> {
    return this.#command({ do: 'round', units });
  }

  async close(): Promise<void> {
    await this.#command({ do: 'close' });
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    this.#unregister();
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined) {
      const exited = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await exited;
    }
  }

  #command(command: Command): Promise<RoundResult> {
    const done = new Promise<RoundResult>((resolve) => {
      const listen = (report: Report) => {
        if ('done' in report) {
          this.#child.off('message', listen);
          resolve(report);
        }
      };
      this.#child.on('message', listen);
    });
    this.#child.send(command);
    return withTimeout(
      COMMAND_TIMEOUT,
      `${this.#server.name}: ${command.do}`,
      this.#server.alive(Promise.race([done, this.#failure])),
    );
  }
}
