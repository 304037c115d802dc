/** Scenarios of the option `cluster`. They run where they are named, or where `cluster` is. */
import { BRIEF_DELAY, CLUSTERED, type ServerName } from '../servers/names.ts';
import { clusterCommands, clusterRooms, clusterStalled } from './cluster-facts.ts';
import { clusterLatency } from './cluster-latency.ts';
import { clusterMemory } from './cluster-memory.ts';
import { contest } from './contest.ts';
import type { Entrant } from './cpu-rows.ts';
import { cpuScenario, memoryScenario, type Scenario } from './scenario.ts';

/** Bytes of a message. */
const SIZE = 64;

const relayedPolling = (connections: number): Scenario => {
  const load = { kind: 'polling-echo', connections, size: SIZE } as const;
  const relayed = { ...load, isRelayed: true };
  return contest({
    name: `cluster-polling-${connections}`,
    title: `xhr-polling echo, every send and every poll at the other process, ${connections} sessions`,
    unit: 'echo',
    reference: 'pair-tcp',
    entrants: [
      { key: 'pair-tcp', server: 'pair-tcp', load: relayed },
      { key: 'pair-unix', server: 'pair-unix', load: relayed },
      { key: 'pair-owner', server: 'pair-tcp', as: ', all requests at the owner', load },
      { key: 'pair-nginx', server: 'pair-nginx', load },
      { key: 'pair-plain', server: 'pair-plain', load },
      { key: 'relay-tcp', server: 'relay-tcp', load: relayed },
      { key: 'relay-unix', server: 'relay-unix', load: relayed },
    ],
  });
};

const relayedStreaming = (): Scenario => {
  const load = { kind: 'streaming-broadcast', connections: 200, size: SIZE } as const;
  const relayed = { ...load, isRelayed: true };
  return contest({
    name: 'cluster-streaming',
    title: 'xhr-streaming broadcast to 200 sessions of one process, whose streams are at the other',
    unit: 'delivery',
    reference: 'pair-tcp',
    entrants: [
      { key: 'pair-tcp', server: 'pair-tcp', load: relayed },
      { key: 'pair-unix', server: 'pair-unix', load: relayed },
      { key: 'ours-bare', server: 'ours-bare', as: ', one process', load },
      { key: 'ours-redis', server: 'ours-redis', as: ', one process', load },
    ],
  });
};

const broadcast = (): Scenario => {
  const load = { kind: 'ws-broadcast', connections: 500, size: SIZE } as const;
  const servers: readonly ServerName[] = [
    'four',
    'four-socketio',
    'four-workers',
    'four-workers-socketio',
    'ours-bare',
  ];
  return contest({
    name: 'cluster-broadcast',
    title: 'WebSocket broadcast to 500 at four processes, sent by one of them',
    unit: 'delivery',
    reference: 'four',
    entrants: servers.map((server): Entrant => ({ key: server, server, load })),
  });
};

/** Sessions that are opened, and the same with their end. */
const opening = (): Scenario[] => {
  const load = { kind: 'opening', concurrency: 20 } as const;
  const servers: readonly ServerName[] = ['pair-brief-tcp', 'pair-brief-ioredis', 'pair-brief'];
  const of = (name: string, title: string, end: { readonly end?: number; readonly rest?: number }) =>
    contest({
      name,
      title,
      unit: 'session',
      reference: 'pair-brief-tcp',
      entrants: servers.map((server): Entrant => ({ key: server, server, load: { ...load, end: 0, rest: 0, ...end } })),
    });
  const whole = BRIEF_DELAY + 700;
  return [
    of('cluster-opening', 'Opening a session by a poll at one of two processes in turns, Redis included', {
      rest: whole,
    }),
    of('cluster-opening-and-end', 'The same with the end of the session, Redis included', { end: whole }),
  ];
};

/** What workers on one port carry. The load is on the same cores, so what counts is CPU for each message. */
const workers = (): Scenario[] => {
  const servers: readonly ServerName[] = [
    'one-worker',
    'two-workers',
    'one-worker-plain',
    'two-workers-plain',
    'sockjs-go',
  ];
  // As many for each worker: how many messages come at a time is a part of what each costs.
  const sizeOf = (server: ServerName) => (server.startsWith('one-') ? 100 : 200);
  const echo = (server: ServerName) =>
    ({ kind: 'ws-echo', connections: sizeOf(server), inFlight: sizeOf(server), size: SIZE }) as const;
  const polling = (server: ServerName) => ({ kind: 'polling-echo', connections: sizeOf(server), size: SIZE }) as const;
  return [
    contest({
      name: 'cluster-workers-echo',
      title: 'WebSocket echo on 100 connections for each worker of `node:cluster`, all on one port',
      unit: 'message',
      reference: 'two-workers',
      entrants: servers.map((server): Entrant => ({ key: server, server, load: echo(server) })),
    }),
    contest({
      name: 'cluster-workers-polling',
      title: 'xhr-polling echo of 100 sessions for each worker of `node:cluster`, each connection at any of them',
      unit: 'echo',
      reference: 'two-workers',
      entrants: [
        ...(['one-worker', 'two-workers', 'one-worker-plain', 'sockjs-go'] as const).map(
          (server): Entrant => ({ key: server, server, load: polling(server) }),
        ),
        { key: 'pair-plain', server: 'pair-plain', as: ' (sticky)', load: polling('pair-plain') },
      ],
    }),
  ];
};

/** What the option costs where no request is relayed. */
const atOwner = (): Scenario[] => {
  const servers: readonly ServerName[] = ['ours-bare', ...CLUSTERED];
  const echo = { kind: 'ws-echo', connections: 100, inFlight: 100, size: SIZE } as const;
  const polling = { kind: 'polling-echo', connections: 100, size: SIZE } as const;
  const open = { kind: 'ws-open', concurrency: 20 } as const;
  return [
    cpuScenario('cluster-owner-polling', 'xhr-polling echo, 100 sessions, one process', 'echo', servers, polling),
    cpuScenario('cluster-owner-ws-echo', 'WebSocket echo, 100 connections, one process', 'message', servers, echo),
    cpuScenario(
      'cluster-owner-ws-open',
      'Opening and closing a WebSocket session, one process',
      'session',
      servers,
      open,
    ),
    memoryScenario(
      'cluster-owner-ws-memory',
      'Memory of an idle WebSocket session',
      servers,
      { kind: 'ws-idle' },
      5000,
    ),
  ];
};

export const CLUSTER_SCENARIOS: readonly Scenario[] = [
  ...atOwner(),
  relayedPolling(32),
  relayedPolling(128),
  relayedStreaming(),
  broadcast(),
  ...workers(),
  ...opening(),
  clusterLatency('tcp'),
  clusterLatency('unix'),
  clusterMemory(),
  clusterRooms(),
  clusterCommands(),
  clusterStalled(),
];
