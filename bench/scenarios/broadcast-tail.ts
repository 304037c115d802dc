/** What a broadcast to thousands costs those who wait: the latency of echoes meanwhile, and how long the event loop stands still. */
import { latenciesOf } from '../measure/statistics.ts';
import type { ServerName } from '../servers/names.ts';
import type { Scenario } from './scenario.ts';
import { measureSideBySide } from './side-by-side.ts';

/** WebSockets that get the broadcasts. A process of the load reads them all. */
const RECEIVERS = 8000;

/** ms from one broadcast to the next. */
const EVERY = 1000;

/** Broadcasts of a round. */
const BROADCASTS = 5;

/** WebSockets with echoes, read by another process. */
const BUSY = 50;

/** ms from one message of a busy WebSocket to the next. */
const PACE = 20;

const ECHOES = (BUSY * BROADCASTS * EVERY) / PACE;

const SIZE = 64;

export function broadcastTail(servers: readonly ServerName[]): Scenario {
  const name = 'broadcast-tail';
  const title = `Echo on ${BUSY} WebSockets while each second a broadcast to ${RECEIVERS} others goes out`;
  const tables = {
    p50: { title: `${title}: half take at most`, measure: 'ms' },
    p99: { title: `${title}: 99 of 100 take at most`, measure: 'ms' },
    largest: { title: `${title}: the slowest takes`, measure: 'ms' },
    pause: { title: 'The longest pause of the event loop meanwhile', measure: 'ms' },
    cpu: { title: 'CPU of the server for one broadcast and the echoes of a second', measure: 'CPU ms' },
  };
  return {
    name,
    measure: (run) =>
      measureSideBySide(run, name, servers, tables, async ({ server, startLoad }) => {
        const crowd = await startLoad({ kind: 'ws-broadcast', connections: RECEIVERS, size: SIZE, interval: EVERY });
        await server.ask('fix');
        const busy = await startLoad({ kind: 'ws-paced-echo', connections: BUSY, size: SIZE, interval: PACE });
        return async () => {
          await server.ask('pause');
          const before = await server.cpu();
          const [{ times }] = await Promise.all([busy.round(ECHOES), crowd.round(BROADCASTS * RECEIVERS)]);
          const cpu = ((await server.cpu()) - before) / 1000 / BROADCASTS;
          return { ...latenciesOf(times), pause: Number(await server.ask('pause')), cpu };
        };
      }),
  };
}
