/** Opens idle sessions. Each round opens more of them. */
import { DIALECTS } from './dialects.ts';
import { closeAll, type Load, portOf, ramp, show } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { OPENING, openPolling, openStreaming } from './streaming.ts';
import { WebSocketConnection } from './websocket.ts';

type Options = Extract<LoadOptions, { kind: 'ws-idle' | 'streaming-idle' | 'mixed-idle' }>;

type Transport = 'websocket' | 'streaming' | 'polling';

/** The transports that sessions take in turns. */
const TRANSPORTS: Readonly<Record<Options['kind'], readonly Transport[]>> = {
  'ws-idle': ['websocket'],
  'streaming-idle': ['streaming'],
  'mixed-idle': ['websocket', 'streaming', 'polling'],
};

export function idle({ ports, dialect: dialectName }: Target, { kind }: Options): Load {
  const transports = TRANSPORTS[kind];
  const opened: { close(): unknown }[] = [];
  let number = 0;
  const openOne = async () => {
    const port = portOf(ports, number);
    const session = `idle${number}`;
    const transport = transports[number % transports.length];
    number += 1;
    if (transport === 'websocket') {
      opened.push(await WebSocketConnection.open(port, DIALECTS[dialectName], session));
    } else if (transport === 'streaming') {
      opened.push(await openStreaming(port, session, OPENING, refuse));
    } else {
      // The connection throws where its poll is answered.
      opened.push(await openPolling(port, session));
    }
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

function refuse(piece: Buffer): never {
  throw new Error(`an idle session got ${show(piece)}`);
}
