/**
 * Idle sessions that get heartbeats. All get a message first, so that a server which counts heartbeats from the last
 * message has all of them due at once. A round lasts so many ms, and its units are the heartbeats that came.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { DIALECTS, fromServer } from './dialects.ts';
import { closeAll, type Load, portOf, ramp, show, textOf } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { OPENING, openStreaming } from './streaming.ts';
import { PONG_FRAME, WebSocketConnection } from './websocket.ts';

type Options = Extract<LoadOptions, { kind: 'heartbeats' }>;

/** Bytes of the message. */
const SIZE = 64;

/** The next session. The ids of a load differ from those of the loads before it, which the server may still know. */
let number = 0;

export function heartbeats(target: Target, options: Options, broadcast: (message: string) => void): Load {
  const { ports } = target;
  const { transport, connections, sign, delay } = options;
  const dialect = DIALECTS[target.dialect];
  const message = textOf(number, SIZE);
  const sessions: Session[] = [];
  const opened: { close(): unknown }[] = [];
  let left = connections;
  let whenReceived: () => void = () => {};

  const session = (): Session => {
    const made = new Session(sign, fromServer(dialect, message).toString(), () => {
      left -= 1;
      if (left === 0) {
        whenReceived();
      }
    });
    sessions.push(made);
    return made;
  };

  const openWebSocket = async () => {
    const i = number++;
    const made = session();
    const connection = await WebSocketConnection.open(portOf(ports, i), dialect, `beat${i}`, (opening) => {
      opening.onText = (payload) => made.onText(payload.toString());
      opening.onPing = (payload) => {
        made.onPing(payload);
        opening.socket.write(PONG_FRAME);
      };
    });
    opened.push({
      close() {
        // Nothing may follow the close frame.
        connection.onPing = () => {};
        return connection.close();
      },
    });
  };

  const openStream = async () => {
    const i = number++;
    const made = session();
    let line = '';
    const onPiece = (piece: Buffer) => {
      line += piece.toString('latin1');
      if (line.endsWith('\n')) {
        const text = line.slice(0, -1);
        line = '';
        made.onText(text);
      }
    };
    opened.push(await openStreaming(portOf(ports, i), `beat${i}`, OPENING, onPiece));
  };

  return {
    async open() {
      await ramp(connections, transport === 'websocket' ? openWebSocket : openStream);
      if (connections > 0) {
        await new Promise<void>((resolve) => {
          whenReceived = resolve;
          broadcast(message);
        });
      }
    },
    async round(ms) {
      const start = performance.now();
      for (const one of sessions) {
        one.reset();
      }
      await pause(ms);
      const periods = (performance.now() - start) / delay;
      return sessions.reduce((sum, one) => sum + one.count(periods), 0);
    },
    async close() {
      await closeAll(opened);
    },
  };
}

/** Checks what one session gets: one message, and heartbeats. */
class Session {
  readonly #sign: Options['sign'];
  readonly #message: string;
  readonly #onMessage: () => void;
  #hasMessage = false;
  #texts = 0;
  #pings = 0;

  constructor(sign: Options['sign'], message: string, onMessage: () => void) {
    this.#sign = sign;
    this.#message = message;
    this.#onMessage = onMessage;
  }

  onText(text: string): void {
    if (this.#sign === 'h' && text === 'h') {
      this.#texts += 1;
    } else if (text === this.#message && !this.#hasMessage) {
      this.#hasMessage = true;
      this.#onMessage();
    } else {
      throw new Error(`an idle session got ${JSON.stringify(text)}`);
    }
  }

  onPing(payload: Buffer): void {
    if (payload.length > 0) {
      throw new Error(`a ping with ${show(payload)}`);
    }
    this.#pings += 1;
  }

  reset(): void {
    this.#texts = 0;
    this.#pings = 0;
  }

  /**
   * Returns how many heartbeats came since `reset()`.
   *
   * @throws Error if those are more or fewer than a server sends in so many periods. One may be late by a whole period
   */
  count(periods: number): number {
    const count = this.#sign === 'ping' ? this.#pings : this.#texts;
    const most = Math.floor(periods) + 1;
    if (count < Math.floor(periods) - 1 || count > most || this.#pings > most) {
      throw new Error(`${count} heartbeats and ${this.#pings} pings in ${periods.toFixed(2)} periods`);
    }
    return count;
  }
}
