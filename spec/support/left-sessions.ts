/** Sessions that tests leave behind, on whatever router: they must not run into the next, whose clock may be another. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { SessionOpenMessage } from '../../lib/index.ts';
import { afterTest } from './leftovers.ts';

const opened = new Set<SessionOpenMessage['session']>();

function onOpen(message: unknown): void {
  opened.add((message as SessionOpenMessage).session);
}

export function watchSessions(): void {
  subscribe('sockjs:session:open', onOpen);
}

/** For a test that needs the channel without subscribers, and opens no session. */
export function pauseWatching(): void {
  unsubscribe('sockjs:session:open', onOpen);
  afterTest(watchSessions);
}

export function endLeftSessions(): void {
  for (const session of opened) {
    session.terminate();
  }
  opened.clear();
}
