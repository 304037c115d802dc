/**
 * Requests to ids that no process knows, `concurrency` at a time, one process after the other: polls that open sessions, or
 * sends. A round that opens sessions lasts until those have ended.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { HttpConnection, requestOf } from './http.ts';
import { closeAll, type Load, portOf, ramp, show } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';

type Options = Extract<LoadOptions, { kind: 'opening' | 'unknown-send' }>;

export function opening({ ports }: Target, { kind, concurrency, end }: Options): Load {
  let connections: HttpConnection[] = [];
  let number = 0;
  const isDue = (status: number, body: Buffer) =>
    kind === 'opening' ? status === 200 && body.toString() === 'o\n' : status === 404;
  const next = (): Buffer => {
    number += 1;
    return kind === 'opening'
      ? requestOf(`/echo/000/new${number}/xhr`, '')
      : requestOf(`/echo/000/unknown${number}/xhr_send`, '["message"]');
  };
  const worker = (connection: HttpConnection, isLeft: () => boolean) =>
    new Promise<void>((resolve) => {
      const ask = () => {
        if (isLeft()) {
          connection.socket.write(next());
        } else {
          resolve();
        }
      };
      connection.onAnswer = (status, body) => {
        if (!isDue(status, body)) {
          throw new Error(`${kind}: got ${status} ${show(body)}`);
        }
        ask();
      };
      ask();
    });
  return {
    async open() {
      connections = await ramp(concurrency, (i) => HttpConnection.open(portOf(ports, i)));
    },
    async round(units) {
      let left = units;
      await Promise.all(connections.map((connection) => worker(connection, () => left-- > 0)));
      await pause(end);
      return units;
    },
    async close() {
      await closeAll(connections);
    },
  };
}
