/** The arguments of `sockjs()`, and messages for calls that follow the manner of another package. */
import { IncomingMessage } from 'node:http';
import type { SessionHandler } from '../session/session.ts';
import { withHelp } from '../util/help.ts';
import type { SockjsOptions } from './options.ts';

/**
 * Tells the options from `onSession`. `resolveOptions` checks the options.
 *
 * @throws TypeError if `onSession` is missing, or the call follows the manner of another package
 */
export function readArguments<Data, Req extends IncomingMessage>(
  args: readonly unknown[],
): { readonly options: SockjsOptions<Data, Req>; readonly onSession: SessionHandler<Data, Req> } {
  const [given, onSession] = args.length === 1 && typeof args[0] === 'function' ? [{}, args[0]] : args;
  if (given instanceof IncomingMessage) {
    throw withHelp(
      'sockjs-itself-is-no-middleware',
      new TypeError(
        "sockjs: sockjs itself is no middleware, what it returns is; write app.use('/echo', sockjs(onSession))",
      ),
    );
  }
  if (args.some(isAppOrServer)) {
    throw withHelp(
      'sockjs-takes-no-app-and-no-server',
      new TypeError(
        "sockjs: sockjs() takes no app and no server; write app.use('/echo', sockjs(onSession)); " +
          'const server = createServer(app); attachUpgrade(server); server.listen(8080)',
      ),
    );
  }
  if (typeof onSession !== 'function') {
    throw withHelp(
      'onsession-is-missing',
      new TypeError("sockjs: onSession is missing; write app.use('/echo', sockjs(options, (session) => { … }))"),
    );
  }
  return { options: given as SockjsOptions<Data, Req>, onSession: onSession as SessionHandler<Data, Req> };
}

/** Whether it is an app or a server, which other packages take. An app of Express or Connect has a method `handle`. */
function isAppOrServer(value: unknown): boolean {
  const members = value as { handle?: unknown; listen?: unknown } | null | undefined;
  return typeof members?.handle === 'function' || typeof members?.listen === 'function';
}
