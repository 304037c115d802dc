/** WebSocket echo. A number of connections have one message in flight each, and all connections take turns. */
import { escapedText } from '../servers/escaped-text.ts';
import { DIALECTS, fromServer, isSameMessage } from './dialects.ts';
import { closeAll, type Load, portOf, ramp, show, textOf } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { clientFrame, WebSocketConnection } from './websocket.ts';

type Options = Extract<LoadOptions, { kind: 'ws-echo' }>;

/** A frame to send, and the frame that must come back. */
interface Exchange {
  readonly frame: Buffer;
  readonly answer: Buffer;
  readonly message: string;
}

/**
 * Messages that differ. The number is prime, so neighbours and turns get different messages. It is small for large
 * messages, to save memory.
 */
function messagesOf(size: number): number {
  if (size > 65_536) {
    return 5;
  }
  return size > 4096 ? 17 : 211;
}

export function wsEcho(
  { ports, dialect: dialectName }: Target,
  { connections, inFlight, size, text, idle = 0 }: Options,
): Load {
  const dialect = DIALECTS[dialectName];
  const exchanges: readonly Exchange[] = Array.from({ length: messagesOf(size) }, (_, number) => {
    const message = text === undefined ? textOf(number, size) : escapedText(number, size, text);
    return { frame: clientFrame(dialect.toServer(message)), answer: fromServer(dialect, message), message };
  });
  const busy: WebSocketConnection[] = [];
  const silent: WebSocketConnection[] = [];
  let next = 0;
  let turn = 0;

  const exchange = (connection: WebSocketConnection, whenDone: () => void) => {
    turn += 1;
    const { frame, answer, message } = exchanges[turn % exchanges.length] as Exchange;
    connection.onText = (payload) => {
      // Servers may escape more than they must.
      const isEcho = payload.equals(answer) || (text !== undefined && isSameMessage(dialect, payload, message));
      if (!isEcho) {
        throw new Error(`echo: got ${show(payload)}, not ${show(answer)}`);
      }
      connection.onText = unexpected;
      whenDone();
    };
    connection.socket.write(frame);
  };

  return {
    async open() {
      busy.push(...(await ramp(connections, (i) => WebSocketConnection.open(portOf(ports, i), dialect, `busy${i}`))));
      silent.push(...(await ramp(idle, (i) => WebSocketConnection.open(portOf(ports, i), dialect, `idle${i}`))));
    },
    round(units) {
      return new Promise((resolve) => {
        let left = units;
        let due = 0;
        // Sends a batch, and the next when all responses are back. Every server has the same number of messages to
        // handle at a time, so none gains by letting messages queue up.
        const batch = () => {
          due = Math.min(inFlight, connections, left);
          left -= due;
          for (let i = due; i > 0; i -= 1) {
            exchange(busy[next++ % busy.length] as WebSocketConnection, () => {
              due -= 1;
              if (due === 0 && left > 0) {
                batch();
              } else if (due === 0) {
                resolve(units);
              }
            });
          }
        };
        batch();
      });
    },
    async close() {
      await closeAll([...busy, ...silent]);
    },
  };
}

function unexpected(payload: Buffer): never {
  throw new Error(`echo: got ${show(payload)} when nothing was due`);
}
