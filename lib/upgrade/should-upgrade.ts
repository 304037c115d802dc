/**
 * Bypass: `server.shouldUpgradeCallback` is wrapped, by which Node 22.21 and 24.9 decide whether a request is an
 * upgrade.
 *
 * What: for requests that SockJS may take, the wrapper decides. For all others, it calls the callback that was there,
 * with a view of the server that counts the `upgrade` listeners of other packages alone.
 *
 * Why: Node's own callback counts `upgrade` listeners. `attachUpgrade` adds one, and Node would take requests for
 * upgrades that are ordinary HTTP without it, such as the first requests of Java's HTTP client, which ask for h2c.
 *
 * Guard: where Node has no such callback, nothing is wrapped. Then every request that asks for an upgrade comes as one,
 * and replay.ts makes those for other protocols ordinary requests again.
 *
 * Off: the function that `wrapShouldUpgrade` returns puts the callback back, unless the application has set another
 * since.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { UpgradeServer } from './server.ts';
import { isCandidate, isWebSocketRequest } from './upgrade-request.ts';

/** What a server of Node 22.21, 24.9 or later has; the types of Node 20 leave it out. */
interface ServerWithCallback {
  shouldUpgradeCallback?: (req: IncomingMessage) => boolean;
}

/**
 * Has Node treat the requests that SockJS may take as upgrades.
 *
 * @param countOtherListeners how many `upgrade` listeners of other packages the server has
 * @returns a function that undoes it, or undefined where Node has no such callback
 */
export function wrapShouldUpgrade(
  server: UpgradeServer & ServerWithCallback,
  countOtherListeners: () => number,
): (() => void) | undefined {
  const previous = server.shouldUpgradeCallback;
  if (previous === undefined) {
    return undefined;
  }
  const shouldUpgrade = (req: IncomingMessage): boolean => {
    if (isCandidate(req) || countOtherListeners() === 0) {
      // Without other listeners, no listener could take an upgrade to another protocol.
      return isWebSocketRequest(req);
    }
    const listenerCount = () => (isWebSocketRequest(req) ? countOtherListeners() : 0);
    const view: Server = Object.create(server, { listenerCount: { value: listenerCount } });
    return previous.call(view, req) === true;
  };
  server.shouldUpgradeCallback = shouldUpgrade;
  return () => {
    if (server.shouldUpgradeCallback === shouldUpgrade) {
      server.shouldUpgradeCallback = previous;
    }
  };
}
