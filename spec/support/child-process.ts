/** Child processes of the specs. If one ends unexpectedly, the running test fails with its last output. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { AsyncQueue } from './async-queue.ts';
import { afterTest } from './cleanup.ts';
import { ProcessMonitor } from './process-monitor.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** ms after the end of a child in which its output may stay open. Processes that it started may still write to it. */
const OUTPUT_TIMEOUT = 1_000;

/** The timers of Node. A test's clock does not stop them. */
const { setTimeout, clearTimeout } = globalThis;

/** How a child ended: by an exit code or a signal. The code is negative where it could not be started. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What differs from the process of the test. */
export interface ChildSettings {
  /**
   * Working directory.
   * @default the folder of the project
   */
  readonly cwd?: string;
  readonly env?: Readonly<NodeJS.ProcessEnv>;
  readonly uid?: number;
  readonly gid?: number;
}

/** Starts a child process with piped output, for `new Child()`. */
export function spawnChild(file: string, args: readonly string[], settings: ChildSettings = {}): ChildProcess {
  return spawn(file, args, { cwd: ROOT, ...settings, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A child process that is monitored until `kill()`. */
export class Child {
  readonly #process: ChildProcess;
  readonly #monitor: ProcessMonitor;
  readonly #lines = new AsyncQueue<string>();
  /** Describes its end. Undefined while it runs. */
  #end: Error | undefined;
  #isKilled = false;
  /** Settles once the process and its output have ended. */
  readonly ended: Promise<Ending>;

  /**
   * @param name the name in failure messages
   * @param mayEnd whether its end is no failure: it ends by itself, or may fail to start
   */
  constructor(name: string, process: ChildProcess, mayEnd = false) {
    this.#process = process;
    this.#monitor = new ProcessMonitor(name, mayEnd);
    process.stderr?.setEncoding('utf8').on('data', (text: string) => this.#monitor.print('stderr', text));
    if (process.stdout !== null) {
      createInterface(process.stdout).on('line', (line) => {
        this.#monitor.print('stdout', `${line}\n`);
        this.#lines.push(line);
      });
    }
    process.on('error', (error) => this.#monitor.print('stderr', `${error.message}\n`));
    let timer: NodeJS.Timeout | undefined;
    process.on('exit', (code, signal) => {
      timer = setTimeout(() => this.#onEnd({ code, signal }), OUTPUT_TIMEOUT);
    });
    this.ended = new Promise((resolve) => {
      process.on('close', (code, signal) => {
        clearTimeout(timer);
        this.#onEnd({ code, signal });
        resolve({ code, signal });
      });
    });
  }

  /** Settles with the groups of the next line of stdout that matches. Later calls search the lines behind it. */
  async line(pattern: RegExp): Promise<string[]> {
    for (;;) {
      const match = pattern.exec(await this.#nextLine());
      if (match !== null) {
        return match.slice(1);
      }
    }
  }

  /** The last 4096 characters of stderr. */
  get stderr(): string {
    return this.#monitor.tails.stderr;
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /**
   * From now on its end is a failure.
   *
   * @throws Error if it has ended already
   */
  mustLive(): void {
    if (this.#end !== undefined) {
      throw this.#end;
    }
    this.#monitor.mayEnd = false;
  }

  /** From now on its end is no failure. */
  expectEnd(): void {
    this.#monitor.mayEnd = true;
  }

  /** Sends a signal, and settles when it has ended. */
  stop(signal: NodeJS.Signals): Promise<Ending> {
    this.expectEnd();
    this.#process.kill(signal);
    return this.ended;
  }

  /**
   * Kills it. Each test or suite must call this for the children that it starts. Rejects if one ended unexpectedly and
   * no test has failed because of that.
   */
  async kill(): Promise<void> {
    this.#isKilled = true;
    this.#process.kill('SIGKILL');
    await this.ended;
    this.#monitor.forget();
    const { failure, isReported } = this.#monitor;
    if (failure !== undefined && !isReported) {
      throw failure;
    }
  }

  async #nextLine(): Promise<string> {
    try {
      return await this.#lines.next();
    } catch (error) {
      this.#monitor.isReported = true;
      throw error;
    }
  }

  #onEnd({ code, signal }: Ending): void {
    if (this.#end === undefined) {
      if (this.#isKilled && signal === 'SIGKILL') {
        this.expectEnd();
      }
      this.#end = this.#monitor.ended(signal === null ? `with code ${code}` : `by ${signal}`);
      this.#lines.fail(this.#end);
    }
  }
}

/**
 * Evaluates a module in a separate Node, in the folder of the project. Settles with the one line of JSON that it
 * prints.
 */
export async function evaluate(source: string): Promise<unknown> {
  const args = ['--no-warnings', '--import', 'tsx/esm', '--input-type=module', '-e', source];
  const child = new Child('the module of the test', spawnChild(process.execPath, args), true);
  afterTest(() => child.kill());
  const [json = ''] = await child.line(/^(.*)$/);
  return JSON.parse(json);
}
