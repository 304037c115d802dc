/** Opens idle sessions. Each round opens more of them. */
import { DIALECTS } from './dialects.ts';
import { closeAll, type Load, portOf, ramp, show } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { OPENING, openStreaming } from './streaming.ts';
import { WebSocketConnection } from './websocket.ts';

type Options = Extract<LoadOptions, { kind: 'ws-idle' | 'streaming-idle' }>;

export function idle({ ports, dialect: dialectName }: Target, { kind }: Options): Load {
  const opened: { close(): unknown }[] = [];
  let number = 0;
  const openOne = async () => {
    const port = portOf(ports, number);
    const session = `idle${number++}`;
    const connection =
      kind === 'ws-idle'
        ? await WebSocketConnection.open(port, DIALECTS[dialectName], session)
        : await openStreaming(port, session, OPENING, (piece) => {
            throw new Error(`an idle session got ${show(piece)}`);
          });
    opened.push(connection);
  };
  return {
    async open() {},
    async round(units) {
      await ramp(units, openOne);
      return units;
    },
    async close() {
      await closeAll(opened.splice(0));
    },
  };
}
