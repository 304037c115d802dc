/** What heartbeats of idle sessions cost, and how long the event loop stands still for them. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Run } from '../measure/run.ts';
import { SERVERS, type ServerName } from '../servers/names.ts';
import type { Scenario } from './scenario.ts';
import { type Contestant, measureContestants, type Prepare } from './side-by-side.ts';

/** The first is an idle process. */
const SESSIONS: readonly number[] = [0, 100, 1000, 15_000];

/** ms from one heartbeat to the next. */
const DELAY = 2000;

/** Periods between heartbeats in which the pauses are watched, and then as many in which CPU is counted. */
const PERIODS = 2;

const LENGTH = PERIODS * DELAY;

/** A round opens all sessions anew, and lasts 10 to 20 s for each row. */
const MAX_ROUNDS = 3;

/** ms after a round in which the sessions of streams end. Those of WebSockets end with these. */
const REST = 6000;

type Transport = 'websocket' | 'streaming';
type Sign = 'h' | 'ping';
type Figure = 'pause' | 'cpu';

export function heartbeats(name: string, transport: Transport, what: string, servers: readonly ServerName[]): Scenario {
  const of = `the heartbeats of idle ${what}, one each ${DELAY / 1000} s, due at once after a broadcast`;
  const tables = {
    pause: { title: `The longest pause of the event loop for ${of}`, measure: 'ms' },
    cpu: { title: `CPU of the server for ${of}`, measure: 'CPU µs per heartbeat' },
  };
  return {
    name,
    measure(run) {
      const contestants = servers.flatMap((server) => contestantsOf(run, server, transport));
      const reference = `ours-bare-${SESSIONS.at(-1)}`;
      const rounds = Math.min(run.options.rounds, MAX_ROUNDS);
      const settings = { heartbeatDelay: DELAY };
      return measureContestants(run, contestants, { name, tables, reference, rounds, settings });
    },
  };
}

function contestantsOf(run: Run, server: ServerName, transport: Transport): Contestant<Figure>[] {
  return SESSIONS.flatMap((connections) =>
    run.participants([server]).map((participant) => ({
      participant,
      key: `${server}-${connections}${participant.checkout.suffix}`,
      title: `${SERVERS[server].title}, ${connections === 0 ? 'no' : connections} sessions`,
      prepare: beat(transport, signOf(server, transport), connections),
    })),
  );
}

/** What a heartbeat of the server is. */
function signOf(server: ServerName, transport: Transport): Sign {
  return transport === 'streaming' || server === 'ours-bare' ? 'h' : 'ping';
}

function beat(transport: Transport, sign: Sign, connections: number): Prepare<Figure> {
  const options = { kind: 'heartbeats', transport, sign, delay: DELAY } as const;
  return async ({ server, startLoad }) => {
    const load = await startLoad({ ...options, connections: 0 });
    return async () => {
      // Only now: the heartbeats of all others would disturb the server that is measured.
      await load.open({ ...options, connections });
      await server.ask('pause');
      await load.round(LENGTH);
      const longest = Number(await server.ask('pause end'));
      if (connections === 0) {
        return { pause: longest };
      }
      const before = await server.cpu();
      const { units } = await load.round(LENGTH);
      const cpu = (await server.cpu()) - before;
      await load.close();
      await pause(transport === 'streaming' ? REST : 0);
      return { pause: longest, cpu: cpu / units };
    };
  };
}
