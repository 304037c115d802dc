/** A process of a group: started by the group's program, told by lines on its stdin. */
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

export class MemberProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  /** Settles when all questions so far are answered. */
  #asked: Promise<unknown> = Promise.resolve();

  /** @param program the name of a program that is bundled beside this one */
  constructor(program: string, settings: { readonly index: number }) {
    const path = join(dirname(process.argv[1] ?? ''), `${program}.cjs`);
    this.#child = spawn(process.execPath, [...flagsOf(settings.index), path, JSON.stringify(settings)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.pid = this.#child.pid ?? 0;
    if (this.#child.stdout === null) {
      throw new Error('a process without stdout');
    }
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    // A group is nothing without one of its processes.
    this.#child.on('exit', () => process.exit(1));
  }

  /** Gives it a line that it does not answer. */
  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Gives it a line, and returns its answer. */
  ask(line: string): Promise<string> {
    this.tell(line);
    return this.next();
  }

  /** The next line that it prints. */
  next(): Promise<string> {
    const next = this.#asked.then(() => this.#lines.next()).then(({ value }) => String(value));
    this.#asked = next;
    return next;
  }

  /** Has it end, and settles when it has. */
  end(): Promise<void> {
    this.#child.removeAllListeners('exit');
    return new Promise((resolve) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        resolve();
      } else {
        this.#child.once('exit', () => resolve());
        this.#child.stdin?.end();
      }
    });
  }
}

/** The flags of this process, with a name of its own for the profile of each process. */
function flagsOf(index: number): string[] {
  return process.execArgv.map((flag) => flag.replace(/^(--cpu-prof-name=)/, `$1process${index}-`));
}
