/** The echo endpoint of this package, the same in an Express app and as a bare listener. */
import { type SockjsOptions, type SockjsRouter, sockjs } from '../../lib/index.ts';
import { LONG } from './program.ts';

/** All limits have their defaults, except those that would end sessions in a run: heartbeats and the response limit. */
export function echo(options: SockjsOptions = {}): SockjsRouter {
  return sockjs({ heartbeatDelay: LONG, responseLimit: Number.MAX_SAFE_INTEGER, ...options }, (session) => {
    session.on('message', (message) => session.send(message));
  });
}
