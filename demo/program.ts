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
 * @param pages further pages to open: what to call each in the output, and its path
 */
export function runProgram(
  moduleUrl: string,
  createServer: () => Server,
  defaultPort: number,
  pages: Readonly<Record<string, string>> = {},
): void {
  if (argv[1] === undefined || realpathSync(argv[1]) !== fileURLToPath(moduleUrl)) {
    return;
  }
  const server = createServer();
  server.on('listening', () => {
    const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
    console.log(`Listening on ${origin}/`);
    for (const [name, path] of Object.entries(pages)) {
      console.log(`${name}: ${origin}/${path}`);
    }
  });
  server.on('error', (error) => {
    reportFailure(error);
    process.exitCode = 1;
  });
  const { PORT } = env;
  server.listen(Number(PORT || defaultPort));

  // Node ends the process when nothing is open. A second signal ends it immediately.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => shutDown(server));
  }
}

/** Prints why a server cannot listen. */
export function reportFailure(error: Error): void {
  console.error(`${error.message}; PORT=… chooses another port`);
}

/** Ends the sessions of a server's endpoints, then the server. Settles when it accepts nothing more. */
export async function shutDown(server: Server): Promise<void> {
  // Clients fetch queued messages by further polls, so the server listens until the sessions have ended.
  await Promise.all((endpoints.get(server) ?? []).map((router) => router.close({ timeout: CLOSE_TIMEOUT })));
  server.close();
  setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT).unref();
}
