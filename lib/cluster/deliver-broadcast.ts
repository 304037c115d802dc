/** Gives what has come from another node to the sessions of this one. */
import type { IncomingMessage } from 'node:http';
import { CLOSES } from '../protocol/close-code.ts';
import { closeAll, sendToAll } from '../session/broadcast.ts';
import type { SessionRegistry } from '../session/registry.ts';
import type { IncomingBroadcast } from './incoming-broadcasts.ts';

/** Sends a message, closes sessions, or ends those that may have missed something. */
export function deliver<Data, Req extends IncomingMessage>(
  broadcast: IncomingBroadcast,
  sessions: SessionRegistry<Data, Req>,
  onGap: 'close' | 'ignore',
): void {
  switch (broadcast.type) {
    case 'message':
      sendToAll(membersOf(sessions, broadcast.room), broadcast.text);
      break;
    case 'close':
      closeAll(membersOf(sessions, broadcast.room), broadcast.code, broadcast.reason);
      break;
    case 'gap':
      if (onGap === 'close' || broadcast.hasClose) {
        const { code, reason } = CLOSES.sessionLost;
        closeAll(thoseOfGap(sessions, broadcast.isForAll), code, reason);
      }
      break;
    case 'sync':
      break;
  }
}

function membersOf<Data, Req extends IncomingMessage>(sessions: SessionRegistry<Data, Req>, room: string | undefined) {
  return room === undefined ? sessions : sessions.rooms.in(room);
}

/** The sessions that may have missed something. */
function thoseOfGap<Data, Req extends IncomingMessage>(sessions: SessionRegistry<Data, Req>, isForAll: boolean) {
  return [...sessions].filter(({ session }) => isForAll || session.rooms.size > 0);
}
