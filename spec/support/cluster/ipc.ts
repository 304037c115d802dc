/** Workers of a primary in one process. What they send each other becomes JSON, as on the channel of `node:cluster`. */
import { IpcRegistry } from '../../../lib/cluster/ipc/ipc-registry.ts';
import { Primary, type WorkerEnd } from '../../../lib/cluster/ipc/primary.ts';
import { PrimaryCalls, type PrimaryEnd } from '../../../lib/cluster/ipc/primary-calls.ts';

/** A message that is on its way. */
interface Posted {
  readonly toPrimary: boolean;
  readonly json: string;
}

/** A worker and its channel. */
export class FakeWorker {
  readonly calls: PrimaryCalls;
  /** What the primary has as this worker. */
  readonly end: WorkerEnd;
  readonly #primary: Primary;
  readonly #posted: Posted[] = [];
  #onMessage: (message: unknown) => void = () => {};
  #onGone: () => void = () => {};
  #isConnected = true;
  /** Whether messages wait for `flush()`: one of both ends stalls. */
  isStalled = false;
  /** The error that writing to the channel fails with. */
  sendError: Error | null = null;
  /** Messages that the primary has sent to this worker. */
  answers = 0;

  constructor(primary: Primary) {
    this.#primary = primary;
    this.end = {
      isConnected: () => this.#isConnected,
      send: (message, callback) => {
        this.answers += 1;
        this.#post(false, message, callback);
      },
    };
    const primaryEnd: PrimaryEnd = {
      isConnected: () => this.#isConnected,
      send: (message, callback) => this.#post(true, message, callback),
      listen: (onMessage, onGone) => {
        this.#onMessage = onMessage;
        this.#onGone = onGone;
      },
    };
    this.calls = new PrimaryCalls(primaryEnd);
  }

  registry(name = 'chat', timeout = 5_000): IpcRegistry {
    return new IpcRegistry(this.calls, { name, timeout });
  }

  /** Sends a message of the program to this worker. */
  receive(message: unknown): void {
    this.#onMessage(message);
  }

  /** Delivers what waits. */
  flush(): void {
    for (const { toPrimary, json } of this.#posted.splice(0)) {
      const message: unknown = JSON.parse(json);
      if (toPrimary) {
        this.#primary.onMessage(this.end, message);
      } else {
        this.#onMessage(message);
      }
    }
  }

  /** The channel ends. Messages of this worker that are on their way still come to the primary. */
  disconnect(): void {
    this.#isConnected = false;
    this.#onGone();
  }

  #post(toPrimary: boolean, message: unknown, callback: (error: Error | null) => void): void {
    const error = this.sendError;
    if (error !== null) {
      queueMicrotask(() => callback(error));
      return;
    }
    this.#posted.push({ toPrimary, json: JSON.stringify(message) });
    queueMicrotask(() => {
      callback(null);
      if (!this.isStalled) {
        this.flush();
      }
    });
  }
}

/** A primary that removes no sockets. */
export function fakePrimary(removed: string[] = []): Primary {
  return new Primary({ removeSocket: (address) => removed.push(address) });
}
