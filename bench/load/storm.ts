/** All clients open a WebSocket session at once, as after a deploy, and each sends a message as soon as it is open. */
import { DIALECTS, fromServer } from './dialects.ts';
import { closeAll, type Load, portOf, show, textOf } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { clientFrame, WebSocketConnection } from './websocket.ts';

type Options = Extract<LoadOptions, { kind: 'ws-storm' }>;

/**
 * Connections that wait for the system of the server at a time. It has room for 511 that the server has not accepted; it
 * drops more, and their clients try again after a second.
 */
const CONNECTING = 400;

export function storm(target: Target, { size }: Options): Load {
  const { ports } = target;
  const dialect = DIALECTS[target.dialect];
  let opened: WebSocketConnection[] = [];
  let number = 0;

  /** Opens a session, and settles when the echo of its message has come. Calls back once it is connected. */
  const open = async (whenConnected: () => void) => {
    const i = number++;
    const message = textOf(i, size);
    const answer = fromServer(dialect, message);
    const connection = await WebSocketConnection.open(portOf(ports, i), dialect, `storm${i}`, whenConnected);
    opened.push(connection);
    await new Promise<void>((resolve) => {
      connection.onText = (payload) => {
        if (!payload.equals(answer)) {
          throw new Error(`echo: got ${show(payload)}, not ${show(answer)}`);
        }
        resolve();
      };
      connection.socket.write(clientFrame(dialect.toServer(message)));
    });
  };

  return {
    async open() {},
    async round(units) {
      const echoes: Promise<void>[] = [];
      await new Promise<void>((resolve) => {
        const next = () => {
          if (echoes.length < units) {
            echoes.push(open(next));
          } else {
            resolve();
          }
        };
        for (let i = 0; i < Math.min(CONNECTING, units); i += 1) {
          next();
        }
      });
      await Promise.all(echoes);
      return units;
    },
    async close() {
      const all = opened;
      opened = [];
      await closeAll(all);
    },
  };
}
