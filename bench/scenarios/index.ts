/** All scenarios, in the order in which they run. */
import { CLUSTERED, OURS, type ServerName } from '../servers/names.ts';
import { broadcastTail } from './broadcast-tail.ts';
import { ESCAPES } from './escapes.ts';
import { growth } from './growth.ts';
import { heartbeats } from './heartbeats.ts';
import { httpOpen } from './http-open.ts';
import { idleBeside } from './idle-beside.ts';
import { LARGE } from './large.ts';
import { mixedMemory } from './mixed-memory.ts';
import { cpuScenario, memoryScenario, type Scenario } from './scenario.ts';
import { startUp } from './start-up.ts';
import { streamingStorm, webSocketStorm } from './storm.ts';

const WEBSOCKET: readonly ServerName[] = [...OURS, ...CLUSTERED, 'ws', 'sockjs', 'engine', 'sockjs-go'];
const BROADCAST: readonly ServerName[] = [...OURS, ...CLUSTERED, 'ws', 'prepared', 'sockjs', 'engine', 'sockjs-go'];
const HTTP: readonly ServerName[] = [...OURS, ...CLUSTERED, 'http', 'express', 'sockjs', 'sockjs-go'];
const STREAMING: readonly ServerName[] = [...OURS, ...CLUSTERED, 'held', 'held-express', 'sockjs', 'sockjs-go'];
const STREAMING_BROADCAST: readonly ServerName[] = [...OURS, ...CLUSTERED, 'prepared', 'sockjs', 'sockjs-go'];

/** Those that talk TLS with the certificate of the run. */
const SECURE = { isSecure: true } as const;
const SECURE_WEBSOCKET: readonly ServerName[] = [...OURS, 'ws', 'sockjs', 'engine'];
const SECURE_HTTP: readonly ServerName[] = [...OURS, 'http', 'express', 'sockjs'];

/** Those that broadcast in a process whose event loop can be watched. */
const TAILS: readonly ServerName[] = [...OURS, 'ws', 'sockjs', 'engine'];

/** For sessions that open over HTTP. */
const HTTP_STORM: readonly ServerName[] = [...OURS, 'express', 'sockjs'];
const HTTP_OPENINGS: readonly ServerName[] = [...OURS, 'express', 'express-headed', 'sockjs'];

/** Bytes of a message, unless a scenario says otherwise. */
const SIZE = 64;

export const SCENARIOS: readonly Scenario[] = [
  cpuScenario('ws-echo', 'WebSocket echo, 100 connections, one message in flight each', 'message', WEBSOCKET, {
    kind: 'ws-echo',
    connections: 100,
    inFlight: 100,
    size: SIZE,
  }),
  cpuScenario('ws-pipelined', 'WebSocket echo, 20 connections, 50 client frames in flight each', 'message', WEBSOCKET, {
    kind: 'ws-pipelined',
    connections: 20,
    depth: 50,
    size: SIZE,
  }),
  cpuScenario('ws-broadcast', 'WebSocket broadcast to 500, one message at a time', 'delivery', BROADCAST, {
    kind: 'ws-broadcast',
    connections: 500,
    size: SIZE,
  }),
  cpuScenario(
    'streaming-broadcast',
    'xhr-streaming broadcast to 200, one message at a time',
    'delivery',
    STREAMING_BROADCAST,
    {
      kind: 'streaming-broadcast',
      connections: 200,
      size: SIZE,
    },
  ),
  cpuScenario('polling-echo', 'xhr-polling echo (send and poll), 100 sessions', 'echo', HTTP, {
    kind: 'polling-echo',
    connections: 100,
    size: SIZE,
  }),
  cpuScenario('info', '`/info`, 50 keep-alive connections', 'request', HTTP, { kind: 'info', connections: 50 }),
  cpuScenario('ws-open', 'Opening and closing a WebSocket session, 20 at a time', 'session', WEBSOCKET, {
    kind: 'ws-open',
    concurrency: 20,
  }),
  httpOpen(HTTP_OPENINGS),
  LARGE,
  ESCAPES,
  cpuScenario(
    'ws-echo-escapes',
    'WebSocket echo of 1 KiB, of ten characters one is a quote, one not ASCII',
    'message',
    [...OURS, 'ws-json', 'ws', 'sockjs', 'engine'],
    { kind: 'ws-echo', connections: 100, inFlight: 100, size: 1024, text: 'both' },
  ),
  cpuScenario(
    'tls-ws-echo',
    'WebSocket echo over TLS, 100 connections, one message in flight each',
    'message',
    SECURE_WEBSOCKET,
    { kind: 'ws-echo', connections: 100, inFlight: 100, size: SIZE },
    'ours-bare',
    SECURE,
  ),
  cpuScenario(
    'tls-polling-echo',
    'xhr-polling echo (send and poll) over TLS, 100 sessions',
    'echo',
    SECURE_HTTP,
    { kind: 'polling-echo', connections: 100, size: SIZE },
    'ours-bare',
    SECURE,
  ),
  broadcastTail('broadcast-tail', false, TAILS),
  broadcastTail('broadcast-tail-inside', true, TAILS),
  webSocketStorm(TAILS),
  streamingStorm(HTTP_STORM),
  memoryScenario(
    'ws-memory',
    'Memory of an idle WebSocket session, 5000 of them',
    WEBSOCKET,
    { kind: 'ws-idle' },
    5000,
  ),
  memoryScenario(
    'streaming-memory',
    'Memory of an idle xhr-streaming session, 5000 of them',
    STREAMING,
    { kind: 'streaming-idle' },
    5000,
  ),
  mixedMemory([...OURS, 'held', 'held-express', 'sockjs']),
  startUp(),
  heartbeats('heartbeats', 'websocket', 'WebSockets', ['ours-bare', 'ws', 'sockjs']),
  heartbeats('heartbeats-streaming', 'streaming', 'streams', ['ours-bare', 'sockjs']),
  idleBeside(OURS),
  growth(['ours-bare', 'ws', 'sockjs']),
];
