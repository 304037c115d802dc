/** The echo endpoint of this package, the same in an Express app and as a bare listener. */
import { type SockjsOptions, type SockjsRouter, sockjs } from '../../lib/index.ts';
import { LONG } from './program.ts';

/** With all limits as they are by default, but what would end a run: heartbeats, and the end of streaming responses. */
export function echo(options: SockjsOptions = {}): SockjsRouter {
  return sockjs({ heartbeatDelay: LONG, responseLimit: Number.MAX_SAFE_INTEGER, ...options }, (session) => {
    session.on('message', (message) => session.send(message));
  });
}
