/** How cost and memory grow with the number of sessions and the size of messages. */
import type { ServerName } from '../servers/names.ts';
import { cpuTable, memoryTable, type Scenario } from './scenario.ts';

const SESSIONS: readonly number[] = [100, 1000, 10_000];
const SIZES: readonly [bytes: number, text: string][] = [
  [16, '16 B'],
  [1024, '1 KiB'],
  [65_536, '64 KiB'],
];

export function growth(servers: readonly ServerName[]): Scenario {
  const name = 'growth';
  return {
    name,
    async *measure(run) {
      for (const connections of SESSIONS) {
        const title = `WebSocket echo, 64 B, ${connections} sessions taking turns, 100 messages in flight`;
        const load = { kind: 'ws-echo', connections, inFlight: 100, size: 64 } as const;
        yield await cpuTable(run, { name, title, unit: 'message', servers, load });
      }
      for (const [size, text] of SIZES) {
        const title = `WebSocket echo, ${text}, 100 sessions`;
        const load = { kind: 'ws-echo', connections: 100, inFlight: 100, size } as const;
        yield await cpuTable(run, { name, title, unit: 'message', servers, load });
      }
      for (const sessions of SESSIONS) {
        const title = `Memory of an idle WebSocket session, ${sessions} of them`;
        yield await memoryTable(run, { name, title, servers, load: { kind: 'ws-idle' }, sessions, time: 'at-rest' });
      }
    },
  };
}
