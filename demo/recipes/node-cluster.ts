/** Workers on one port, which share their sessions: one machine, without Redis and without sticky sessions. */
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import express from 'express';
import { attachUpgrade, sockjs } from 'express-sockjs';
import { nodeCluster, setupPrimary } from 'express-sockjs/cluster';

const { PORT = '8080', WORKERS = String(availableParallelism()) } = process.env;

cluster.isPrimary ? runPrimary(Number(WORKERS)) : runWorker();

function runPrimary(count: number): void {
  setupPrimary(); // Before the first fork.
  let isEnding = false;
  let running = 0;
  const start = (): void => {
    if (!isEnding) {
      running += 1;
      const worker = cluster.fork();
      worker.on('exit', () => {
        running -= 1;
        // One that has died is replaced. Clients of its sessions come back to another worker.
        setTimeout(start, 1_000);
        endWithLast();
      });
      worker.on('message', ({ failure }) => {
        if (failure !== undefined && !isEnding) {
          console.error(failure); // Once: the others fail as well, and so would those that replace them.
          process.exitCode = 1;
          end();
        }
      });
    }
  };
  const endWithLast = (): void => {
    if (isEnding && running === 0) {
      // It removes the sockets of the workers. A process manager has a channel to it, which would keep it alive.
      process.exit();
    }
  };
  for (let started = 0; started < count; started += 1) {
    start();
  }
  const end = (): void => {
    isEnding = true;
    for (const worker of Object.values(cluster.workers ?? {})) {
      worker?.process.kill('SIGTERM');
    }
    endWithLast();
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
}

function runWorker(): void {
  const shared = { cluster: nodeCluster({ name: 'chat' }) };
  const limits = {
    allowedOrigins: 'same-origin',
    maxMessageSize: 4_096,
    maxSessions: 10_000,
    maxSessionsPerClient: 20,
  } as const;
  const chat = sockjs({ ...shared, ...limits }, (session) => {
    session.send(`You are on process ${process.pid}`);
    session.on('message', (message) => chat.broadcast(message)); // To the sessions of all workers.
  });

  const server = createServer(express().set('trust proxy', 'loopback').use('/chat', chat));
  attachUpgrade(server);
  let isEnding = false;
  let answered: Promise<void> | undefined;
  const listen = async (): Promise<void> => {
    try {
      await once(server.listen(Number(PORT), '127.0.0.1'), 'listening');
      console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    } catch (error) {
      process.send?.({ failure: (error as Error).message }); // Such as that the port is taken.
    }
  };
  chat.cluster?.once('status', () => {
    // A worker that listens only now gets no request that it would have to refuse.
    answered = isEnding ? undefined : listen();
  });
  const end = async (): Promise<void> => {
    if (isEnding) {
      return; // The primary tells a worker to end that was told already.
    }
    isEnding = true;
    await answered; // Node throws where a server is closed before the primary has said that it cannot listen.
    const closed = once(server, 'close');
    server.close(); // First, so that new requests go to the other workers.
    await chat.close({ timeout: 10_000 });
    // Other responses get 5 s. Then the worker leaves its primary, and ends.
    setTimeout(() => server.closeAllConnections(), 5_000).unref();
    await closed;
    process.disconnect();
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', () => {}); // The terminal tells the worker, too. The primary tells it what to do.
}
