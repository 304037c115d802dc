/** Runs the programs of `demo/recipes/` as a reader would, and finds them in the README. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Queue } from './queue.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A recipe's program, on a free port. */
export class Recipe {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #lines = new Queue<string>();
  #stderr = '';
  /** Settles with the exit code, null where a signal killed it, once its output has ended, too. */
  readonly exited: Promise<number | null>;

  constructor(name: string, env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, ['--import', 'tsx/esm', `demo/recipes/${name}.ts`], {
      cwd: ROOT,
      env: { ...process.env, ...env, PORT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    createInterface(this.#child.stdout).on('line', (line) => this.#lines.push(line));
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.exited = once(this.#child, 'close').then(([code]) => {
      this.#lines.fail(new Error(`${name} has ended with ${code}: ${this.#stderr}`));
      return code;
    });
  }

  /** The next line that matches, of those that it has printed since the one asked for before; the groups in it. */
  async line(pattern: RegExp): Promise<string[]> {
    for (;;) {
      const match = pattern.exec(await this.#lines.next());
      if (match !== null) {
        return match.slice(1);
      }
    }
  }

  /** The next address that it says it listens on, as in `http://127.0.0.1:1234`. */
  async origin(): Promise<string> {
    const [origin = ''] = await this.line(/^Listening on (http:\/\/127\.0\.0\.1:\d+)\/$/);
    return origin;
  }

  /** Asks it to end. */
  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  /** Ends it, whatever it is doing. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** What it has printed to stderr. */
  get stderr(): string {
    return this.#stderr;
  }
}

/** The TypeScript in fenced blocks of a Markdown text, as it stands between the fences. */
export function codeBlocks(markdown: string): string[] {
  return Array.from(markdown.matchAll(/^```ts\n(.*?)^```$/gms), ([, code = '']) => code);
}
