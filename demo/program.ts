/** What the programs here have in common: they listen on `PORT`, say where, and end when they are told to. */
import { realpathSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { argv, env } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { SockjsRouter } from '../lib/index.ts';

/** The SockJS endpoints of each server, which are closed before the program ends. */
const endpoints = new WeakMap<Server, readonly SockjsRouter[]>();

/** Tells which endpoints a server has; returns the server. */
export function withEndpoints(server: Server, routers: readonly SockjsRouter[]): Server {
  endpoints.set(server, routers);
  return server;
}

/** ms that clients have to take what is queued for them, and that other answers under way have to end. */
const GRACE = 2_000;

/**
 * Runs a server if its module is the program that was started, and not one that another imports.
 *
 * @param moduleUrl `import.meta.url` of the caller
 * @param defaultPort the port to listen on where `PORT` is not set; 0 in `PORT` stands for any free one
 */
export function runProgram(moduleUrl: string, createServer: () => Server, defaultPort: number): void {
  if (argv[1] === undefined || realpathSync(argv[1]) !== fileURLToPath(moduleUrl)) {
    return;
  }
  const server = createServer();
  server.on('listening', () => {
    console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}/`);
  });
  server.on('error', (error) => {
    console.error(`${error.message}; PORT=… chooses another port`);
    process.exitCode = 1;
  });
  const { PORT } = env;
  server.listen(Number(PORT || defaultPort));

  // The process ends by itself when nothing is left. A second signal ends it at once.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      // Polls still have to come in to fetch what is queued, so the server listens until the sessions are over.
      await Promise.all((endpoints.get(server) ?? []).map((router) => router.close({ timeout: GRACE })));
      server.close();
      setTimeout(() => server.closeAllConnections(), GRACE).unref();
    });
  }
}
