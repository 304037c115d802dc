/**
 * Ends sessions that tests leave open on any router. The next test may use another clock, which they must not disturb.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { SessionOpenMessage } from '../../lib/index.ts';
import { afterTest } from './cleanup.ts';

const opened = new Set<SessionOpenMessage['session']>();

function onOpen(message: unknown): void {
  opened.add((message as SessionOpenMessage).session);
}

let findPort: typeof import('./fake-receiver.ts').findPort = () => undefined;

/**
 * Tracks the sessions of all routers, and lets `portOf()` find them. Loads `lib/` only when it is called: mutation testing
 * chooses its mutant after the hooks are loaded, and must see the constants of modules evaluated later.
 */
export async function trackSessions(): Promise<void> {
  const [{ SessionRegistry }, { adopt, ...fakes }] = await Promise.all([
    import('../../lib/session/registry.ts'),
    import('./fake-receiver.ts'),
  ]);
  findPort = fakes.findPort;
  const { create } = SessionRegistry.prototype;
  SessionRegistry.prototype.create = function (...args) {
    const lifecycle = create.apply(this, args);
    adopt(lifecycle);
    return lifecycle;
  };
  listen();
}

function listen(): void {
  subscribe('sockjs:session:open', onOpen);
}

/** For a test that needs the channel without subscribers. It must not open sessions of a router. */
export function pauseTracking(): void {
  unsubscribe('sockjs:session:open', onOpen);
  afterTest(listen);
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
