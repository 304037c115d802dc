/** The frame of all server programs: where they listen, and the commands on their stdin. */
import type { Server } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
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
 * - `pause`: prints the longest pause of the event loop since the last `pause`, in ms; the first begins to watch
 * - `pause end`: the same, and watches no more, since it costs some CPU each ms
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
    pause: pauses(),
    ...more,
  });
}

/**
 * Runs a server whose broadcasts go to all `connections`. After the command `fix`, which answers `fixed`, they go to those
 * that were open then.
 */
export function runWithConnections<T>(
  server: Server,
  connections: Iterable<T>,
  send: (connection: T, message: string) => unknown,
): void {
  let receivers = connections;
  const broadcast = (message: string) => {
    for (const connection of receivers) {
      send(connection, message);
    }
  };
  const fix = () => {
    receivers = [...connections];
    return 'fixed';
  };
  run(server, broadcast, { fix });
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

/** The command `pause`. The delays are looked at each ms, of which a pause has one more than the event loop stood still. */
function pauses(): (argument: string) => number {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  return (argument) => {
    const longest = delays.max / 1e6;
    if (argument === 'end') {
      delays.disable();
    } else {
      delays.enable();
    }
    delays.reset();
    return longest;
  };
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
