/** A worker: one of the processes that share the sessions of the chat. */
import { subscribe } from 'node:diagnostics_channel';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { env } from 'node:process';
import express from 'express';
import { attachUpgrade, type SockjsOptions } from '../../lib/index.ts';
import { pages } from '../pages.ts';
import { reportFailure, shutDown, withEndpoints } from '../program.ts';
import { openAdapter } from './adapter.ts';
import { type ClusterChat, createClusterChat, type ProcessInfo } from './chat.ts';
import type { EndMessage } from './primary.ts';

/** ms between two of the messages by which a process tells all pages of itself. */
const ANNOUNCE_INTERVAL = 2_000;

/** The chat of one process, and its server. */
export interface WorkerServer {
  readonly server: Server;
  readonly chat: ClusterChat;
}

/**
 * Returns the server of one process. It does not listen yet.
 *
 * @param info what the page shows of the process
 * @param cluster the option `cluster`; undefined for a process that is alone
 * @param end ends one of the processes
 */
export function createWorkerServer(
  info: ProcessInfo,
  cluster: SockjsOptions['cluster'],
  end: (pid: number) => void,
): WorkerServer {
  const chat = createClusterChat(info, { cluster, allowedOrigins: 'same-origin' });
  const app = express();
  app.disable('x-powered-by');
  app.use((req, res, next) => {
    // The page reads it of each response.
    res.set('X-Process', info.name);
    if (req.headers.upgrade === undefined) {
      // A browser would send further requests on the same connection, which stays with its process. On a new connection
      // each request goes to the next process, as behind a load balancer that takes turns.
      res.set('Connection', 'close');
    }
    next();
  });
  app.use('/sockjs', chat.router);
  app.post('/processes/:pid/end', (req, res) => {
    const isAllowed = isFromOwnPage(req);
    res.sendStatus(isAllowed ? 202 : 403);
    if (isAllowed) {
      end(Number(req.params.pid));
    }
  });
  app.use(pages(new URL('./public', import.meta.url)));

  const server = createServer(app);
  attachUpgrade(server);
  return { server: withEndpoints(server, [chat.router]), chat };
}

/**
 * Whether a page of this server has sent a request. Pages from elsewhere have another `Origin`. They may have a domain of
 * theirs lead to 127.0.0.1, and thus have the same `Origin` as `Host`; so the host must be a name of this machine.
 */
function isFromOwnPage({ headers: { origin, host = '' } }: IncomingMessage): boolean {
  return origin === `http://${host}` && /^(?:localhost|127\.0\.0\.1)(?::\d+)?$/.test(host);
}

/** Runs until SIGTERM, or until the page or the system ends it. */
export async function runWorker(): Promise<void> {
  const { DEMO_PROCESS: name = '', PORT } = env;
  // The primary tells what to do: the terminal sends its SIGINT to all processes.
  process.on('SIGINT', () => {});
  const adapter = await openAdapter();
  const { server, chat } = createWorkerServer({ name, adapter: adapter.name }, adapter.cluster, (pid) => {
    const message: EndMessage = { type: 'demo:end', pid };
    process.send?.(message);
  });
  setInterval(chat.announce, ANNOUNCE_INTERVAL).unref();
  subscribe('sockjs:cluster:node', chat.tellNodes);
  server.on('error', (error) => {
    reportFailure(error);
    process.exit(1);
  });
  chat.router.cluster?.once('status', () => {
    chat.announce();
    // Bound to the loopback interface: no other machine may end processes.
    server.listen(Number(PORT || 8080), '127.0.0.1');
  });
  process.once('SIGTERM', async () => {
    server.once('close', () => {
      adapter.close();
      process.disconnect();
    });
    await shutDown(server);
  });
}
