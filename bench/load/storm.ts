/** All clients open a WebSocket session at once, as after a deploy, and each sends a message as soon as it is open. */
import { DIALECTS, fromServer } from './dialects.ts';
import { Gate } from './gate.ts';
import { closeAll, type Load, portOf, show, textOf } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { clientFrame, WebSocketConnection } from './websocket.ts';

type Options = Extract<LoadOptions, { kind: 'ws-storm' }>;

/**
 * Connections at a time that the server has sent nothing on. The system has room for 511 that the server has not
 * accepted; it drops more, and their clients try again after a second.
 */
const CONNECTING = 400;

export function storm(target: Target, { size }: Options): Load {
  const { ports } = target;
  const dialect = DIALECTS[target.dialect];
  const gate = new Gate(CONNECTING);
  let opened: WebSocketConnection[] = [];
  let number = 0;

  /** Opens a session, and settles when the echo of its message has come. */
  const client = async (i: number) => {
    const message = textOf(i, size);
    const answer = fromServer(dialect, message);
    await gate.enter();
    const connection = await WebSocketConnection.open(portOf(ports, i), dialect, `storm${i}`);
    gate.leave();
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
      const first = number;
      number += units;
      await Promise.all(Array.from({ length: units }, (_, i) => client(first + i)));
      return units;
    },
    async close() {
      const all = opened;
      opened = [];
      await closeAll(all);
    },
  };
}
