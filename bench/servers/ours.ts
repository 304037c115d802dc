/** The echo endpoint of this package, the same in an Express app and as a bare listener. */
import type { Server } from 'node:http';
import { type SockjsOptions, type SockjsRouter, sockjs } from '../../lib/index.ts';
import { CLOSE_PREFIX } from './close-prefix.ts';
import { heartbeatDelay, maxMessageSize } from './flags.ts';
import { LONG, run } from './program.ts';

/** Messages of the largest size that may wait for a client. */
const WAITING = 16;

/**
 * All limits have their defaults, except those that would end sessions in a run: heartbeats, the response limit, and what
 * is too low for the messages of a scenario.
 */
export function echo(options: SockjsOptions = {}): SockjsRouter {
  const limits = maxMessageSize === undefined ? {} : { maxMessageSize, maxSendBuffer: WAITING * maxMessageSize };
  const lasting = { heartbeatDelay: heartbeatDelay ?? LONG, responseLimit: Number.MAX_SAFE_INTEGER };
  return sockjs({ ...lasting, ...limits, ...options }, (session) => {
    if (session.transport === 'websocket') {
      session.on('message', (message) => session.send(message));
    } else {
      session.on('message', (message) => {
        session.send(message);
        if (message.startsWith(CLOSE_PREFIX)) {
          session.close();
        }
      });
    }
  });
}

/** Runs a server whose broadcasts go to all sessions, or after the command `fix` to those that were open then. */
export function runEcho(server: Server, router: SockjsRouter): void {
  const room = 'open at the command fix';
  let isFixed = false;
  const broadcast = (message: string) => (isFixed ? router.to(room).send(message) : router.broadcast(message));
  const fix = () => {
    for (const session of router.sessions) {
      session.join(room);
    }
    isFixed = true;
    return 'fixed';
  };
  run(server, broadcast, { fix });
}
