/** How much idle sessions add to the cost of busy ones: the same echo beside few and beside many idle sessions. */
import { measureCpu } from '../measure/cpu.ts';
import type { Row } from '../report/table.ts';
import { SERVERS, type ServerName } from '../servers/names.ts';
import type { Scenario } from './scenario.ts';

const FEW = 100;
const MANY = 10_000;

/** The difference is small, so fewer rounds would not show it. */
const MIN_ROUNDS = 7;

export function idleBeside(servers: readonly ServerName[]): Scenario {
  const name = 'idle-beside';
  return {
    name,
    async *measure(run) {
      const rows: Row[] = [];
      for (const server of servers) {
        const contenders = [FEW, MANY].flatMap((idle) =>
          run.participants([server]).map((participant) => ({
            name: `${server}-${idle}${participant.checkout.suffix}`,
            participant,
            load: { kind: 'ws-echo', connections: 100, inFlight: 100, size: 64, idle } as const,
          })),
        );
        const results = await measureCpu(run, contenders, Math.max(MIN_ROUNDS, run.options.rounds));
        for (const { name: key, load } of contenders) {
          const result = results.get(key);
          if (result !== undefined) {
            const title = `${SERVERS[server].title}, ${load.idle} idle`;
            rows.push({ key, title, value: result.cpu, throughput: result.throughput });
          }
        }
      }
      const title = `WebSocket echo on 100 busy connections, beside ${FEW} and ${MANY} idle sessions`;
      yield { name, title, measure: 'CPU µs per message', reference: `ours-bare-${FEW}`, rows };
    },
  };
}
