/** The echo endpoint by the API of npm `sockjs`, for that package and for the one that takes its place. */
import { Console } from 'node:console';
import { openSync, writeSync } from 'node:fs';
import { devNull } from 'node:os';
import { Writable } from 'node:stream';
import type { Connection, SockjsServer } from 'sockjs';
import { CLOSE_PREFIX } from './close-prefix.ts';
import { heartbeatDelay } from './flags.ts';
import { LONG, runWithConnections } from './program.ts';
import { createWebServer } from './web-server.ts';

/** The argument of a program whose option `log` has its default: `console.log`. Without it `log` does nothing. */
const LOGS = 'logs';

/** All options have their defaults, but for `log` and those that would end sessions in a run. */
export function runSockjs(createSockjs: (options: Record<string, unknown>) => SockjsServer): void {
  discardLog();
  const connections = new Set<Connection>();
  const endpoint = createSockjs({
    prefix: '/echo',
    sockjs_url: '/sockjs.min.js',
    heartbeat_delay: heartbeatDelay ?? LONG,
    response_limit: Number.MAX_SAFE_INTEGER,
    ...(process.argv.includes(LOGS) ? {} : { log() {} }),
  });
  endpoint.on('connection', (connection) => {
    connections.add(connection);
    if (connection.protocol === 'websocket') {
      connection.on('data', (message) => connection.write(message));
    } else {
      connection.on('data', (message) => {
        connection.write(message);
        if (message.startsWith(CLOSE_PREFIX)) {
          connection.close();
        }
      });
    }
    connection.on('close', () => connections.delete(connection));
  });
  const server = createWebServer();
  endpoint.installHandlers(server);
  runWithConnections(server, connections, (connection, message) => connection.write(message));
}

/** Has `console.log` write to the null device, each line at once, as Node does where stdout is a file. */
function discardLog(): void {
  const file = openSync(devNull, 'w');
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      writeSync(file, chunk);
      done();
    },
  });
  console.log = new Console(stdout).log;
}
