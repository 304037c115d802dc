/** The server process, as the harness sees it: its reports, and how long its event loop has run. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Command, Report, SessionClosed, StallServerOptions } from './stall-protocol.ts';

const PROGRAM = fileURLToPath(new URL('./stall-server.ts', import.meta.url));

/** Turns of the event loop in which the harness reads all that has arrived. */
const CATCH_UP_TURNS = 50;

/** Starts a server process, sends it commands, and keeps its reports. */
export class StalledServer {
  readonly #child: ChildProcess;
  readonly #listeners = new Set<(report: Report) => void>();
  readonly #closed = new Map<string, SessionClosed>();
  /** Rejects when the process ends before its time. */
  readonly #died: Promise<never>;
  #isEnding = false;
  #stderr = '';
  #port = 0;
  /**
   * Called with a function that answers, for each query of the application.
   * @default answers at once
   */
  onQuery: (answer: () => void) => void = (answer) => answer();
  /** Messages that sessions should not have got. */
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
      // Unlike `exit`, it comes after the end of stderr.
      this.#child.on('close', (code, signal) => {
        if (!this.#isEnding) {
          reject(new Error(`the server ended with ${code ?? signal}\n${this.#stderr}`));
        }
      });
    });
    this.#died.catch(() => {});
  }

  /** Settles when it listens. The caller must call `end()`. */
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

  /** What it has printed to stderr. */
  get stderr(): string {
    return this.#stderr;
  }

  send(command: Command): void {
    this.#child.send(command);
  }

  /** Settles with the next report of that kind for which `accepts` returns true; rejects when the process ends. */
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

  /** How the first session of that id has ended; undefined while it lives. */
  closed(id: string): SessionClosed | undefined {
    return this.#closed.get(id);
  }

  /** Settles when the session of that id has ended. */
  async whenClosed(id: string): Promise<SessionClosed> {
    return this.#closed.get(id) ?? (await this.report('closed', (report) => report.id === id));
  }

  /**
   * Settles as `promise` does, or with `late` when the server's event loop has run for `ms` without a stall. So a slow
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
    // A slow harness may read reports before older data of other connections.
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

  /** Kills the process; settles when it has ended. */
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
      // A client that has not noticed the end opens a second session of the same id.
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
