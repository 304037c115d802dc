/** Requests `/info`, one request in flight on each connection. */
import { type Answer, HttpConnection, requestOf } from './http.ts';
import { closeAll, type Load, portOf, ramp, show } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';

type Options = Extract<LoadOptions, { kind: 'info' }>;

export function info({ ports }: Target, { connections }: Options): Load {
  const request = requestOf('/echo/info');
  let opened: HttpConnection[] = [];
  return {
    async open() {
      opened = await ramp(connections, (i) => HttpConnection.open(portOf(ports, i)));
    },
    round(units) {
      return new Promise((resolve) => {
        let started = 0;
        let done = 0;
        const ask = (connection: HttpConnection) => {
          if (started < units) {
            started += 1;
            connection.socket.write(request);
          }
        };
        for (const connection of opened) {
          connection.onAnswer = (status, body) => {
            expectInfo({ status, body });
            done += 1;
            if (done === units) {
              resolve(units);
            } else {
              ask(connection);
            }
          };
          ask(connection);
        }
      });
    },
    async close() {
      await closeAll(opened);
    },
  };
}

/** @throws Error for any other answer than the one that is due */
export function expectInfo({ status, body }: Answer): void {
  const { websocket, origins, cookie_needed: cookieNeeded, entropy } = JSON.parse(body.toString());
  const isRight =
    websocket === true && String(origins) === '*:*' && cookieNeeded === false && Number.isInteger(entropy);
  if (status !== 200 || !isRight) {
    throw new Error(`/info: got ${status} ${show(body)}`);
  }
}
