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

/** @param isInside whether the WebSockets with echoes get the broadcasts as well */
export function broadcastTail(name: string, isInside: boolean, servers: readonly ServerName[]): Scenario {
  const receivers = isInside ? `them and ${RECEIVERS} others` : `${RECEIVERS} others`;
  const title = `Echo on ${BUSY} WebSockets while each second a broadcast to ${receivers} goes out`;
  const tables = {
    p50: { title: `${title}: half take at most`, measure: 'ms' },
    p99: { title: `${title}: 99 of 100 take at most`, measure: 'ms' },
    largest: { title: `${title}: the slowest takes`, measure: 'ms' },
    pause: { title: `${title}: the longest pause of the event loop meanwhile`, measure: 'ms' },
    cpu: { title: `${title}: CPU of the server for one broadcast and the echoes of a second`, measure: 'CPU ms' },
  };
  return {
    name,
    measure: (run) =>
      measureSideBySide(run, name, servers, tables, async ({ server, startLoad }) => {
        const openBusy = () =>
          startLoad({
            kind: 'ws-paced-echo',
            connections: BUSY,
            size: SIZE,
            interval: PACE,
            hearsBroadcasts: isInside,
          });
        const crowd = await startLoad({ kind: 'ws-broadcast', connections: RECEIVERS, size: SIZE, interval: EVERY });
        const inside = isInside ? await openBusy() : undefined;
        await server.ask('fix');
        const busy = inside ?? (await openBusy());
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
