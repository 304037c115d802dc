/** Child processes of the specs. One that ends unasked fails the test that runs, with the last that it has printed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { AsyncQueue } from './async-queue.ts';
import { afterTest } from './cleanup.ts';
import { ProcessMonitor } from './process-monitor.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** ms that the output of a child may stay open after its end, as it does where children of its own still write to it. */
const OUTPUT_TIMEOUT = 1_000;

/** The real ones, which a test's clock does not stop. */
const { setTimeout, clearTimeout } = globalThis;

/** How a child ended: with an exit code or by a signal; with a code below 0 where it could not be started. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a child process has of its own; the rest it has from the test. */
export interface ChildSettings {
  /** The folder that it runs in; by default that of the project. */
  readonly cwd?: string;
  readonly env?: Readonly<NodeJS.ProcessEnv>;
  readonly uid?: number;
  readonly gid?: number;
}

/** Starts a child process whose output can be read, for `new Child()`. */
export function spawnChild(file: string, args: readonly string[], settings: ChildSettings = {}): ChildProcess {
  return spawn(file, args, { cwd: ROOT, ...settings, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A child process that is watched until `kill()` is called. */
export class Child {
  readonly #process: ChildProcess;
  readonly #monitor: ProcessMonitor;
  readonly #lines = new AsyncQueue<string>();
  /** What there is to say about its end. */
  #end: Error | undefined;
  #isKilled = false;
  /** Settles once it has ended, and its output as well. */
  readonly ended: Promise<Ending>;

  /**
   * @param name what failing tests call it
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

  /** The next line of stdout that matches, of those after the one that was asked for before; the groups in it. */
  async line(pattern: RegExp): Promise<string[]> {
    for (;;) {
      const match = pattern.exec(await this.#nextLine());
      if (match !== null) {
        return match.slice(1);
      }
    }
  }

  /** The last 4096 characters that it has printed to stderr. */
  get stderr(): string {
    return this.#monitor.tails.stderr;
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** From now on its end is a failure. Throws where it has ended already. */
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

  /** Asks it to end by a signal. */
  stop(signal: NodeJS.Signals): Promise<Ending> {
    this.expectEnd();
    this.#process.kill(signal);
    return this.ended;
  }

  /**
   * Ends it at once: each test or suite does that to the children that it has started. Rejects where one has ended
   * unasked, and no test has failed because of that.
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

/** Runs a module in a Node of its own, in the folder of the project; settles with the JSON that it prints as one line. */
export async function evaluate(source: string): Promise<unknown> {
  const args = ['--no-warnings', '--import', 'tsx/esm', '--input-type=module', '-e', source];
  const child = new Child('the module of the test', spawnChild(process.execPath, args), true);
  afterTest(() => child.kill());
  const [json = ''] = await child.line(/^(.*)$/);
  return JSON.parse(json);
}
