/** Mounts of one endpoint behind a server of HTTP/2, where Express does not run. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http2';
import type { Express, NextFunction } from 'express';
import { noMiddleware } from '../contract-app.ts';
import { echo, listen, type serve } from '../test-server.ts';
import { type MountSettings, type Mounts, makeMounts } from './mounts.ts';

type Middleware = (req: IncomingMessage, res: ServerResponse, next: NextFunction) => void;

/** As `serveMounts`, over HTTP/2. Of an app, middleware finds `use()`. */
export function serveMountsOverHttp2(settings: MountSettings, onMounts: (mounts: Mounts) => void): typeof serve {
  return async (options = {}, onSession = echo, { before = noMiddleware } = {}) => {
    const mounts = await makeMounts(settings, { ...options, prefix: '/echo' }, onSession);
    onMounts(mounts);
    const chain: Middleware[] = [];
    before({ use: (middleware: Middleware) => chain.push(middleware) } as unknown as Express);
    const handle = (req: IncomingMessage, res: ServerResponse, index = 0): void => {
      const middleware = chain[index];
      if (middleware === undefined) {
        mounts.take().router(req, res);
      } else {
        middleware(req, res, () => handle(req, res, index + 1));
      }
    };
    // The types of node:http2 accept only listeners for HTTP/2, and others only servers of HTTP/1.1.
    const server = createServer(((req: IncomingMessage, res: ServerResponse) => handle(req, res)) as never);
    return listen(server as unknown as Server);
  };
}
