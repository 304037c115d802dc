/** How cost and memory grow with the number of sessions and the size of messages. */
import type { Row } from '../report/table.ts';
import type { ServerName } from '../servers/names.ts';
import { cpuTable, memoryTable, type Scenario } from './scenario.ts';
import { cpuOfVariants } from './variants.ts';

const SESSIONS: readonly number[] = [100, 1000, 15_000];
const SIZES: readonly [bytes: number, text: string][] = [
  [16, '16 B'],
  [1024, '1 KiB'],
  [65_536, '64 KiB'],
];

export function growth(servers: readonly ServerName[]): Scenario {
  const name = 'growth';
  const variants = SESSIONS.map((connections) => ({
    suffix: connections,
    title: `${connections} sessions`,
    load: { kind: 'ws-echo', connections, inFlight: 100, size: 64 } as const,
  }));
  return {
    name,
    async *measure(run) {
      const rows: Row[] = [];
      for (const server of servers) {
        rows.push(...(await cpuOfVariants(run, server, variants)));
      }
      yield {
        name: `${name}-sessions`,
        title: 'WebSocket echo, 64 B, all sessions taking turns, 100 messages in flight',
        measure: 'CPU µs per message',
        reference: `ours-bare-${SESSIONS.at(-1)}`,
        rows,
      };
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
