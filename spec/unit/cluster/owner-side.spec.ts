/** What a node does for another one that has requests for its sessions. */
import assert from 'node:assert/strict';
import type { Clock } from '@sinonjs/fake-timers';
import { ClusterMetrics } from '../../../lib/cluster/cluster-metrics.ts';
import { ClusterRooms } from '../../../lib/cluster/cluster-rooms.ts';
import type { OwnerMessage, RequesterMessage } from '../../../lib/cluster/messages.ts';
import { OwnerSide } from '../../../lib/cluster/owner-side.ts';
import type { SessionCloseEvent } from '../../../lib/index.ts';
import type { Session } from '../../../lib/session/session.ts';
import { TimerQueue } from '../../../lib/util/timer-queue.ts';
import { stopClock } from '../../support/clock.ts';
import { MemoryLink, Turns } from '../../support/cluster/memory-link.ts';
import { NODE_TIMEOUT } from '../../support/cluster/nodes.ts';
import { makeOwner } from '../../support/cluster/owner.ts';
import { FakeReceiver, identity, portOf } from '../../support/fake-receiver.ts';

const LOST: SessionCloseEvent = { code: 1012, reason: 'Session lost', wasClean: false };
const INTERRUPTED: SessionCloseEvent = { code: 1002, reason: 'Connection interrupted', wasClean: false };

/** Messages with their frames as texts. */
function shown(messages: readonly OwnerMessage[]): unknown[] {
  return messages.map((message) =>
    message.type === 'frame' ? `${message.bytes.toString().trimEnd()}${message.isLast ? ' last' : ''}` : message,
  );
}

/** The `close` events of a session. */
function closesOf(session: Session): SessionCloseEvent[] {
  const closes: SessionCloseEvent[] = [];
  session.on('close', (event) => closes.push(event));
  return closes;
}

/** What the application gets. */
function messagesOf(session: Session): string[] {
  const messages: string[] = [];
  session.on('message', (message) => messages.push(message));
  return messages;
}

describe('OwnerSide', () => {
  let clock: Clock;
  beforeEach(() => {
    clock = stopClock();
  });

  describe('attach', () => {
    it('attaches the response, and sends frames on it', async () => {
      const { open, dial } = makeOwner();
      const session = open();
      const { attach, said } = dial();
      attach();
      assert.deepEqual(await said(), [{ type: 'attached', rid: 1 }]);
      session.send('1');
      assert.deepEqual(shown(await said()), ['a["1"] last']);
      assert.equal(session.transport, 'xhr-polling');
    });

    it('says at once what is queued', async () => {
      const { open, dial } = makeOwner();
      open().send('1');
      const { attach, said } = dial();
      attach({ transport: 'xhr-streaming' });
      assert.deepEqual(shown(await said()), [{ type: 'attached', rid: 1 }, 'a["1"]']);
    });

    for (const [title, refusal, given] of [
      ['of another client', { kind: 'foreign' }, { client: 'other' }],
      ['of another family', { kind: 'foreign' }, { transport: 'jsonp-polling' }],
      ['that it does not have', { kind: 'not-mine' }, { sessionId: 'other' }],
    ] as const) {
      it(`refuses a session ${title}`, async () => {
        const { open, dial } = makeOwner();
        const session = open();
        const { attach, said } = dial();
        attach(given);
        assert.deepEqual(await said(), [{ type: 'refused', rid: 1, refusal }]);
        assert.equal(session.state, 'active');
      });
    }

    it('refuses a session that another response is attached to, which goes on', async () => {
      const { open, dial } = makeOwner();
      const session = open();
      const [first, second] = [dial('1'), dial('2')];
      first.attach();
      await first.said();
      second.attach();
      assert.deepEqual(await second.said(), [{ type: 'refused', rid: 1, refusal: { kind: 'busy' } }]);
      second.link.end();
      session.send('1');
      assert.deepEqual(shown(await first.said()), ['a["1"] last']);
    });

    it('refuses one that is just being opened', async () => {
      const { sessions, dial } = makeOwner();
      sessions.reserve('session', identity());
      const { attach, said } = dial();
      attach();
      assert.deepEqual(await said(), [{ type: 'refused', rid: 1, refusal: { kind: 'busy' } }]);
    });

    it('refuses one that has ended, with its code and reason', async () => {
      const { open, dial } = makeOwner();
      const session = open();
      session.close(3000, 'Go away!');
      clock.tick(5000);
      const { attach, said } = dial();
      attach();
      const refusal = { kind: 'ended', code: 3000, reason: 'Go away!' };
      assert.deepEqual(await said(), [{ type: 'refused', rid: 1, refusal }]);
    });

    it('gives the close frame to a session that is closing', async () => {
      const { open, dial } = makeOwner();
      const session = open();
      const closes = closesOf(session);
      session.close(3000, 'Go away!');
      const { attach, link, said } = dial();
      attach();
      assert.deepEqual(shown(await said()), [{ type: 'attached', rid: 1 }, 'c[3000,"Go away!"] last']);
      link.send({ type: 'left', rid: 1 });
      await said();
      assert.deepEqual(closes, [{ code: 3000, reason: 'Go away!', wasClean: true }]);
    });
  });

  describe('the next receiver', () => {
    for (const where of ['at the owner', 'at the same node', 'at a third node'] as const) {
      it(`${where} gets nothing before the response has left`, async () => {
        const { sessions, open, dial } = makeOwner();
        const session = open();
        const first = dial('1');
        first.attach();
        session.send('1');
        assert.equal((await first.said()).length, 2);
        session.send('2');
        const second = where === 'at a third node' ? dial('2') : first;
        const local = new FakeReceiver(portOf(session), 'poll');
        if (where === 'at the owner') {
          const found = sessions.find('session', identity());
          assert.equal(found.kind, 'live');
          found.port.attach(local);
        } else {
          second.attach();
        }
        const before = shown(await second.said());
        assert.deepEqual(
          before.filter((message) => typeof message === 'string'),
          [],
        );
        assert.deepEqual(local.frames, []);
        first.link.send({ type: 'left', rid: 1 });
        const after = shown(await second.said());
        assert.deepEqual(where === 'at the owner' ? local.frames : after.map((text) => String(text).slice(0, 6)), [
          'a["2"]',
        ]);
      });
    }

    it('hears of the end where the response is lost', async () => {
      const { open, dial } = makeOwner();
      const session = open();
      const closes = closesOf(session);
      const [first, second] = [dial('1'), dial('2')];
      first.attach();
      session.send('1');
      await first.said();
      second.attach();
      await second.said();
      first.link.end();
      assert.deepEqual(shown(await second.said()), ['c[1002,"Connection interrupted"] last']);
      assert.deepEqual(closes, [INTERRUPTED]);
    });
  });

  describe('written', () => {
    it('counts down what the session has buffered', async () => {
      const { open, dial } = makeOwner({ sendHighWaterMark: 5 });
      const session = open();
      const { attach, link, said } = dial();
      attach({ transport: 'xhr-streaming' });
      await said();
      session.send('12345');
      await said();
      assert.equal(session.bufferedAmount, 'a["12345"]\n'.length);
      assert.equal(session.writableNeedDrain, true);
      const drained = session.drained();
      link.send({ type: 'written', rid: 1, bytes: 11 });
      await drained;
      assert.equal(session.bufferedAmount, 0);
    });
  });

  describe('a full link', () => {
    it('is refilled with what waits for it, receiver by receiver', async () => {
      const { open, dial } = makeOwner();
      const [one, other] = [open('1'), open('2')];
      const { attach, owner, said } = dial();
      attach({ sessionId: '1', transport: 'xhr-streaming' });
      attach({ sessionId: '2', transport: 'xhr-streaming' });
      await said();
      owner.isFull = true;
      one.send('1');
      other.send('2');
      assert.deepEqual(await said(), []);
      owner.unblock();
      assert.deepEqual(shown(await said()), ['a["1"]', 'a["2"]']);
    });
  });

  describe('send', () => {
    it('delivers the messages, and says so without taken where the client may send more', async () => {
      const { open, dial } = makeOwner();
      const session = open();
      const messages = messagesOf(session);
      const { send, said } = dial();
      send(['1', '2']);
      assert.deepEqual(await said(), [{ type: 'done', rid: 1, accepted: true }]);
      assert.deepEqual(messages, ['1', '2']);
    });

    it('says that they are taken, and later that the client may send more', async () => {
      const { open, dial } = makeOwner({ maxReceiveBuffer: 1 });
      const session = open();
      const first = session.recv();
      const { send, said } = dial();
      send(['1', 'more than one byte']);
      assert.deepEqual(await said(), [{ type: 'taken', rid: 1 }]);
      assert.equal(await first, '1');
      await session.recv();
      assert.deepEqual(await said(), [{ type: 'done', rid: 1, accepted: true }]);
    });

    for (const [title, given] of [
      ['another client', { client: 'other' }],
      ['a session that it does not have', { sessionId: 'other' }],
    ] as const) {
      it(`takes nothing for ${title}`, async () => {
        const { open, dial } = makeOwner();
        const messages = messagesOf(open());
        const { send, said } = dial();
        send(['1'], given);
        assert.deepEqual(await said(), [{ type: 'done', rid: 1, accepted: false }]);
        assert.deepEqual(messages, []);
      });
    }

    it('takes nothing for a session that has ended, nor for one that is closing', async () => {
      const { open, dial } = makeOwner();
      const session = open();
      const { send, said } = dial();
      session.close();
      send(['1']);
      assert.deepEqual(await said(), [{ type: 'done', rid: 1, accepted: false }]);
      clock.tick(5000);
      send(['1']);
      assert.deepEqual(await said(), [{ type: 'done', rid: 2, accepted: false }]);
    });

    it('waits until the answer to the send before has left, at whichever node', async () => {
      const { open, dial } = makeOwner();
      const messages = messagesOf(open());
      const [first, second] = [dial('1'), dial('2')];
      first.send(['1']);
      await first.said();
      second.send(['2']);
      assert.deepEqual(await second.said(), []);
      assert.deepEqual(messages, ['1']);
      first.link.send({ type: 'got', rid: 1 });
      assert.deepEqual(await second.said(), [{ type: 'done', rid: 1, accepted: true }]);
      assert.deepEqual(messages, ['1', '2']);
    });

    it('is refused, and never delivered, where its turn does not come in time', async () => {
      const { open, dial } = makeOwner({ maxReceiveBuffer: 0, disconnectDelay: 60_000 });
      const session = open();
      const start = session.recv();
      const [first, second] = [dial('1'), dial('2')];
      first.send(['0', '1']);
      assert.deepEqual(await first.said(), [{ type: 'taken', rid: 1 }]);
      await start;
      second.send(['2']);
      await second.said();
      clock.tick(NODE_TIMEOUT);
      assert.deepEqual(await second.said(), [{ type: 'done', rid: 1, accepted: false }]);
      assert.equal(await session.recv(), '1');
      first.link.send({ type: 'got', rid: 1 });
      await first.said();
      second.send(['3']);
      await second.said();
      assert.equal(await session.recv(), '3');
      assert.equal(session.state, 'active');
    });

    it('ends the session where its answer does not leave in time', async () => {
      const { open, dial } = makeOwner({ disconnectDelay: 60_000 });
      const session = open();
      const closes = closesOf(session);
      messagesOf(session);
      const { send, link, said } = dial();
      send(['1']);
      await said();
      clock.tick(2 * NODE_TIMEOUT);
      assert.equal(session.state, 'closing');
      clock.tick(60_000);
      link.send({ type: 'got', rid: 1 });
      await said();
      assert.deepEqual(closes, [LOST]);
      assert.equal(clock.countTimers(), 0);
    });

    it('needs no timer once its answer has left', async () => {
      const { sessions, open, dial } = makeOwner();
      messagesOf(open());
      const { send, link, said } = dial();
      send(['1']);
      await said();
      link.send({ type: 'got', rid: 1 });
      await said();
      for (const live of sessions) {
        live.terminate();
      }
      assert.equal(clock.countTimers(), 0);
    });
  });

  describe('the end of the link', () => {
    it('ends sessions with an attached response: 1002', async () => {
      const { open, dial } = makeOwner();
      const [attached, other] = [open('attached'), open('other')];
      const closes = closesOf(attached);
      const { attach, link, said, owner } = dial();
      attach({ sessionId: 'attached', transport: 'xhr-streaming' });
      await said();
      link.end();
      await said();
      assert.equal(owner.hasEnded, true);
      assert.deepEqual(closes, [INTERRUPTED]);
      assert.equal(other.state, 'active');
    });

    it('ends sessions with a response that has not left: 1002', async () => {
      const { open, dial } = makeOwner();
      const session = open();
      const closes = closesOf(session);
      const { attach, link, said } = dial();
      attach();
      session.send('1');
      await said();
      link.end();
      await said();
      assert.deepEqual(closes, [INTERRUPTED]);
    });

    for (const [title, maxReceiveBuffer, type] of [
      ['was taken but not answered', 0, 'taken'],
      ['was answered, but whose answer may not have left', 1000, 'done'],
    ] as const) {
      it(`ends sessions with a send that ${title}: 1012`, async () => {
        const { open, dial } = makeOwner({ maxReceiveBuffer });
        const session = open();
        const closes = closesOf(session);
        const start = session.recv();
        const { send, link, said } = dial();
        send(['0', '1']);
        assert.equal((await said())[0]?.type, type);
        await start;
        link.end();
        await said();
        assert.equal(session.state, 'closing');
        clock.tick(5000);
        await said();
        assert.deepEqual(closes, [LOST]);
        assert.equal(clock.countTimers(), 0);
      });
    }

    it('leaves sessions alone whose answers have left, or whose send waits for its turn', async () => {
      const { open, dial } = makeOwner({ maxReceiveBuffer: 0 });
      const session = open();
      const start = session.recv();
      const [first, second] = [dial('1'), dial('2')];
      first.send(['0', '1']);
      assert.deepEqual(await first.said(), [{ type: 'taken', rid: 1 }]);
      await start;
      second.send(['2']);
      await second.said();
      second.link.end();
      await second.said();
      assert.equal(session.state, 'active');
      assert.equal(await session.recv(), '1');
      await first.said();
      first.link.send({ type: 'got', rid: 1 });
      await first.said();
      first.link.end();
      await first.said();
      assert.equal(session.state, 'active');
    });
  });

  describe('a peer that does not keep to the rules', () => {
    const AHEAD: [string, RequesterMessage][] = [
      [
        'an exchange out of turn',
        { type: 'send', rid: 2, sessionId: 's', client: '', family: 'xhr', messages: [], bytes: 0 },
      ],
      ['written', { type: 'written', rid: 1, bytes: 1 }],
      ['left', { type: 'left', rid: 1 }],
      ['lost', { type: 'lost', rid: 1 }],
      ['got', { type: 'got', rid: 1 }],
      ['yield', { type: 'yield', rid: 1 }],
    ];
    for (const [title, message] of AHEAD) {
      it(`loses its link: ${title} of an exchange that has not begun`, async () => {
        const { dial } = makeOwner();
        const { link, owner, said } = dial();
        link.send(message);
        await said();
        assert.equal(owner.hasEnded, true);
        assert.ok(owner.errors[0] instanceof RangeError);
      });
    }

    it('loses its link: it has written more than it was sent', async () => {
      const { open, dial } = makeOwner();
      const session = open();
      const { attach, link, owner, said } = dial();
      attach();
      link.send({ type: 'written', rid: 1, bytes: 1 });
      await said();
      assert.equal(owner.hasEnded, true);
      assert.equal(session.state, 'closed');
    });

    it('keeps its link where messages have crossed the end of an exchange', async () => {
      const { open, dial } = makeOwner();
      open();
      const { attach, link, owner, said } = dial();
      attach();
      link.send({ type: 'lost', rid: 1 });
      for (const type of ['lost', 'left', 'got', 'yield'] as const) {
        link.send({ type, rid: 1 });
      }
      link.send({ type: 'written', rid: 1, bytes: 1 });
      await said();
      assert.equal(owner.hasEnded, false);
    });
  });

  it('has the rooms of all nodes hear of the link, what comes on it, and its end', async () => {
    const delivered: string[] = [];
    const local = new Map([['a', 1]]);
    const rooms = new ClusterRooms({
      timers: new TimerQueue(),
      nodeTimeout: 1000,
      local: { names: () => local.keys(), sizeOf: (room) => local.get(room ?? '') ?? 0 },
      deliver: ({ type }) => delivered.push(type),
      metrics: new ClusterMetrics('name', 'owner'),
    });
    const turns = new Turns();
    const { requester, owner } = MemoryLink.pair('requester', 'owner', turns.post);
    owner.isFull = true;
    const settings = { responseLimit: 1, nodeTimeout: 1000, timers: new TimerQueue() };
    owner.handler = new OwnerSide(owner, { find: () => ({ kind: 'unknown' }) }, settings, rooms);
    assert.deepEqual([owner.sent, rooms.hasLinkFrom('requester')], [[], true]);
    owner.unblock();
    assert.equal(owner.sent.length, 2);
    requester.send({ type: 'message', seq: 1, room: 'a', text: '1' });
    requester.send({ type: 'close', seq: 2, room: 'a', code: 3000, reason: '' });
    requester.send({ type: 'sync', seq: 3 });
    requester.send({ type: 'gap', seq: 5, isForAll: true, hasClose: true });
    await turns.settled();
    assert.deepEqual(delivered, ['message', 'close', 'sync', 'gap']);
    owner.terminate();
    assert.equal(rooms.hasLinkFrom('requester'), false);
  });
});
