/** Opens and closes WebSocket sessions, `concurrency` at a time. */
import { DIALECTS } from './dialects.ts';
import { type Load, portOf } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { WebSocketConnection } from './websocket.ts';

type Options = Extract<LoadOptions, { kind: 'ws-open' }>;

export function wsOpen({ ports, dialect: dialectName }: Target, { concurrency }: Options): Load {
  const dialect = DIALECTS[dialectName];
  let number = 0;
  return {
    async open() {},
    async round(units) {
      let started = 0;
      const worker = async () => {
        while (started < units) {
          started += 1;
          const connection = await WebSocketConnection.open(portOf(ports, number), dialect, `open${number++}`);
          await connection.close();
        }
      };
      await Promise.all(Array.from({ length: concurrency }, worker));
      return units;
    },
    async close() {},
  };
}
