/** The frame of the demo programs: they listen on `PORT`, print their address, and end on SIGINT or SIGTERM. */
import { realpathSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { argv, env } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { SockjsRouter } from '../lib/index.ts';

/** The SockJS endpoints of each server. They are closed before the program ends. */
const endpoints = new WeakMap<Server, readonly SockjsRouter[]>();

/** Registers the endpoints of a server, and returns the server. */
export function withEndpoints(server: Server, routers: readonly SockjsRouter[]): Server {
  endpoints.set(server, routers);
  return server;
}

/** ms that clients have to receive queued messages, and then other responses to end. */
const CLOSE_TIMEOUT = 2_000;

/**
 * Runs a server if its module is the started program, and does nothing if another module imports it.
 *
 * @param moduleUrl `import.meta.url` of the caller
 * @param defaultPort the port where `PORT` is not set. `PORT=0` means any free port.
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

  // Node ends the process when nothing is open. A second signal ends it immediately.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      // Clients fetch queued messages by further polls, so the server listens until the sessions have ended.
      await Promise.all((endpoints.get(server) ?? []).map((router) => router.close({ timeout: CLOSE_TIMEOUT })));
      server.close();
      setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT).unref();
    });
  }
}
