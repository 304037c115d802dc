/** Three workers of node:cluster. Their primary is the process of the specs, so that its clock is at hand, too. */
import { forkHere } from '../workers/fork-here.ts';
import type { DrivenKind } from './kind.ts';
import { DrivenProcess, PROGRAM } from './process.ts';

const COUNT = 3;

const { now } = performance;

export class WorkersKind implements DrivenKind {
  readonly hasSharedPort = true;
  #now = 0;

  start(): readonly DrivenProcess[] {
    const settings = JSON.stringify({});
    return Array.from(
      { length: COUNT },
      (_, i) => new DrivenProcess(`worker ${i}`, (descriptors) => forkHere(PROGRAM, [settings], descriptors)),
    );
  }

  onTombstone(): void {}

  /** The primary counts the life of a tombstone by this clock. */
  stopClock(): void {
    this.#now = performance.now();
    performance.now = () => this.#now;
  }

  tick(ms: number): void {
    this.#now += ms;
  }

  async forget(): Promise<void> {}

  reset(): void {
    performance.now = now;
  }
}
