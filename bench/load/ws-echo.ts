/** WebSocket echo: one message in flight on some connections at a time, all of them taking turns. */
import { DIALECTS, fromServer } from './dialects.ts';
import { closeAll, type Load, ramp, show, textOf } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { clientFrame, WebSocketConnection } from './websocket.ts';

type Options = Extract<LoadOptions, { kind: 'ws-echo' }>;

/** What is sent, and what must come back. */
interface Exchange {
  readonly frame: Buffer;
  readonly answer: Buffer;
}

export function wsEcho(
  { port, dialect: dialectName }: Target,
  { connections, inFlight, size, idle = 0 }: Options,
): Load {
  const dialect = DIALECTS[dialectName];
  // A prime number of them, so that neighbours and turns differ; few where they are large.
  const exchanges: readonly Exchange[] = Array.from({ length: size > 4096 ? 17 : 211 }, (_, number) => {
    const message = textOf(number, size);
    return { frame: clientFrame(dialect.toServer(message)), answer: fromServer(dialect, message) };
  });
  const busy: WebSocketConnection[] = [];
  const silent: WebSocketConnection[] = [];
  /** A ring of the busy ones, in the order in which their last exchanges ended. */
  let free: WebSocketConnection[] = [];
  let next = 0;
  let last = 0;
  let turn = 0;

  const exchange = (connection: WebSocketConnection, whenDone: () => void) => {
    turn += 1;
    const { frame, answer } = exchanges[turn % exchanges.length] as Exchange;
    connection.onText = (payload) => {
      if (!payload.equals(answer)) {
        throw new Error(`echo: got ${show(payload)}, not ${show(answer)}`);
      }
      connection.onText = unexpected;
      whenDone();
    };
    connection.socket.write(frame);
  };

  return {
    async open() {
      busy.push(...(await ramp(connections, (i) => WebSocketConnection.open(port, dialect, `busy${i}`))));
      free = [...busy];
      silent.push(...(await ramp(idle, (i) => WebSocketConnection.open(port, dialect, `idle${i}`))));
    },
    round(units) {
      return new Promise((resolve) => {
        let started = 0;
        let done = 0;
        const step = () => {
          if (started < units) {
            started += 1;
            // Whoever has waited longest.
            const connection = free[next++ % free.length] as WebSocketConnection;
            exchange(connection, () => {
              free[last++ % free.length] = connection;
              done += 1;
              if (done === units) {
                resolve(units);
              } else {
                step();
              }
            });
          }
        };
        for (let i = 0; i < Math.min(inFlight, connections); i += 1) {
          step();
        }
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
