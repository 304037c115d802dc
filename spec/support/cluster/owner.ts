/** An owner of sessions, as the node at the other end of a link sees it. */
import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { OwnerSide } from '../../../lib/cluster/owner-side.ts';
import type { SessionEnvironment } from '../../../lib/session/lifecycle.ts';
import { SessionRegistry } from '../../../lib/session/registry.ts';
import type { Session } from '../../../lib/session/session.ts';
import { TimerQueue } from '../../../lib/util/timer-queue.ts';
import { environmentWith, FakeReceiver, identity } from '../fake-receiver.ts';
import { MemoryLink, Turns } from './memory-link.ts';
import { NODE_TIMEOUT } from './nodes.ts';

const NO_LIMITS = { maxSessions: Number.POSITIVE_INFINITY, maxSessionsPerClient: Number.POSITIVE_INFINITY };

/** A registry of sessions with a link that another node has dialled. */
export function makeOwner(hooks: Partial<SessionEnvironment<Session>> = {}) {
  const timers = new TimerQueue();
  const sessions = new SessionRegistry<unknown, IncomingMessage>(environmentWith({ timers, ...hooks }), NO_LIMITS);
  const turns = new Turns();

  /** Makes a session, whose first poll has left. */
  const open = (id = 'session', client = ''): Session => {
    const claim = sessions.reserve(id, identity('xhr', client));
    assert.equal(claim.kind, 'reserved');
    const port = claim.reservation.commit(new IncomingMessage(new Socket()), 'xhr-polling', undefined);
    port.attach(new FakeReceiver(port, 'poll'));
    return sessions.get(id) ?? assert.fail();
  };

  /** A link from another node. */
  const dial = (from = 'requester') => {
    const { requester, owner } = MemoryLink.pair(from, 'owner', turns.post);
    owner.handler = new OwnerSide(owner, sessions, { responseLimit: 131_072, nodeTimeout: NODE_TIMEOUT, timers });
    let rid = 0;
    return {
      link: requester,
      owner,
      /** What the owner has said since the last call. */
      said: async () => {
        await turns.settled();
        return owner.sent.splice(0);
      },
      attach: (given: { sessionId?: string; client?: string; transport?: 'xhr-streaming' | 'jsonp-polling' } = {}) => {
        rid += 1;
        const transport = given.transport ?? 'xhr-polling';
        const { sessionId = 'session', client = '' } = given;
        requester.send({ type: 'attach', rid, sessionId, client, transport, callback: '' });
        return rid;
      },
      send: (messages: string[], { sessionId = 'session', client = '' } = {}) => {
        rid += 1;
        requester.send({ type: 'send', rid, sessionId, client, family: 'xhr', messages, bytes: 10 });
        return rid;
      },
    };
  };

  return { sessions, turns, open, dial };
}
