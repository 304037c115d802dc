/** What all server programs share: where they listen, and the lines by which the benchmark drives them. */
import type { Server } from 'node:http';
import { createInterface } from 'node:readline';

/** Longer than any run: heartbeats, expiry and idle connections are not what is measured. */
export const LONG = 3_600_000;

/**
 * Listens, prints `{"port":…}`, and obeys the lines of stdin: `broadcast TEXT` sends a message to everyone, `cpu` answers
 * the µs of CPU that the operating system has counted for this process, `release` gives memory back to the system and
 * answers. The program ends with its stdin.
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
 * Collects garbage as V8 does before it would run out of memory: then it gives back the room that its young generation has
 * grown to as well. Twice, and in turns of their own, since finalizers of the first leave something to the second.
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
