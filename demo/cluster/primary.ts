/** The primary: starts the workers, replaces one that has ended, and ends one for a page that asks for it. */
import cluster, { type Worker } from 'node:cluster';
import { env } from 'node:process';
import { setupPrimary } from '../../lib/cluster.ts';

/** The processes by their names. A worker that replaces another one takes its name. */
export const PROCESSES = ['A', 'B', 'C'] as const;

/** ms between the end of a worker and the start of the next. */
const REPLACE_DELAY = 1_000;

/** What a worker asks of the primary. */
export interface EndMessage {
  readonly type: 'demo:end';
  /** The process to end. */
  readonly pid: number;
}

const workersOf = (): Worker[] => Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);

/** Runs until SIGINT or SIGTERM, or until a worker cannot listen. */
export function runPrimary(): void {
  const { REDIS_URL } = env;
  if (!REDIS_URL) {
    setupPrimary(); // Before the first fork.
  }
  const listening = new Set<string>();
  let hasStarted = false;
  let isEnding = false;

  const start = (name: string): void => {
    if (isEnding) {
      return;
    }
    const worker = cluster.fork({ DEMO_PROCESS: name });
    worker.on('listening', ({ port }) => {
      listening.add(name);
      if (listening.size === 1) {
        // The first has found the port free.
        PROCESSES.filter((other) => other !== name).forEach(start);
      } else if (listening.size === PROCESSES.length && !hasStarted) {
        hasStarted = true;
        console.log(`Listening on http://127.0.0.1:${port}/`);
      }
    });
    worker.on('message', (message: unknown) => {
      if (isEndMessage(message)) {
        workersOf()
          .find(({ process }) => process.pid === message.pid)
          ?.process.kill('SIGKILL');
      }
    });
    worker.on('exit', () => {
      if (isEnding) {
        return;
      }
      if (listening.has(name)) {
        setTimeout(start, REPLACE_DELAY, name);
      } else {
        // It has printed why it cannot listen.
        process.exitCode = 1;
        end();
      }
    });
  };

  const end = (): void => {
    isEnding = true;
    for (const worker of workersOf()) {
      worker.process.kill('SIGTERM');
    }
  };
  // The primary exits by itself once all workers have. A second signal ends it immediately.
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  start(PROCESSES[0]);
}

function isEndMessage(message: unknown): message is EndMessage {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'demo:end';
}
