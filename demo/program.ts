/** What the programs here have in common: they listen on `PORT`, say where, and end when they are told to. */
import { realpathSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { argv, env } from 'node:process';
import { fileURLToPath } from 'node:url';

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
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('listening', () => {
    console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}/`);
  });
  server.on('error', (error) => {
    console.error(`${error.message}; PORT=… chooses another port`);
    process.exitCode = 1;
  });
  const { PORT } = env;
  server.listen(Number(PORT || defaultPort));

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      // Sessions between two polls would keep the process alive for seconds more.
      server.close(() => process.exit());
      for (const socket of sockets) {
        socket.destroySoon();
      }
    });
  }
}
