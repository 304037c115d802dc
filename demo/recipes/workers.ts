/** Two processes with a bus between them. Each has its own port, for a proxy with sticky sessions. */
import cluster from 'node:cluster';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { attachUpgrade, sockjs } from 'express-sockjs';

/** The port of the first process. 0 means free ports. */
const { PORT = '3001' } = process.env;

cluster.isPrimary ? runPrimary(2) : runWorker();

function runPrimary(count: number): void {
  let isEnding = false;
  const workers = () => Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
  const start = (index: number): void => {
    if (!isEnding) {
      const worker = cluster.fork({ PORT: PORT === '0' ? '0' : String(Number(PORT) + index) });
      worker.on('exit', () => setTimeout(start, 1_000, index));
    }
  };
  for (let index = 0; index < count; index += 1) {
    start(index);
  }
  // The bus: each worker gets what the others publish.
  cluster.on('message', (sender, message) => {
    for (const worker of workers().filter((worker) => worker !== sender && worker.isConnected())) {
      worker.send(message);
    }
  });
  process.once('SIGTERM', () => {
    isEnding = true;
    for (const worker of workers()) {
      worker.process.kill('SIGTERM');
    }
  });
}

function runWorker(): void {
  const limits = { allowedOrigins: 'same-origin', maxMessageSize: 4_096, maxSessions: 10_000 } as const;
  const chat = sockjs(limits, (session) => {
    session.send(`You are on process ${process.pid}`);
    session.on('message', (message) => {
      chat.broadcast(message);
      process.send?.(message);
    });
  });
  process.on('message', (message) => chat.broadcast(String(message)));

  const app = express().set('trust proxy', 'loopback').use('/chat', chat);
  const server = createServer(app);
  attachUpgrade(server);
  // Exclusive: otherwise the primary would accept the connections, and give both workers the same free port.
  server.listen({ port: Number(PORT), host: '127.0.0.1', exclusive: true }, () => {
    console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  });
  process.once('SIGTERM', async () => {
    await chat.close({ timeout: 10_000 });
    server.close(() => process.disconnect());
    setTimeout(() => server.closeAllConnections(), 5_000).unref();
  });
}
