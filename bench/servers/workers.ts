/** Workers of `node:cluster` on one port as one server. The primary, whose cost counts, gives them connections in turns. */
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createAdapter, setupPrimary as setupSocketio } from '@socket.io/cluster-adapter';
import { Server as Socketio } from 'socket.io';
import { nodeCluster, setupPrimary } from '../../lib/cluster.ts';
import { attachUpgrade } from '../../lib/index.ts';
import { linked } from './member-links.ts';
import { echo } from './ours.ts';
import { control, cpu, LONG } from './program.ts';
import { SOCKETIO_OPTIONS } from './socketio-options.ts';
import type { WorkersSettings } from './workers-settings.ts';

/** What primary and workers say to each other, beside what the packages say. */
type Message = { readonly bench: 'cpu' | 'broadcast' | 'ready'; readonly text?: string; readonly value?: number };

type Broadcast = (message: string) => unknown;

async function runPrimary({ kind, count }: WorkersSettings): Promise<void> {
  if (kind === 'cluster') {
    setupPrimary();
  } else if (kind === 'socketio') {
    cluster.setupPrimary({ serialization: 'advanced' });
    setupSocketio();
  }
  // Ends the workers, too.
  cluster.on('exit', () => process.exit(1));
  const workers = Array.from({ length: count }, () => cluster.fork());
  const ports = await Promise.all(workers.map((worker) => answerOf(worker, 'ready')));
  console.log(JSON.stringify({ port: ports[0], pids: [process.pid, ...workers.map(({ process: { pid } }) => pid)] }));
  control({
    cpu: async () => {
      const costs = workers.map((worker) => {
        worker.send({ bench: 'cpu' } satisfies Message);
        return answerOf(worker, 'cpu');
      });
      return (await Promise.all(costs)).reduce((sum, cost) => sum + cost, cpu());
    },
    broadcast: (text) => {
      workers[0]?.send({ bench: 'broadcast', text } satisfies Message);
    },
  });
}

function answerOf(worker: Worker, to: Message['bench']): Promise<number> {
  return new Promise((resolve) => {
    const listen = (message: Message) => {
      if (message.bench === to) {
        worker.off('message', listen);
        resolve(message.value ?? 0);
      }
    };
    worker.on('message', listen);
  });
}

async function runWorker({ kind, count }: WorkersSettings): Promise<void> {
  const server = createServer();
  server.keepAliveTimeout = LONG;
  const broadcast = kind === 'socketio' ? serveSocketio(server) : await serveOurs(server, kind, count - 1);
  process.on('message', (message: Message) => {
    if (message.bench === 'cpu') {
      tell({ bench: 'cpu', value: cpu() });
    } else if (message.bench === 'broadcast') {
      broadcast(message.text ?? '');
    }
  });
  process.on('disconnect', () => process.exit(0));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  tell({ bench: 'ready', value: (server.address() as { port: number }).port });
}

function tell(message: Message): void {
  process.send?.(message);
}

function serveSocketio(server: Server): Broadcast {
  const io = new Socketio(server, { ...SOCKETIO_OPTIONS, adapter: createAdapter() });
  return (message) => io.emit('message', message);
}

/** Settles once this worker is linked with all others. */
async function serveOurs(server: Server, kind: WorkersSettings['kind'], others: number): Promise<Broadcast> {
  const router = echo({ prefix: '/echo', ...(kind === 'cluster' ? { cluster: nodeCluster({ name: 'echo' }) } : {}) });
  server.on('request', router);
  attachUpgrade(server);
  await linked(router, others);
  return (message) => router.broadcast(message);
}

void (cluster.isPrimary ? runPrimary : runWorker)(JSON.parse(process.argv[2] ?? ''));
