/**
 * WebSocket echo at a fixed pace. Each message is due at a time of its own, and its latency counts from there: a server
 * that stands still is charged for all messages that were due meanwhile, also for those that could not be sent. The
 * connections may get broadcasts of `broadcast.ts` beside their answers.
 */
import { checkFrame, DIALECTS, startsWith } from './dialects.ts';
import { closeAll, type Load, limit, portOf, ramp, textOf } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { clientFrame, WebSocketConnection } from './websocket.ts';

type Options = Extract<LoadOptions, { kind: 'ws-paced-echo' }>;

/** An answer that is due, as it stands within a frame. */
interface Due {
  readonly answer: Buffer;
  /** When its message was to be sent. */
  readonly since: number;
}

export function pacedEcho(target: Target, { connections, size, interval, hearsBroadcasts = false }: Options): Load {
  const { ports } = target;
  const dialect = DIALECTS[target.dialect];
  const opened: { readonly connection: WebSocketConnection; readonly due: Due[] }[] = [];
  const times: number[] = [];
  let number = 0;
  let whenAnswered: () => void = () => {};

  const send = (since: number) => {
    const { connection, due } = opened[number % opened.length] ?? raise('no connection is open');
    // No broadcast begins with this letter.
    const message = `e${textOf(number, size - 1)}`;
    number += 1;
    due.push({ answer: Buffer.from(dialect.item(message)), since });
    connection.socket.write(clientFrame(dialect.toServer(message)));
  };

  return {
    times,
    async open() {
      await ramp(connections, async (i) => {
        const connection = await WebSocketConnection.open(portOf(ports, i), dialect, `paced${i}`);
        const due: Due[] = [];
        let heard = 0;
        connection.onText = (payload) => {
          const now = performance.now();
          checkFrame(dialect, payload, (rest) => {
            const broadcast = hearsBroadcasts ? Buffer.from(dialect.item(textOf(heard, size))) : undefined;
            if (broadcast !== undefined && startsWith(rest, broadcast)) {
              heard += 1;
              return broadcast;
            }
            const first = due.shift();
            if (first !== undefined) {
              times.push(now - first.since);
            }
            return first?.answer;
          });
          whenAnswered();
        };
        opened.push({ connection, due });
      });
    },
    round(units) {
      times.length = 0;
      const start = performance.now();
      let sent = 0;
      return new Promise((resolve) => {
        const isLate = limit(() => `${sent} of ${units} messages were sent, and ${times.length} came back`);
        whenAnswered = () => {
          if (times.length === units) {
            clearTimeout(isLate);
            resolve(units);
          }
        };
        const sendDue = () => {
          const now = performance.now();
          while (sent < units) {
            const since = start + (sent * interval) / connections;
            if (since > now) {
              setTimeout(sendDue, 1);
              return;
            }
            sent += 1;
            send(since);
          }
        };
        sendDue();
      });
    },
    async close() {
      await closeAll(opened.map(({ connection }) => connection));
    },
  };
}

function raise(text: string): never {
  throw new Error(text);
}
