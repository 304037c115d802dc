/**
 * Calls from a spec to a process of it, which the spec waits for without a turn of its event loop. So an object of that
 * process can be used as one of the spec's own: `session.send()` returns what it has returned there.
 *
 * From the first call of a turn of the spec to the end of that turn, the process does nothing else: several calls of one
 * turn of the spec are of one turn of the process.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, read, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where the process finds its two ends: behind stdin, stdout, stderr and the channel to its parent. */
const CALLS_FD = 4;
const ANSWERS_FD = 5;

const RELEASE = 'release';
const CHUNK = 65_536;

/** What a call has returned, or thrown. */
interface Outcome {
  readonly value?: unknown;
  readonly error?: string;
}

/** Lines from a pipe. */
class Lines {
  readonly #fd: number;
  readonly #chunk = Buffer.alloc(CHUNK);
  #text = '';

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Returns the next line. Waits for it, and does nothing else. */
  next(): string {
    let line = this.#take();
    while (line === undefined) {
      this.#add(readSync(this.#fd, this.#chunk));
      line = this.#take();
    }
    return line;
  }

  /** Calls back with the next line. */
  onNext(onLine: (line: string) => void): void {
    const line = this.#take();
    if (line !== undefined) {
      // In a turn of its own, also where it has come together with the one before.
      setImmediate(() => onLine(line));
      return;
    }
    read(this.#fd, this.#chunk, 0, CHUNK, null, (error, size) => {
      if (error !== null) {
        throw error;
      }
      this.#add(size);
      this.onNext(onLine);
    });
  }

  #add(size: number): void {
    if (size === 0) {
      throw new Error('the other process has ended');
    }
    // Lines are ASCII.
    this.#text += this.#chunk.toString('latin1', 0, size);
  }

  #take(): string | undefined {
    const end = this.#text.indexOf('\n');
    if (end < 0) {
      return undefined;
    }
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return line;
  }
}

function writeLine(fd: number, value: unknown): void {
  const json = JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const bytes = Buffer.from(`${json}\n`);
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(fd, bytes, at);
  }
}

/** The end of the spec. */
export class CallPipe {
  readonly #calls: number;
  readonly #answers: number;
  readonly #lines: Lines;
  readonly #childEnds: readonly number[];
  #isHeld = false;

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), 'sockjs-calls-'));
    try {
      const [calls, answers] = [join(folder, 'calls'), join(folder, 'answers')];
      execFileSync('mkfifo', [calls, answers]);
      // Opening one end waits for the other, unless there is a file that is both.
      const both = [openSync(calls, 'r+'), openSync(answers, 'r+')];
      this.#calls = openSync(calls, 'w');
      this.#answers = openSync(answers, 'r');
      this.#childEnds = [openSync(calls, 'r'), openSync(answers, 'w')];
      both.forEach(closeSync);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    this.#lines = new Lines(this.#answers);
  }

  /** The ends of the process, in the order of its `stdio`. */
  get childEnds(): readonly number[] {
    return this.#childEnds;
  }

  /** Closes the ends of the process here, where it has its own: so its end is noticed. */
  hasStarted(): void {
    this.#childEnds.forEach(closeSync);
  }

  /**
   * Has the process do this, and returns what it has returned.
   *
   * @throws Error what the process has thrown, or that it has ended
   */
  call(call: unknown): unknown {
    if (!this.#isHeld) {
      this.#isHeld = true;
      queueMicrotask(() => this.#release());
    }
    writeLine(this.#calls, call);
    const { value, error } = JSON.parse(this.#lines.next()) as Outcome;
    if (error !== undefined) {
      throw new Error(error);
    }
    return value;
  }

  #release(): void {
    this.#isHeld = false;
    try {
      writeLine(this.#calls, RELEASE);
    } catch {
      // The process has ended: its monitor says so.
    }
  }

  close(): void {
    closeSync(this.#calls);
    closeSync(this.#answers);
  }
}

/** The end of the process: has each call done. */
export function answerCalls<Call>(execute: (call: Call) => unknown): void {
  const lines = new Lines(CALLS_FD);
  const answer = (call: Call): Outcome => {
    try {
      return { value: execute(call) };
    } catch (error) {
      return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  };
  const onCall = (first: string) => {
    for (let line: unknown = JSON.parse(first); line !== RELEASE; line = JSON.parse(lines.next())) {
      writeLine(ANSWERS_FD, answer(line as Call));
    }
    lines.onNext(onCall);
  };
  lines.onNext(onCall);
}
