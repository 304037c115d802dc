/** What is counted, not timed: commands of Redis, messages that reach processes without members, bytes that wait. */
import { setTimeout as pause } from 'node:timers/promises';
import type { LoadOptions } from '../load/protocol.ts';
import type { LoadProcess } from '../measure/load.ts';
import { MEMORY_FLAGS, SETTLE_TIME } from '../measure/memory.ts';
import type { Run } from '../measure/run.ts';
import type { ServerProcess } from '../measure/server.ts';
import { spreadOf } from '../measure/statistics.ts';
import type { Row } from '../report/table.ts';
import { CROWD_BUFFER, CROWD_ROOMS, type ServerName } from '../servers/names.ts';
import type { Scenario } from './scenario.ts';

/** Requests whose commands are counted. A renewal now and then is among them. */
const REQUESTS = 5000;

/** Streams that are not read. */
const STREAMS = 50;

/** Measures on a server that was started with its load; each measurement on a new one. */
type Measure = (server: ServerProcess, load: LoadProcess) => Promise<Row[]>;

async function on(run: Run, name: ServerName, options: LoadOptions, measure: Measure): Promise<Row[]> {
  const rows: Row[] = [];
  for (const participant of run.participants([name])) {
    const server = await run.startServer(participant, {}, MEMORY_FLAGS);
    const load = run.startLoad(server);
    try {
      await load.open(options);
      rows.push(...(await measure(server, load)));
    } finally {
      await load.end();
      await server.end();
    }
  }
  return rows;
}

const row = (key: string, title: string, ...values: readonly number[]): Row => ({
  key,
  title,
  value: spreadOf(values),
});

/** How many commands a request costs that reaches a process which knows nothing of its session. */
export function clusterCommands(): Scenario {
  const name = 'cluster-commands';
  return {
    name,
    async *measure(run) {
      const rows: Row[] = [];
      for (const [kind, title] of [
        ['opening', 'a poll of an id that no process owns: opens a session'],
        ['unknown-send', 'a send to an id that no process owns: 404'],
      ] as const) {
        const count: Measure = async (server, load) => {
          const before = Number(await server.ask('commands'));
          await load.round(REQUESTS);
          return [row(kind, title, (Number(await server.ask('commands')) - before) / REQUESTS)];
        };
        rows.push(...(await on(run, 'pair-idle-tcp', { kind, concurrency: 20, end: 0, rest: 0 }, count)));
      }
      const title = 'Commands of Redis for a request in turns over two processes';
      yield { name, title, measure: 'commands per request', reference: '', rows };
    },
  };
}

/** Whether messages to rooms reach processes without members. */
export function clusterRooms(): Scenario {
  const name = 'cluster-rooms';
  const rounds = 5;
  const count: Measure = async (server, load) => {
    await server.ask('all synced');
    const before = await receivedOf(server);
    await load.round(rounds);
    const received = (await receivedOf(server)).map((each, i) => (each - (before[i] ?? 0)) / rounds);
    const [own = 0, ...others] = received;
    const due = CROWD_ROOMS / received.length;
    return [
      row('sender', 'the process that sends', own),
      row('other', 'each of the others, which has members of 125 rooms', ...others),
      row(
        'in-vain',
        'beyond those with members, all processes together',
        others.reduce((sum, each) => sum + each - due, own),
      ),
    ];
  };
  return {
    name,
    async *measure(run) {
      const rows = await on(run, 'eight-crowd', { kind: 'rooms', rooms: CROWD_ROOMS }, count);
      const title = `One message to each of ${CROWD_ROOMS} rooms, each with a member at one of eight processes`;
      yield { name, title, measure: 'messages from other processes', reference: '', rows };
    },
  };
}

async function receivedOf(server: ServerProcess): Promise<number[]> {
  const all: string[] = JSON.parse(await server.ask('all stats'));
  return all.map((stats) => JSON.parse(stats).cluster.broadcastsIn);
}

/** What waits at owner and requester for clients that do not read. */
export function clusterStalled(): Scenario {
  const name = 'cluster-stalled';
  const measure: Measure = async (server, load) => {
    const read = async () => {
      await pause(SETTLE_TIME);
      await server.releaseMemory();
      const held: string[] = JSON.parse(await server.ask('all held'));
      return held.map((bytes) => Number(bytes) / 1024);
    };
    const before = await read();
    const buffered: number[] = JSON.parse(await server.ask('at 0 fill'));
    const grown = (await read()).map((size, i) => (size - (before[i] ?? 0)) / STREAMS);
    const early = Number(await server.ask('at 0 drained'));
    await load.round(1);
    let late = 0;
    for (let seconds = 0; seconds < 30 && late < STREAMS; seconds += 1) {
      await pause(1000);
      late = Number(await server.ask('at 0 drained'));
    }
    return [
      row('buffered', 'KiB by bufferedAmount', ...buffered.map((bytes) => bytes / 1024)),
      row('owner', 'KiB held, for each stream, at the owner', grown[0] ?? Number.NaN),
      row('requester', 'KiB held, for each stream, at the other process', grown.at(-1) ?? Number.NaN),
      row('early', 'part of `drained()` that settled before it was due', early / STREAMS),
      row('waiting', 'part of `drained()` that did not settle 30 s after that', 1 - late / STREAMS),
    ];
  };
  const overfill: Measure = async (server) => {
    await server.ask('at 0 fill');
    return [
      row(
        'open',
        'part of the sessions not closed by 1013 beyond the limit',
        1 - Number(await server.ask('at 0 overfill')) / STREAMS,
      ),
    ];
  };
  return {
    name,
    async *measure(run) {
      const load = { kind: 'stalled-streams', connections: STREAMS } as const;
      const rows = [...(await on(run, 'pair-crowd', load, measure)), ...(await on(run, 'pair-crowd', load, overfill))];
      const title = `${STREAMS} relayed streams that are not read, filled up to \`maxSendBuffer\` of ${CROWD_BUFFER / 1024} KiB`;
      yield { name, title, measure: 'value', reference: '', rows };
    },
  };
}
