/** Scenarios of the drop-in beside npm `sockjs`. They run where they are named, or where `compat` is. */
import type { LoadOptions } from '../load/protocol.ts';
import { DROP_IN } from '../servers/names.ts';
import { cpuScenario, memoryScenario, type Scenario } from './scenario.ts';

/** Bytes of a message. */
const SIZE = 64;

export const COMPAT_SCENARIOS: readonly Scenario[] = [
  cpu('ws-echo', 'WebSocket echo, 100 connections, one message in flight each', 'message', {
    kind: 'ws-echo',
    connections: 100,
    inFlight: 100,
    size: SIZE,
  }),
  cpu('ws-pipelined', 'WebSocket echo, 20 connections, 50 client frames in flight each', 'message', {
    kind: 'ws-pipelined',
    connections: 20,
    depth: 50,
    size: SIZE,
  }),
  cpu('ws-broadcast', 'One message to each of 500 WebSockets, by `write()` in a loop', 'delivery', {
    kind: 'ws-broadcast',
    connections: 500,
    size: SIZE,
  }),
  cpu('streaming-broadcast', 'One message to each of 200 xhr-streaming sessions, by `write()` in a loop', 'delivery', {
    kind: 'streaming-broadcast',
    connections: 200,
    size: SIZE,
  }),
  cpu('polling-echo', 'xhr-polling echo (send and poll), 100 sessions', 'echo', {
    kind: 'polling-echo',
    connections: 100,
    size: SIZE,
  }),
  cpu('info', '`/info`, 50 keep-alive connections', 'request', { kind: 'info', connections: 50 }),
  cpu('ws-open', 'Opening and closing a WebSocket session, 20 at a time', 'session', {
    kind: 'ws-open',
    concurrency: 20,
  }),
  memory('ws-memory', 'Memory of an idle WebSocket session, 5000 of them', 'ws-idle'),
  memory('streaming-memory', 'Memory of an idle xhr-streaming session, 5000 of them', 'streaming-idle'),
];

function cpu(name: string, title: string, unit: string, load: LoadOptions): Scenario {
  return cpuScenario(`compat-${name}`, title, unit, DROP_IN, load, 'compat');
}

function memory(name: string, title: string, kind: 'ws-idle' | 'streaming-idle'): Scenario {
  return memoryScenario(`compat-${name}`, title, DROP_IN, { kind }, 5000, 'compat');
}
