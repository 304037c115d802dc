/** What a server does when thousands of clients come at once, as after a deploy. */
import type { LoadOptions } from '../load/protocol.ts';
import type { ServerName } from '../servers/names.ts';
import type { Scenario } from './scenario.ts';
import { measureSideBySide } from './side-by-side.ts';

const CLIENTS = 5000;

const SIZE = 64;

export function webSocketStorm(servers: readonly ServerName[]): Scenario {
  const title = `${CLIENTS} clients open a WebSocket session at once and send a message each`;
  return storm('ws-storm', title, { kind: 'ws-storm', size: SIZE }, servers);
}

export function streamingStorm(servers: readonly ServerName[]): Scenario {
  const title = `${CLIENTS} clients ask for \`/info\`, open an xhr-streaming session at once and send a message each`;
  return storm('streaming-storm', title, { kind: 'streaming-storm', size: SIZE }, servers);
}

/** @param load opens {@link CLIENTS} sessions in a round, and ends them when it is closed */
function storm(name: string, title: string, load: LoadOptions, servers: readonly ServerName[]): Scenario {
  const tables = {
    time: { title: `${title}: the last echo comes after`, measure: 'ms' },
    pause: { title: 'The longest pause of the event loop meanwhile', measure: 'ms' },
    cpu: { title: 'CPU of the server for each session', measure: 'CPU µs' },
  };
  return {
    name,
    measure: (run) =>
      measureSideBySide(run, name, servers, tables, async ({ server, startLoad }) => {
        const clients = await startLoad(load);
        return async () => {
          await server.ask('pause');
          const before = await server.cpu();
          const { seconds } = await clients.round(CLIENTS);
          const cpu = ((await server.cpu()) - before) / CLIENTS;
          const pause = Number(await server.ask('pause'));
          await clients.close();
          return { time: 1000 * seconds, pause, cpu };
        };
      }),
  };
}
