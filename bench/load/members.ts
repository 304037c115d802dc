/** WebSockets that join a room each. The next message to all rooms goes out when every member has the last. */
import type { Trigger } from './broadcast.ts';
import { DIALECTS, fromServer } from './dialects.ts';
import { closeAll, type Load, portOf, ramp, show } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { clientFrame, WebSocketConnection } from './websocket.ts';

type Options = Extract<LoadOptions, { kind: 'rooms' }>;

export function members({ ports }: Target, { rooms }: Options, trigger: Trigger): Load {
  const dialect = DIALECTS.sockjs;
  let connections: WebSocketConnection[] = [];
  /** Settles when all have got `text`, and rejects in the event loop for any other. */
  const allGet = (text: string) =>
    Promise.all(
      connections.map((connection) => {
        return new Promise<void>((resolve) => {
          connection.onText = (payload) => {
            if (!payload.equals(fromServer(dialect, text))) {
              throw new Error(`rooms: got ${show(payload)}, not ${text}`);
            }
            connection.onText = (more) => {
              throw new Error(`rooms: got ${show(more)} in addition`);
            };
            resolve();
          };
        });
      }),
    );
  return {
    async open() {
      connections = await ramp(rooms, (i) => WebSocketConnection.open(portOf(ports, i), dialect, `member${i}`));
      const joined = allGet('joined');
      for (const [i, { socket }] of connections.entries()) {
        socket.write(clientFrame(dialect.toServer(`room${i}`)));
      }
      await joined;
    },
    async round(units) {
      for (let i = 0; i < units; i += 1) {
        const received = allGet('news');
        trigger('news');
        await received;
      }
      return units;
    },
    async close() {
      await closeAll(connections);
    },
  };
}
