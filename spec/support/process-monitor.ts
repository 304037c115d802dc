/** Monitors the programs that tests depend on: what each has printed, and whether it has ended unexpectedly. */

/** Characters that are kept of each output stream: enough for a stack trace and the lines before it. */
const TAIL = 4_096;

const STREAMS = ['stderr', 'stdout'] as const;

const monitors = new Set<ProcessMonitor>();
const listeners = new Set<() => void>();

/** Monitors one program from its start until `forget()`. */
export class ProcessMonitor {
  readonly name: string;
  /** Whether the program may end: it ends by itself, or a test has ended it. */
  mayEnd: boolean;
  /** Whether a test has failed because of `failure`. */
  isReported = false;
  /** The last output of the program. */
  readonly tails = { stderr: '', stdout: '' };
  #failure: Error | undefined;

  constructor(name: string, mayEnd: boolean) {
    this.name = name;
    this.mayEnd = mayEnd;
    monitors.add(this);
  }

  /** Records output of the program. */
  print(stream: (typeof STREAMS)[number], text: string): void {
    this.tails[stream] = `${this.tails[stream]}${text}`.slice(-TAIL);
  }

  /** The output of the program by stream, for a message. Empty if there was none. */
  get output(): string {
    return STREAMS.filter((stream) => this.tails[stream] !== '')
      .map((stream) => `${this.name}, ${stream}:\n${this.tails[stream].trimEnd()}\n`)
      .join('');
  }

  /**
   * Records that the program has ended, and returns an error that describes it.
   *
   * @param how as in `with code 1`
   */
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

  /** The failure of tests that depend on the program. Undefined unless it has ended unexpectedly. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Ends the monitoring: no test depends on the program any more. */
  forget(): void {
    monitors.delete(this);
  }
}

/** The monitored programs that have ended unexpectedly. */
export function failedPrograms(): ProcessMonitor[] {
  return [...monitors].filter(({ failure }) => failure !== undefined);
}

/** The monitored programs that run and must not end. */
export function livePrograms(): ProcessMonitor[] {
  return [...monitors].filter(({ failure, mayEnd }) => failure === undefined && !mayEnd);
}

/** Calls back when a program fails, at once if one has failed already. Returns a function that removes the listener. */
export function onFailure(listener: () => void): () => void {
  listeners.add(listener);
  if (failedPrograms().length > 0) {
    listener();
  }
  return () => listeners.delete(listener);
}

/** The output of all monitored programs, except those whose failure a test has reported. */
export function outputOfPrograms(): string {
  return Array.from(monitors, ({ isReported, output }) => (isReported ? '' : output)).join('');
}
