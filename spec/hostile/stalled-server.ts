/** The harness's side of the server process: commands, reports, and how long its event loop has run. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Command, Report, SessionClosed, StallServerOptions } from './stall-protocol.ts';

const PROGRAM = fileURLToPath(new URL('./stall-server.ts', import.meta.url));

/** Turns of the event loop in which the harness reads all data that has arrived. */
const CATCH_UP_TURNS = 50;

/** Starts a server process, sends commands to it, and keeps its reports. */
export class StalledServer {
  readonly #child: ChildProcess;
  readonly #listeners = new Set<(report: Report) => void>();
  readonly #closed = new Map<string, SessionClosed>();
  /** Rejects when the process ends before `end()`. */
  readonly #died: Promise<never>;
  #isEnding = false;
  #stderr = '';
  #port = 0;
  /**
   * Called for each query of the application, with a function that answers it.
   * @default answers immediately
   */
  onQuery: (answer: () => void) => void = (answer) => answer();
  /** Unexpected messages that sessions got. */
  readonly wrong: { readonly id: string; readonly text: string }[] = [];

  private constructor(options: StallServerOptions) {
    this.#child = fork(PROGRAM, [JSON.stringify(options)], {
      execArgv: ['--import', 'tsx/esm'],
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.#child.on('message', (report: Report) => this.#take(report));
    this.#died = new Promise((_, reject) => {
      this.#child.on('error', reject);
      // Unlike `exit`, `close` comes after the end of stderr.
      this.#child.on('close', (code, signal) => {
        if (!this.#isEnding) {
          reject(new Error(`the server ended with ${code ?? signal}\n${this.#stderr}`));
        }
      });
    });
    this.#died.catch(() => {});
  }

  /** Starts a server. Settles when it listens. The caller must call `end()`. */
  static async start(options: StallServerOptions): Promise<StalledServer> {
    const server = new StalledServer(options);
    try {
      const { port } = await server.report('listening');
      server.#port = port;
    } catch (error) {
      await server.end();
      throw error;
    }
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** The output of the process on stderr. */
  get stderr(): string {
    return this.#stderr;
  }

  send(command: Command): void {
    this.#child.send(command);
  }

  /** Settles with the next report of that kind that `accepts` returns true for. Rejects when the process ends. */
  report<T extends Report['kind']>(
    kind: T,
    accepts: (report: Extract<Report, { kind: T }>) => boolean = () => true,
  ): Promise<Extract<Report, { kind: T }>> {
    let listener: ((report: Report) => void) | undefined;
    const next = new Promise<Extract<Report, { kind: T }>>((resolve) => {
      listener = (report) => {
        if (isOf(report, kind) && accepts(report)) {
          resolve(report);
        }
      };
      this.#listeners.add(listener);
    });
    return Promise.race([next, this.#died]).finally(() => {
      if (listener !== undefined) {
        this.#listeners.delete(listener);
      }
    });
  }

  /** Returns how the first session with that id has ended. Undefined while it lives. */
  closed(id: string): SessionClosed | undefined {
    return this.#closed.get(id);
  }

  /** Settles when the session with that id has ended. */
  async whenClosed(id: string): Promise<SessionClosed> {
    return this.#closed.get(id) ?? (await this.report('closed', (report) => report.id === id));
  }

  /**
   * Settles as `promise` does, or with `late` once the server's event loop has run for `ms` without a stall. A slow
   * machine only makes the wait longer.
   */
  async within<T>(ms: number, promise: Promise<T>): Promise<T | 'late'> {
    let left = ms;
    let listener: ((report: Report) => void) | undefined;
    const over = new Promise<'late'>((resolve) => {
      listener = (report) => {
        if (report.kind === 'free') {
          left = report.ms === null ? ms : left - report.ms;
          if (left <= 0) {
            resolve('late');
          }
        }
      };
      this.#listeners.add(listener);
    });
    // A busy harness may read reports before older data of other connections.
    const late = over.then(async () => {
      for (let i = 0; i < CATCH_UP_TURNS; i++) {
        await turn();
      }
      return 'late' as const;
    });
    try {
      return await Promise.race([promise, late, this.#died]);
    } finally {
      if (listener !== undefined) {
        this.#listeners.delete(listener);
      }
    }
  }

  /** Kills the process. Settles when it has ended. */
  async end(): Promise<void> {
    this.#isEnding = true;
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined) {
      const closed = once(this.#child, 'close');
      this.#child.kill('SIGKILL');
      await closed;
    }
  }

  #take(report: Report): void {
    if (report.kind === 'closed') {
      // A client that has not noticed the end may open another session with the same id. The first end counts.
      this.#closed.set(report.id, this.#closed.get(report.id) ?? report);
    } else if (report.kind === 'wrong') {
      this.wrong.push(report);
    } else if (report.kind === 'query') {
      const { query } = report;
      this.onQuery(() => this.send({ do: 'answer', query }));
    }
    for (const listener of [...this.#listeners]) {
      listener(report);
    }
  }
}

function isOf<T extends Report['kind']>(report: Report, kind: T): report is Extract<Report, { kind: T }> {
  return report.kind === kind;
}
