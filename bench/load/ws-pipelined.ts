/**
 * WebSocket echo with many frames in flight on each connection. The next batch goes out when all responses are back.
 */
import { checkFrame, DIALECTS, type Dialect } from './dialects.ts';
import { closeAll, type Load, portOf, ramp, textOf } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { clientFrame, WebSocketConnection } from './websocket.ts';

type Options = Extract<LoadOptions, { kind: 'ws-pipelined' }>;

/**
 * Frames that go out in one write, and the messages that must come back in order. The server may join them into frames
 * as it likes.
 */
interface Batch {
  readonly frames: Buffer;
  readonly answers: readonly Buffer[];
}

/** Batches of each connection. All messages in them differ. */
const BATCHES = 4;

export function wsPipelined({ ports, dialect: dialectName }: Target, { connections, depth, size }: Options): Load {
  const dialect = DIALECTS[dialectName];
  let busy: Pipelined[] = [];
  return {
    async open() {
      busy = await ramp(connections, async (i) => {
        const batches = Array.from({ length: BATCHES }, (_, batch) =>
          batchOf(dialect, depth, size, (i * BATCHES + batch) * depth),
        );
        return new Pipelined(await WebSocketConnection.open(portOf(ports, i), dialect, `pipe${i}`), dialect, batches);
      });
    },
    async round(units) {
      const each = Math.max(1, Math.round(units / depth / busy.length));
      await Promise.all(busy.map((pipelined) => pipelined.go(each)));
      return each * depth * busy.length;
    },
    async close() {
      await closeAll(busy.map(({ connection }) => connection));
    },
  };
}

function batchOf(dialect: Dialect, depth: number, size: number, first: number): Batch {
  const messages = Array.from({ length: depth }, (_, i) => textOf(first + i, size));
  return {
    frames: Buffer.concat(messages.map((message) => clientFrame(dialect.toServer(message)))),
    answers: messages.map((message) => Buffer.from(dialect.item(message))),
  };
}

class Pipelined {
  readonly connection: WebSocketConnection;
  readonly #dialect: Dialect;
  readonly #batches: readonly Batch[];
  #left = 0;
  #batch = 0;
  /** Index of the response that is due next. */
  #due = 0;
  #whenDone: () => void = () => {};

  constructor(connection: WebSocketConnection, dialect: Dialect, batches: readonly Batch[]) {
    this.connection = connection;
    this.#dialect = dialect;
    this.#batches = batches;
    connection.onText = (payload) => this.#check(payload);
  }

  /** Sends that many batches, each when the last one is back. */
  go(batches: number): Promise<void> {
    return new Promise((resolve) => {
      this.#left = batches;
      this.#whenDone = resolve;
      this.#next();
    });
  }

  #next(): void {
    if (this.#left === 0) {
      this.#whenDone();
      return;
    }
    this.#left -= 1;
    this.#batch = (this.#batch + 1) % this.#batches.length;
    this.#due = 0;
    this.connection.socket.write((this.#batches[this.#batch] as Batch).frames);
  }

  /** Compares one frame with the responses that are due, message by message. */
  #check(payload: Buffer): void {
    const { answers } = this.#batches[this.#batch] as Batch;
    checkFrame(this.#dialect, payload, () => answers[this.#due++]);
    if (this.#due === answers.length) {
      this.#next();
    }
  }
}
