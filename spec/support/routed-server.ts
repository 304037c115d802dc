/** A test server with access to its router. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import express, { type Express } from 'express';
import {
  attachUpgrade,
  type Session,
  type SessionHandler,
  type SockjsOptions,
  type SockjsRouter,
  sockjs,
} from '../../lib/index.ts';
import { listen, sessionCatcher, type TestServer } from './test-server.ts';

export interface RoutedServer extends TestServer {
  /** The server's address, with the mount path. */
  readonly url: string;
  readonly router: SockjsRouter;
  /** Settles with the next session, in the order in which they open. */
  next(): Promise<Session>;
  /** Stops listening. Settles when all connections have ended. */
  end(): Promise<void>;
}

/** Serves one endpoint at `/echo`, on a server that never closes an idle keep-alive connection. */
export async function serveRouter(
  options: SockjsOptions = {},
  { onSession, before }: { onSession?: SessionHandler; before?: (app: Express) => void } = {},
): Promise<RoutedServer> {
  const sessions = sessionCatcher();
  const router = sockjs(options, (session) => {
    sessions.onSession(session);
    return onSession?.(session);
  });
  const app = express();
  before?.(app);
  app.use('/echo', router);
  const server = createServer({ keepAliveTimeout: 0 }, app);
  attachUpgrade(server);
  const listening = await listen(server);
  return {
    ...listening,
    url: `${listening.origin}/echo`,
    router,
    next: sessions.next,
    end: async () => {
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}
