/**
 * Broadcasts over WebSocket or xhr-streaming. The next broadcast begins when every connection has received the last.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { DIALECTS, fromServer } from './dialects.ts';
import { closeAll, type Load, limit, portOf, ramp, show, textOf } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { OPENING, openSession, openStreaming, PRELUDE } from './streaming.ts';
import { WebSocketConnection } from './websocket.ts';

type Options = Extract<LoadOptions, { kind: 'ws-broadcast' | 'streaming-broadcast' }>;

/** Makes the server broadcast a message. */
export type Trigger = (message: string) => void;

/** Counts which connections have received the current message. */
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

  /** How many messages were broadcast. */
  get number(): number {
    return this.#number;
  }

  send(message: string): Promise<void> {
    return new Promise((resolve) => {
      this.#number += 1;
      this.#waiting = this.#size;
      const isLate = limit(() => `message ${this.#number} is missing at ${this.#waiting} of ${this.#size} connections`);
      this.#whenAllReceived = () => {
        clearTimeout(isLate);
        resolve();
      };
      this.#trigger(message);
    });
  }

  /**
   * Counts one connection that has received the current message.
   *
   * @param last the number of the message that this connection received before
   * @returns the number of the current message
   * @throws Error if the connection missed a message, or received one twice
   */
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

export function broadcast(target: Target, options: Options, trigger: Trigger): Load {
  const { ports } = target;
  const { kind, connections, size } = options;
  const interval = 'interval' in options ? (options.interval ?? 0) : 0;
  const dialect = DIALECTS[target.dialect];
  const receivers = new Receivers(connections, trigger);
  /** The current message as clients receive it: one frame over WebSocket, one chunk over xhr-streaming. */
  let due: Buffer = Buffer.alloc(0);
  const opened: { close(): unknown }[] = [];

  const openWebSocket = async (i: number) => {
    const connection = await WebSocketConnection.open(portOf(ports, i), dialect, `all${i}`);
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
    const isRelayed = 'isRelayed' in options && options.isRelayed === true;
    if (isRelayed) {
      await openSession(portOf(ports, 0), `all${i}`);
    }
    const port = isRelayed ? portOf(ports, 1) : portOf(ports, i);
    const opening = isRelayed ? PRELUDE : OPENING;
    const connection = await openStreaming(port, `all${i}`, opening, (piece) => {
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
      const start = performance.now();
      for (let i = 0; i < count; i += 1) {
        const early = start + i * interval - performance.now();
        if (early > 0) {
          await pause(early);
        }
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
