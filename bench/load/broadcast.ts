/** Broadcasts, over WebSocket or xhr-streaming: the next one goes when everybody has the last. */
import { DIALECTS, fromServer } from './dialects.ts';
import { closeAll, type Load, ramp, show, textOf } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { openStreaming } from './streaming.ts';
import { WebSocketConnection } from './websocket.ts';

type Options = Extract<LoadOptions, { kind: 'ws-broadcast' | 'streaming-broadcast' }>;

/** Tells the server to broadcast. */
export type Trigger = (message: string) => void;

/** Who waits for the message that is under way. */
class Receivers {
  readonly #size: number;
  readonly #trigger: Trigger;
  #number = 0;
  #waiting = 0;
  #whenAllReceived: () => void = () => {};

  constructor(size: number, trigger: Trigger) {
    this.#size = size;
    this.#trigger = trigger;
  }

  /** How many messages there were. */
  get number(): number {
    return this.#number;
  }

  send(message: string): Promise<void> {
    return new Promise((resolve) => {
      this.#number += 1;
      this.#waiting = this.#size;
      this.#whenAllReceived = resolve;
      this.#trigger(message);
    });
  }

  /** One of them has got it; `last` is the number of the message that it had before, and the result that of this one. */
  received(last: number): number {
    if (last + 1 !== this.#number) {
      throw new Error(`message ${this.#number} came after ${last}, or twice`);
    }
    this.#waiting -= 1;
    if (this.#waiting === 0) {
      this.#whenAllReceived();
    }
    return this.#number;
  }
}

export function broadcast(target: Target, { kind, connections, size }: Options, trigger: Trigger): Load {
  const { port } = target;
  const dialect = DIALECTS[target.dialect];
  const receivers = new Receivers(connections, trigger);
  /** As it comes over WebSocket, and as one chunk over xhr-streaming. */
  let due: Buffer = Buffer.alloc(0);
  const opened: { close(): unknown }[] = [];

  const openWebSocket = async (i: number) => {
    const connection = await WebSocketConnection.open(port, dialect, `all${i}`);
    let last = 0;
    connection.onText = (payload) => {
      if (!payload.equals(due)) {
        throw new Error(`broadcast: got ${show(payload)}, not ${show(due)}`);
      }
      last = receivers.received(last);
    };
    opened.push(connection);
  };

  const openStream = async (i: number) => {
    let last = 0;
    let line = '';
    const connection = await openStreaming(port, `all${i}`, (piece) => {
      line += piece.toString('latin1');
      if (line.endsWith('\n')) {
        if (line !== due.toString('latin1')) {
          throw new Error(`broadcast: got ${JSON.stringify(line)}, not ${show(due)}`);
        }
        line = '';
        last = receivers.received(last);
      }
    });
    opened.push(connection);
  };

  return {
    async open() {
      await ramp(connections, kind === 'ws-broadcast' ? openWebSocket : openStream);
    },
    async round(units) {
      const count = Math.max(1, Math.round(units / connections));
      for (let i = 0; i < count; i += 1) {
        const message = textOf(receivers.number, size);
        const frame = fromServer(dialect, message);
        due = kind === 'ws-broadcast' ? frame : Buffer.concat([frame, Buffer.from('\n')]);
        await receivers.send(message);
      }
      return count * connections;
    },
    async close() {
      await closeAll(opened);
    },
  };
}
