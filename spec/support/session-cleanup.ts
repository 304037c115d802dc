/**
 * Ends sessions that tests leave open on any router. The next test may use another clock, which they must not disturb.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { SessionOpenMessage } from '../../lib/index.ts';
import { SessionRegistry } from '../../lib/session/registry.ts';
import { afterTest } from './cleanup.ts';
import { adopt, findPort } from './fake-receiver.ts';

const opened = new Set<SessionOpenMessage['session']>();

function onOpen(message: unknown): void {
  opened.add((message as SessionOpenMessage).session);
}

const { create } = SessionRegistry.prototype;

// Lets `portOf()` find the sessions of routers as well.
SessionRegistry.prototype.create = function (...args) {
  const lifecycle = create.apply(this, args);
  adopt(lifecycle);
  return lifecycle;
};

export function trackSessions(): void {
  subscribe('sockjs:session:open', onOpen);
}

/** For a test that needs the channel without subscribers. It must not open sessions of a router. */
export function pauseTracking(): void {
  unsubscribe('sockjs:session:open', onOpen);
  afterTest(trackSessions);
}

export function endOpenSessions(): void {
  for (const session of opened) {
    // Undefined for a session of another copy of the package.
    const port = findPort(session);
    if (port === undefined) {
      session.close();
    } else {
      port.terminate();
    }
  }
  opened.clear();
}
