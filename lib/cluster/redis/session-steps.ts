/**
 * Steps of sessions in Redis. Those of one turn of the event loop are one command: after a deploy thousands of sessions come
 * at once, and a command of its own for each would cost the client and Redis more than what it does.
 */
import { flushAfterTurn } from '../../util/flush-queue.ts';
import { promiseWithResolvers } from '../../util/promises.ts';
import { BATCH } from '../batches.ts';
import { listOf, unexpected } from './answers.ts';
import type { Commands } from './commands.ts';
import { STEPS } from './scripts.ts';

/**
 * ms after the failure of a command for many, in which each step is a command of its own. Redis Cluster refuses those for
 * many for as long as a slot moves, which ioredis tells after a second only.
 */
export const APART = 5_000;

/** What is done with the entry of one session, as the script takes it. What a step does not need is empty. */
export type Step = readonly [
  name: 'claim' | 'find' | 'release' | 'end',
  mark: string,
  tombstone: string,
  life: number | '',
];

interface Call {
  readonly key: string;
  readonly step: Step;
  readonly settled: ReturnType<typeof promiseWithResolvers<unknown>>;
}

/** Runs steps in the order in which they were asked for. */
export class SessionSteps {
  readonly #commands: Pick<Commands, 'run'>;
  #waiting: Call[] = [];
  /** Until then, by `performance.now()`, each step is a command of its own. */
  #apartUntil = 0;

  constructor(commands: Pick<Commands, 'run'>) {
    this.#commands = commands;
  }

  /** Runs a step at the end of this turn. Settles with the raw entry, and rejects as `Commands.run()`. */
  run(key: string, step: Step): Promise<unknown> {
    const settled = promiseWithResolvers<unknown>();
    const length = this.#waiting.push({ key, step, settled });
    if (length === 1) {
      flushAfterTurn(this);
    } else if (length === BATCH) {
      this.flush();
    }
    return settled.promise;
  }

  flush(): void {
    const calls = this.#waiting;
    this.#waiting = [];
    if (performance.now() < this.#apartUntil) {
      this.#runApart(calls);
    } else if (calls.length > 0) {
      void this.#runAll(calls);
    }
  }

  #runApart(calls: readonly Call[]): void {
    for (const call of calls) {
      void this.#runAll([call]);
    }
  }

  async #runAll(calls: readonly Call[]): Promise<void> {
    try {
      const entries = await this.#execute(calls);
      for (const [i, { settled }] of calls.entries()) {
        settled.resolve(entries[i]);
      }
    } catch (error) {
      if (calls.length > 1) {
        this.#apartUntil = performance.now() + APART;
        if (isOfSome(error)) {
          // What has run before the one that failed may run again.
          this.#runApart(calls);
          return;
        }
      }
      for (const { settled } of calls) {
        settled.reject(error);
      }
    }
  }

  async #execute(calls: readonly Call[]): Promise<readonly unknown[]> {
    const keys = calls.map(({ key }) => key);
    const args = calls.flatMap(({ step }) => step);
    const entries = listOf(await this.#commands.run(STEPS, keys, args));
    if (entries.length !== calls.length) {
      // A missing entry must not be taken for an id that is free.
      throw unexpected(entries);
    }
    return entries;
  }
}

/**
 * Whether some of the keys have moved to another server of Redis Cluster, and others have not yet. ioredis asks the others
 * at random then, until it gives up.
 */
export function isSplit(error: unknown): boolean {
  return error instanceof Error && /TRYAGAIN|Too many Cluster redirections/.test(error.message);
}

/**
 * Whether a command has failed for some of its keys, so that steps of other keys must not suffer: one key holds something
 * else, or Redis takes no writes at present.
 */
function isOfSome(error: unknown): boolean {
  return isSplit(error) || (error instanceof Error && /WRONGTYPE|OOM|NOREPLICAS|MISCONF/.test(error.message));
}
