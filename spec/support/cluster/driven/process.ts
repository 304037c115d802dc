/** A driven process, as the spec has it. */
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Child } from '../../child-process.ts';
import { CallPipe } from './call-pipe.ts';
import type { Call, Command, DrivenState, Report } from './calls.ts';

/** The module that each of the processes runs. */
export const PROGRAM = fileURLToPath(new URL('./program.ts', import.meta.url));

export class DrivenProcess {
  readonly #process: ChildProcess;
  readonly #child: Child;
  readonly #pipe = new CallPipe();
  readonly #ready: Promise<unknown>;
  #reports = 0;
  /** Called with each report. */
  onReport: (report: Report) => void = () => {};

  /** @param start starts it, with these file descriptors behind the channel to its parent */
  constructor(name: string, start: (descriptors: readonly number[]) => ChildProcess) {
    this.#process = start(this.#pipe.childEnds);
    this.#pipe.hasStarted();
    this.#child = new Child(name, this.#process);
    this.#ready = new Promise((resolve) => {
      this.#process.on('message', (report: Report) => {
        // The commands of a worker to its primary come on the same channel.
        if (!report.type.startsWith('sockjs:')) {
          resolve(report);
          this.#reports += 1;
          this.onReport(report);
        }
      });
    });
  }

  /** Settles once it takes calls. */
  async ready(): Promise<void> {
    await Promise.race([this.#ready, this.#child.ended]);
    this.#child.mustLive();
  }

  /** Has it do this, and returns what it has returned. */
  call(call: Call): unknown {
    return this.#pipe.call(call);
  }

  get state(): DrivenState {
    return this.call({ do: 'state' }) as DrivenState;
  }

  /** Whether it has sent reports that are still on their way here. */
  isAheadOf({ reports }: DrivenState): boolean {
    return this.#reports < reports;
  }

  tell(command: Command, socket?: Socket): void {
    this.#process.send(command, socket);
  }

  async kill(): Promise<void> {
    await this.#child.kill();
    this.#pipe.close();
  }
}
