/** The server programs as child processes, controlled by lines on stdin. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Port } from '../load/protocol.ts';
import type { ServerSettings } from '../servers/server-settings.ts';
import { onCleanup, withTimeout } from './cleanup.ts';
import { keyOf, type Participant } from './participant.ts';

/** A command to run. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
}

export class ServerProcess {
  readonly participant: Participant;
  /** The name in error messages. */
  readonly name: string;
  readonly pid: number;
  /** Where the server listens: one port, or one of each process. */
  ports: readonly Port[] = [];
  /** Its processes, where it has several. */
  pids: readonly number[] = [];
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #unregister: () => void;
  /** Rejects if the process ends before `end()`. */
  readonly #failure: Promise<never>;
  #isEnding = false;

  private constructor(participant: Participant, child: ChildProcess) {
    this.participant = participant;
    this.name = keyOf(participant);
    this.#child = child;
    this.pid = child.pid ?? 0;
    if (child.stdout === null) {
      throw new Error('a server without stdout');
    }
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#unregister = onCleanup(() => this.end());
    this.#failure = new Promise((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        if (!this.#isEnding) {
          reject(new Error(`server ${this.name} ended early: ${code ?? signal}`));
        }
      });
    });
    this.#failure.catch(() => {});
    child.stdin?.on('error', () => {});
  }

  /** Starts a server, and settles when it listens. */
  static async start(
    participant: Participant,
    { command, args }: Program,
    cwd: string,
    { isSecure = false }: ServerSettings,
  ): Promise<ServerProcess> {
    const server = new ServerProcess(participant, spawn(command, args, { cwd, stdio: ['pipe', 'pipe', 'inherit'] }));
    const { port, ports = [port], pids = [server.pid] } = JSON.parse(await server.#answer('the port'));
    server.ports = (ports as number[]).map((number) => ({ number, isSecure }));
    server.pids = pids;
    return server;
  }

  /** Settles as `promise` does, and rejects when the server ends early. */
  alive<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#failure]);
  }

  broadcast(message: string): void {
    this.#child.stdin?.write(`broadcast ${message}\n`);
  }

  /** µs of CPU that the operating system has counted for the process so far. */
  async cpu(): Promise<number> {
    return Number(await this.ask('cpu'));
  }

  /** Makes the server collect garbage and return unused memory to the system. */
  async releaseMemory(): Promise<void> {
    await this.ask('release');
  }

  /** KiB of resident memory of a process of the server. Linux only. */
  residentSize(pid = this.pid): number {
    const size = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    if (size === undefined) {
      throw new Error('no VmRSS');
    }
    return Number(size);
  }

  /** Ends the process by closing its stdin, and by SIGKILL after 10 s. */
  async end(): Promise<void> {
    this.#isEnding = true;
    this.#unregister();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) {
      return;
    }
    const exited = once(this.#child, 'exit');
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(timer);
  }

  /** Gives it a line, and returns its answer. */
  ask(line: string): Promise<string> {
    this.#child.stdin?.write(`${line}\n`);
    return this.#answer(line);
  }

  async #answer(what: string): Promise<string> {
    const next = this.alive(this.#lines.next());
    const { value, done } = await withTimeout(60, `${this.name}: ${what}`, next);
    if (done === true) {
      throw new Error(`server ${this.name} said nothing to ${what}`);
    }
    return value;
  }
}
