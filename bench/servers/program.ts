/** The frame of all server programs: where they listen, and the commands on their stdin. */
import type { Server } from 'node:http';
import { createInterface } from 'node:readline';

/** Prints an answer, also where a program has replaced `console.log`. */
const { log: print } = console;

/** ms. Longer than any run: heartbeats, expiry and idle connections are not measured. */
export const LONG = 3_600_000;

/** Commands by name. Each gets what stands behind its name; what it returns, unless undefined, is printed as the answer. */
export type Commands = Readonly<Record<string, (argument: string) => unknown>>;

/**
 * Listens, prints `{"port":…}`, and executes the lines of stdin. The program ends with its stdin.
 *
 * - `broadcast TEXT`: sends a message to all connections
 * - `cpu`: prints the µs of CPU that the operating system has counted for this process
 * - `release`: returns unused memory to the system, then prints `released`
 */
export function run(server: Server, broadcast: (message: string) => unknown = noBroadcast, more: Commands = {}): void {
  server.keepAliveTimeout = LONG;
  server.listen(0, '127.0.0.1', () => {
    print(JSON.stringify({ port: (server.address() as { port: number }).port }));
  });
  control({
    broadcast: (message) => {
      broadcast(message);
    },
    cpu,
    release,
    ...more,
  });
}

/**
 * Executes the lines of stdin. The program ends with its stdin.
 *
 * @param end what is to be done before it ends
 */
export function control(commands: Commands, end: () => unknown = () => {}): void {
  createInterface({ input: process.stdin })
    .on('line', async (line) => {
      const [name = '', ...argument] = line.split(' ');
      const command = commands[name];
      if (command === undefined) {
        throw new Error(`no such command: ${line}`);
      }
      const answer = await command(argument.join(' '));
      if (answer !== undefined) {
        print(answer);
      }
    })
    .on('close', async () => {
      await end();
      process.exit(0);
    });
}

/** µs of CPU that the operating system has counted for this process. */
export function cpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function noBroadcast(): never {
  throw new Error('this server does not broadcast');
}

/**
 * Collects garbage as V8 does before it runs out of memory, which shrinks the young generation as well. It collects
 * twice, in two turns of the event loop, since finalizers of the first collection release more.
 */
export function release(): Promise<string> {
  const { gc } = globalThis;
  if (gc === undefined) {
    throw new Error('release needs --expose-gc');
  }
  const collect = () => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  return new Promise((resolve) => {
    setImmediate(() => {
      collect();
      setImmediate(() => {
        collect();
        resolve('released');
      });
    });
  });
}
