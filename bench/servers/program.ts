/** The frame of all server programs: where they listen, and the commands on their stdin. */
import type { Server } from 'node:http';
import { createInterface } from 'node:readline';

/** ms. Longer than any run: heartbeats, expiry and idle connections are not measured. */
export const LONG = 3_600_000;

/**
 * Listens, prints `{"port":…}`, and executes the lines of stdin. The program ends with its stdin.
 *
 * - `broadcast TEXT`: sends a message to all connections
 * - `cpu`: prints the µs of CPU that the operating system has counted for this process
 * - `release`: returns unused memory to the system, then prints `released`
 */
export function run(server: Server, broadcast: (message: string) => void = noBroadcast): void {
  server.keepAliveTimeout = LONG;
  server.listen(0, '127.0.0.1', () => {
    console.log(JSON.stringify({ port: (server.address() as { port: number }).port }));
  });
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      if (line.startsWith('broadcast ')) {
        broadcast(line.slice(10));
      } else if (line === 'cpu') {
        const { user, system } = process.cpuUsage();
        console.log(user + system);
      } else if (line === 'release') {
        release();
      } else {
        throw new Error(`no such command: ${line}`);
      }
    })
    .on('close', () => process.exit(0));
}

function noBroadcast(): never {
  throw new Error('this server does not broadcast');
}

/**
 * Collects garbage as V8 does before it runs out of memory, which shrinks the young generation as well. It collects
 * twice, in two turns of the event loop, since finalizers of the first collection release more.
 */
function release(): void {
  const { gc } = globalThis;
  if (gc === undefined) {
    throw new Error('release needs --expose-gc');
  }
  const collect = () => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  setImmediate(() => {
    collect();
    setImmediate(() => {
      collect();
      console.log('released');
    });
  });
}
