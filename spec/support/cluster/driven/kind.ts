/** What the three processes of a suite share beside the endpoint: a Redis, or their primary. */
import type { DrivenProcess } from './process.ts';

export interface DrivenKind {
  /** Whether all processes can listen on one port, and get connections in turns. */
  readonly hasSharedPort: boolean;
  /** Starts the processes. */
  start(): readonly DrivenProcess[];
  /** A process has written a tombstone that is to last so many ms by the clock of the test, which stands still. */
  onTombstone(id: string, life: number): void;
  /** From now on only `tick()` advances the clock of the test. */
  stopClock(): void;
  /** The clock of the test has advanced. */
  tick(ms: number): void;
  /** Has the registry of an endpoint forget what is over by the clock of the test. Called before each connection. */
  forget(name: string): Promise<void>;
  /** The test is over, and its clock with it. */
  reset(): void;
}
