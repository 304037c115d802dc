/** The programs that tests depend on: what each has printed, and whether it has ended although no test asked it to. */

/** Characters of each output stream that are kept: enough for a stack trace and the lines before it. */
const TAIL = 4_096;

const STREAMS = ['stderr', 'stdout'] as const;

const monitors = new Set<ProcessMonitor>();
const listeners = new Set<() => void>();

/** Watches one program from its start until `forget()`. */
export class ProcessMonitor {
  readonly name: string;
  /** Whether the end of the program is no failure: it ends by itself, or the test has asked it to. */
  mayEnd: boolean;
  /** Whether a test has failed because of `failure`. */
  isReported = false;
  /** The last that the program has printed. */
  readonly tails = { stderr: '', stdout: '' };
  #failure: Error | undefined;

  constructor(name: string, mayEnd: boolean) {
    this.name = name;
    this.mayEnd = mayEnd;
    monitors.add(this);
  }

  /** Keeps what the program has printed. */
  print(stream: (typeof STREAMS)[number], text: string): void {
    this.tails[stream] = `${this.tails[stream]}${text}`.slice(-TAIL);
  }

  /** What the program has printed, stream by stream, for people to read; empty where it has printed nothing. */
  get output(): string {
    return STREAMS.filter((stream) => this.tails[stream] !== '')
      .map((stream) => `${this.name}, ${stream}:\n${this.tails[stream].trimEnd()}\n`)
      .join('');
  }

  /** Takes note that the program has ended; `how` is as in `with code 1`. Returns an error that says so. */
  ended(how: string): Error {
    const comment = this.mayEnd ? '' : ', and no test had asked it to';
    const error = new Error(`${this.name} ended ${how}${comment}\n${this.output || 'It had printed nothing.\n'}`);
    if (!this.mayEnd) {
      this.#failure = error;
      for (const listener of listeners) {
        listener();
      }
    }
    return error;
  }

  /** Why tests that depend on the program fail: it has ended, and was not allowed to. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** No test depends on the program any more. */
  forget(): void {
    monitors.delete(this);
  }
}

/** The programs that have failed, of those that tests still depend on. */
export function failedPrograms(): ProcessMonitor[] {
  return [...monitors].filter(({ failure }) => failure !== undefined);
}

/** The programs that tests still depend on and that may not end now. */
export function livePrograms(): ProcessMonitor[] {
  return [...monitors].filter(({ failure, mayEnd }) => failure === undefined && !mayEnd);
}

/** Calls back when a program fails, at once where one has failed already; returns a function that undoes it. */
export function onFailure(listener: () => void): () => void {
  listeners.add(listener);
  if (failedPrograms().length > 0) {
    listener();
  }
  return () => listeners.delete(listener);
}

/** What the programs have printed that tests still depend on, but for those whose failure a test has reported. */
export function outputOfPrograms(): string {
  return Array.from(monitors, ({ isReported, output }) => (isReported ? '' : output)).join('');
}
