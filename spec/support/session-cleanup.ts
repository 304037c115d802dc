/** Sessions that tests leave behind, on whatever router: they must not run into the next, whose clock may be another. */
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

// So that `portOf()` knows the sessions of routers, too.
SessionRegistry.prototype.create = function (...args) {
  const lifecycle = create.apply(this, args);
  adopt(lifecycle);
  return lifecycle;
};

export function trackSessions(): void {
  subscribe('sockjs:session:open', onOpen);
}

/** For a test that needs the channel without subscribers, and opens no session. */
export function pauseTracking(): void {
  unsubscribe('sockjs:session:open', onOpen);
  afterTest(trackSessions);
}

export function endOpenSessions(): void {
  for (const session of opened) {
    // One of a second copy of the package is not known here.
    const port = findPort(session);
    if (port === undefined) {
      session.close();
    } else {
      port.terminate();
    }
  }
  opened.clear();
}
