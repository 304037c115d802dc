/** A driven process, as the spec has it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Child } from '../../child-process.ts';
import { CallPipe } from './call-pipe.ts';
import type { Call, Command, DrivenSettings, DrivenState, Report } from './calls.ts';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const PROGRAM = fileURLToPath(new URL('./program.ts', import.meta.url));

export class DrivenProcess {
  readonly #process: ChildProcess;
  readonly #child: Child;
  readonly #pipe = new CallPipe();
  readonly #ready: Promise<unknown>;
  #reports = 0;
  /** Called with each report. */
  onReport: (report: Report) => void = () => {};

  constructor(name: string, settings: DrivenSettings) {
    const args = ['--import', 'tsx/esm', '--throw-deprecation', PROGRAM, JSON.stringify(settings)];
    const stdio = ['ignore', 'pipe', 'pipe', 'ipc', ...this.#pipe.childEnds] as const;
    this.#process = spawn(process.execPath, args, { cwd: ROOT, stdio: [...stdio] });
    this.#pipe.hasStarted();
    this.#child = new Child(name, this.#process);
    this.#ready = once(this.#process, 'message');
    this.#process.on('message', (report: Report) => {
      this.#reports += 1;
      this.onReport(report);
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
