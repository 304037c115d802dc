/** How much idle sessions add to the cost of busy ones: the same echo beside few and beside many idle sessions. */
import type { Row } from '../report/table.ts';
import type { ServerName } from '../servers/names.ts';
import type { Scenario } from './scenario.ts';
import { cpuOfVariants } from './variants.ts';

const FEW = 100;
const MANY = 10_000;

export function idleBeside(servers: readonly ServerName[]): Scenario {
  const name = 'idle-beside';
  const variants = [FEW, MANY].map((idle) => ({
    suffix: idle,
    title: `${idle} idle`,
    load: { kind: 'ws-echo', connections: 100, inFlight: 100, size: 64, idle } as const,
  }));
  return {
    name,
    async *measure(run) {
      const rows: Row[] = [];
      for (const server of servers) {
        rows.push(...(await cpuOfVariants(run, server, variants)));
      }
      const title = `WebSocket echo on 100 busy connections, beside ${FEW} and ${MANY} idle sessions`;
      yield { name, title, measure: 'CPU µs per message', reference: `ours-bare-${FEW}`, rows };
    },
  };
}
