/** What a client costs that comes, says one thing and goes: `/info`, open, first message and close, over each HTTP transport. */
import { HTTP_TRANSPORT_NAMES } from '../load/protocol.ts';
import type { ServerName } from '../servers/names.ts';
import { cpuTable, type Scenario } from './scenario.ts';

/** Yields a table for each transport, named `http-open-<transport>`. */
export function httpOpen(servers: readonly ServerName[]): Scenario {
  const name = 'http-open';
  return {
    name,
    async *measure(run) {
      for (const transport of HTTP_TRANSPORT_NAMES) {
        yield await cpuTable(run, {
          name: `${name}-${transport}`,
          title: `\`/info\`, open, one message and its echo, close, over ${transport}, 20 clients on keep-alive connections`,
          unit: 'session',
          servers,
          load: { kind: 'http-open', transport, concurrency: 20, size: 64 },
        });
      }
    },
  };
}
