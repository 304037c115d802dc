/** The sessions of one endpoint: counted, made, found by id, remembered when they have ended, and closed together. */
import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { setImmediate as settle } from 'node:timers/promises';
import type { Clock } from '@sinonjs/fake-timers';
import express from 'express';
import { type Session, sockjs } from '../../../lib/index.ts';
import { MAX_REMEMBERED } from '../../../lib/session/ended-sessions.ts';
import type { SessionEnvironment } from '../../../lib/session/lifecycle.ts';
import type { QuotaLimits } from '../../../lib/session/quota.ts';
import { stopClock } from '../../support/clock.ts';
import { FakeReceiver, identity, type Kind, NAMES, portOf } from '../../support/fake-receiver.ts';
import { isRetained } from '../../support/heap.ts';
import { post } from '../../support/http.ts';
import { TestRegistry } from '../../support/test-registry.ts';
import { listen, serve, sessionCatcher } from '../../support/test-server.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

const UNKNOWN = { kind: 'unknown' };
const FOREIGN = { kind: 'foreign' };
const PENDING = { kind: 'pending' };
const INTERRUPTED = { kind: 'ended', code: 1002, reason: 'Connection interrupted' };

type Hooks = Partial<SessionEnvironment<Session>>;

/** A registry, and functions that put the session of an id into it as the transports do. */
function makeRegistry(limits: Partial<QuotaLimits> = {}, hooks: Hooks = {}) {
  const registry = new TestRegistry(
    { disconnectDelay: 1000, ...hooks },
    {
      maxSessions: Number.POSITIVE_INFINITY,
      maxSessionsPerClient: Number.POSITIVE_INFINITY,
      ...limits,
    },
  );
  const request = new IncomingMessage(new Socket());
  const add = (id: string, of = identity()) => {
    assert.equal(registry.reserve(id, of), undefined);
    return registry.create(id, request, of.family === 'websocket' ? 'websocket' : 'xhr-polling', of, undefined);
  };
  /** An open session with a receiver; a poll has been used up. */
  const open = (id: string, kind: Kind = 'poll', of = identity(kind === 'socket' ? 'websocket' : 'xhr')) => {
    assert.equal(registry.reserve(id, of), undefined);
    const session = registry.create(id, request, NAMES[kind], of, undefined);
    const receiver = new FakeReceiver(portOf(session), kind);
    portOf(session).attach(receiver);
    return { session, receiver };
  };
  return { registry, request, add, open };
}

describe('SessionRegistry', () => {
  let clock: Clock;
  beforeEach(() => {
    clock = stopClock();
  });

  describe('create()', () => {
    it('makes a session that find() finds, in any state, until it is over', () => {
      const { registry, request } = makeRegistry();
      const data = { name: 'x' };
      const by = identity('xhr', 'me');
      registry.reserve('id', by);
      const session = registry.create('id', request, 'xhr-polling', by, data);
      assert.deepEqual(
        [session.id, session.request, session.transport, portOf(session).identity, session.data],
        ['id', request, 'xhr-polling', by, data],
      );
      const live = { kind: 'live', session };
      assert.deepEqual(registry.find('id', by), live);
      session.close(3000, 'x');
      assert.deepEqual(registry.find('id', by), live);
      clock.tick(999);
      assert.deepEqual(registry.find('id', by), live);
      clock.tick(1);
      assert.equal(session.state, 'closed');
      assert.deepEqual(registry.find('id', by), { kind: 'ended', code: 3000, reason: 'x' });
    });

    it('makes WebSocket sessions that find() never finds, of the same id as often as one likes', () => {
      const { registry, add } = makeRegistry();
      const session = add('id');
      const sockets = [add('id', identity('websocket')), add('id', identity('websocket'))];
      assert.equal(new Set([session, ...sockets]).size, 3);
      assert.deepEqual(registry.find('id', identity()), { kind: 'live', session });
      for (const socket of sockets) {
        socket.close();
        portOf(socket).terminate();
      }
      assert.deepEqual(registry.find('id', identity()), { kind: 'live', session });
      assert.equal(registry.size, 1);
    });
  });

  describe('find()', () => {
    for (const id of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', ' ']) {
      it(`knows no session ${JSON.stringify(id)} unless there is one`, () => {
        const { registry, add } = makeRegistry({ maxSessionsPerClient: 1 });
        assert.deepEqual(registry.find(id, identity()), UNKNOWN);
        assert.equal(registry.get(id), undefined);
        const session = add(id, identity('xhr', '', id));
        assert.deepEqual(registry.find(id, identity()), { kind: 'live', session });
        assert.equal(registry.reserve('other', identity('xhr', '', id)), 'client-sessions');
      });
    }

    for (const [title, begin] of [
      ['live', ({ add }, id, of) => add(id, of)],
      ['pending', ({ registry }, id, of) => registry.reserve(id, of)],
      ['ended', ({ add }, id, of) => add(id, of).close(3000) && clock.tick(1000)],
    ] as [string, (made: ReturnType<typeof makeRegistry>, id: string, of: ReturnType<typeof identity>) => unknown][]) {
      it(`shows a session that is ${title} to its own family and client only`, () => {
        const made = makeRegistry();
        begin(made, 'id', identity('xhr', 'me'));
        const { kind } = made.registry.find('id', identity('xhr', 'me'));
        assert.equal(kind, title);
        for (const other of [
          identity('jsonp', 'me'),
          identity('xhr', 'you'),
          identity('xhr'),
          identity('jsonp', 'you'),
        ]) {
          assert.deepEqual(made.registry.find('id', other), FOREIGN);
        }
        assert.deepEqual(made.registry.find('other', identity('xhr', 'me')), UNKNOWN);
      });
    }

    it('does not care whom the session is counted for', () => {
      const { registry, add } = makeRegistry();
      const session = add('id', identity('xhr', '', '10.0.0.1'));
      assert.deepEqual(registry.find('id', identity('xhr', '', '10.0.0.2')), { kind: 'live', session });
    });
  });

  describe('a reservation', () => {
    const reserve = () => {
      const { registry, request } = makeRegistry({ maxSessions: 1 });
      const claim = registry.registry.reserve('id', identity());
      assert.ok(claim.kind === 'reserved');
      return { registry, request, reservation: claim.reservation };
    };

    it('gives its place back once, however often it is released', () => {
      const { registry, reservation } = reserve();
      reservation.release();
      reservation.release();
      assert.equal(registry.reserve('1', identity()), undefined);
      assert.equal(registry.reserve('2', identity()), 'sessions');
    });

    it('keeps its place once it is committed, though it is released then', () => {
      const { registry, request, reservation } = reserve();
      reservation.commit(request, 'xhr-polling', undefined);
      reservation.release();
      assert.equal(registry.reserve('1', identity()), 'sessions');
    });

    it('makes no session when it was released or committed before', () => {
      const { registry, request, reservation } = reserve();
      reservation.release();
      const refusal = { message: 'sockjs: the place of this session was given back' };
      assert.throws(() => reservation.commit(request, 'xhr-polling', undefined), refusal);
      assert.equal(registry.size, 0);
      const second = reserve();
      second.reservation.commit(request, 'xhr-polling', undefined);
      assert.throws(() => second.reservation.commit(request, 'xhr-polling', undefined), refusal);
      assert.equal(second.registry.size, 1);
    });
  });

  describe('reserve() and release()', () => {
    it('make an id pending, and unknown again', () => {
      const { registry } = makeRegistry();
      const me = identity();
      assert.equal(registry.reserve('id', me), undefined);
      assert.deepEqual(registry.find('id', me), PENDING);
      assert.equal(registry.size, 0);
      assert.equal(registry.get('id'), undefined);
      registry.release('id', me);
      assert.deepEqual(registry.find('id', me), UNKNOWN);
    });

    it('leave the ids of WebSockets alone', () => {
      const { registry } = makeRegistry();
      const socket = identity('websocket');
      registry.reserve('id', socket);
      assert.deepEqual(registry.find('id', identity()), UNKNOWN);
      const me = identity();
      registry.reserve('id', me);
      registry.release('id', socket);
      assert.deepEqual(registry.find('id', me), PENDING);
    });

    it('count towards maxSessions, with those that are live and closing', () => {
      const { registry, add } = makeRegistry({ maxSessions: 3 });
      const session = add('1');
      add('2', identity('websocket'));
      const pending = identity('jsonp');
      assert.equal(registry.reserve('3', pending), undefined);
      assert.equal(registry.reserve('4', identity()), 'sessions');
      assert.equal(registry.reserve('4', identity('websocket')), 'sessions');
      assert.deepEqual(registry.find('4', identity()), UNKNOWN, 'a refusal takes no id');
      registry.release('3', pending);
      add('4');
      session.close();
      assert.equal(registry.reserve('5', identity()), 'sessions');
      clock.tick(1000);
      assert.equal(registry.size, 0, 'no receiver came for any of them');
      for (const id of ['5', '6', '7']) {
        add(id);
      }
      assert.equal(registry.reserve('8', identity()), 'sessions');
    });

    it('count towards maxSessionsPerClient, for each client apart', () => {
      const { registry, add } = makeRegistry({ maxSessionsPerClient: 2 });
      const me = (family?: Parameters<typeof identity>[0]) => identity(family, '', 'me');
      const socket = add('1', me('websocket'));
      const pending = me();
      assert.equal(registry.reserve('2', pending), undefined);
      assert.equal(registry.reserve('3', me()), 'client-sessions');
      add('3', identity('xhr', '', 'you'));
      registry.release('2', pending);
      add('2', me('jsonp'));
      assert.equal(registry.reserve('4', me()), 'client-sessions');
      socket.close();
      assert.equal(registry.reserve('4', me()), 'client-sessions', 'still closing');
      portOf(socket).terminate();
      add('4', me());
      assert.equal(registry.reserve('5', me()), 'client-sessions');
    });

    it('refuse every session where the limit is 0', () => {
      assert.equal(makeRegistry({ maxSessions: 0 }).registry.reserve('id', identity()), 'sessions');
      assert.equal(makeRegistry({ maxSessionsPerClient: 0 }).registry.reserve('id', identity()), 'client-sessions');
    });
  });

  describe('size, get() and iteration', () => {
    it('show every live session, those that are closing included, until it is over', () => {
      const { registry, add } = makeRegistry();
      assert.deepEqual([registry.size, [...registry]], [0, []]);
      const http = add('http');
      const socket = add('socket', identity('websocket'));
      assert.deepEqual([registry.size, [...registry]], [2, [http, socket]]);
      assert.equal(registry.get('http'), http);
      assert.equal(registry.get('socket'), socket);
      assert.equal(registry.get('other'), undefined);
      socket.close();
      http.close();
      assert.equal(registry.size, 2);
      assert.equal(registry.get('http'), http);
      portOf(socket).terminate();
      assert.deepEqual([...registry], [http]);
      clock.tick(1000);
      assert.deepEqual(
        [registry.size, [...registry], registry.get('http'), registry.get('socket')],
        [0, [], undefined, undefined],
      );
    });

    it('give the newest of several WebSockets of one id, and an older one when that has ended', () => {
      const { registry, add } = makeRegistry();
      const [first, second, third] = [1, 2, 3].map(() => add('id', identity('websocket'))) as [
        Session,
        Session,
        Session,
      ];
      assert.equal(registry.get('id'), third);
      portOf(first).terminate();
      assert.equal(registry.get('id'), third);
      portOf(third).terminate();
      assert.equal(registry.get('id'), second);
      portOf(second).terminate();
      assert.equal(registry.get('id'), undefined);
    });

    it('do not trip over sessions that end while they are looked through', () => {
      const { registry, add } = makeRegistry();
      add('1');
      add('2');
      for (const session of registry) {
        portOf(session).terminate();
      }
      assert.equal(registry.size, 0);
    });
  });

  describe('an ended session', () => {
    for (const [title, end, found] of [
      [
        'lost',
        ({ session, receiver }) => portOf(session).receiverAborted(receiver, { ...INTERRUPTED, wasClean: false }),
        INTERRUPTED,
      ],
      ['closed', ({ session }) => session.close(3000, 'x'), { kind: 'ended', code: 3000, reason: 'x' }],
    ] as [string, (opened: { session: Session; receiver: FakeReceiver }) => void, unknown][]) {
      it(`is remembered for twice disconnectDelay with its own close frame when it was ${title}`, () => {
        const { registry, open } = makeRegistry();
        end(open('id', 'stream'));
        assert.deepEqual(registry.find('id', identity()), found);
        assert.equal(clock.countTimers(), 0);
        clock.tick(1999);
        assert.deepEqual(registry.find('id', identity()), found);
        clock.tick(1);
        assert.deepEqual(registry.find('id', identity()), UNKNOWN);
        assert.deepEqual(registry.find('id', identity('jsonp')), UNKNOWN);
      });
    }

    it('is remembered when no receiver came back for it', () => {
      const { registry, open } = makeRegistry();
      open('id');
      clock.tick(1000);
      assert.deepEqual(registry.find('id', identity()), INTERRUPTED);
    });

    it('is not remembered when it was a WebSocket', () => {
      const { registry, open } = makeRegistry();
      portOf(open('id', 'socket').session).terminate();
      for (const family of ['xhr', 'jsonp', 'websocket'] as const) {
        assert.deepEqual(registry.find('id', identity(family)), UNKNOWN);
      }
    });

    it('is not remembered at all with disconnectDelay 0', () => {
      const { registry, open } = makeRegistry({}, { disconnectDelay: 0 });
      open('id', 'stream').session.close();
      assert.deepEqual(registry.find('id', identity()), UNKNOWN);
    });

    it('gives way to a new one of its id when it is forgotten, which is remembered for its full time in turn', () => {
      const { registry, open } = makeRegistry();
      open('id', 'stream').session.close(3000);
      clock.tick(2000);
      assert.deepEqual(registry.find('id', identity()), UNKNOWN);
      const { session } = open('id', 'stream');
      assert.deepEqual(registry.find('id', identity()), { kind: 'live', session });
      session.close(3001);
      clock.tick(1999);
      assert.deepEqual(registry.find('id', identity()), { kind: 'ended', code: 3001, reason: '' });
    });

    for (const disconnectDelay of [1000, Number.POSITIVE_INFINITY]) {
      it(`is forgotten early where there are too many, the oldest first, with a disconnectDelay of ${disconnectDelay}`, () => {
        const { registry, open } = makeRegistry({}, { disconnectDelay });
        const endOne = (id: number) => open(String(id), 'stream').session.close();
        const kinds = (...ids: number[]) => ids.map((id) => registry.find(String(id), identity()).kind);
        for (let id = 0; id < MAX_REMEMBERED; id += 1) {
          endOne(id);
        }
        assert.deepEqual(kinds(0, 1, MAX_REMEMBERED - 1), ['ended', 'ended', 'ended']);
        endOne(MAX_REMEMBERED);
        endOne(MAX_REMEMBERED + 1);
        assert.deepEqual(kinds(0, 1, 2, MAX_REMEMBERED + 1), ['unknown', 'unknown', 'ended', 'ended']);
      });
    }
  });

  describe('close()', () => {
    const END = 'c[1001,"bye"]';

    it('settles at once where there is nothing to close', async () => {
      const { registry } = makeRegistry();
      assert.equal(registry.isClosing, false);
      assert.deepEqual(await registry.close(1001, 'bye', 5000), { closed: 0, flushed: 0, dropped: 0 });
      assert.equal(registry.isClosing, true);
      assert.equal(clock.countTimers(), 0);
    });

    it('refuses every session from then on', async () => {
      const { registry } = makeRegistry();
      const closing = registry.close(1001, 'bye', 5000);
      assert.equal(registry.reserve('id', identity()), 'closing');
      await closing;
      assert.equal(registry.reserve('id', identity('websocket')), 'closing');
    });

    it('rejects at once those that wait, each time it is called', async () => {
      const { registry } = makeRegistry();
      const turnedAway: string[] = [];
      for (const name of ['a', 'b', 'c']) {
        registry.whenClosing.add(() => turnedAway.push(name));
      }
      const closing = registry.close(1001, 'bye', 5000);
      assert.deepEqual(turnedAway, ['a', 'b', 'c']);
      void registry.close(1001, 'bye', 5000);
      assert.equal(turnedAway.length, 6);
      await closing;
    });

    it('returns the first promise when called again, with any arguments', async () => {
      const { registry, open } = makeRegistry();
      const { receiver } = open('1', 'stream');
      const first = registry.close(1001, 'bye', 5000);
      assert.equal(registry.close(3000, 'other', 0), first);
      await first;
      assert.equal(registry.close(3000, 'other', 0), first);
      assert.deepEqual(receiver.frames, ['o', END]);
    });

    it('sends what is queued, then the close frame, to receivers of all kinds', async () => {
      const { registry, open } = makeRegistry();
      const stream = open('1', 'stream');
      const socket = open('2', 'socket');
      const poll = open('3', 'poll');
      for (const { session } of [stream, socket, poll]) {
        session.send('x');
      }
      const closing = registry.close(1001, 'bye', 5000);
      const polls = [1, 2].map(() => {
        const receiver = new FakeReceiver(portOf(poll.session), 'poll');
        portOf(poll.session).attach(receiver);
        return receiver.frames;
      });
      portOf(socket.session).receiverAborted(socket.receiver, { code: 1001, reason: 'bye', wasClean: true });
      assert.deepEqual(await closing, { closed: 3, flushed: 3, dropped: 0 });
      assert.deepEqual(stream.receiver.frames, ['o', 'a["x"]', END]);
      assert.deepEqual(socket.receiver.frames, ['o', 'a["x"]', END]);
      assert.deepEqual(polls, [['a["x"]'], [END]]);
      assert.equal(clock.countTimers(), 0);
      assert.deepEqual(registry.find('1', identity()), { kind: 'ended', code: 1001, reason: 'bye' });
    });

    it('tells the truth of those that were flushed, lost, not asked for, and cut', async () => {
      const { registry, open } = makeRegistry();
      open('flushed', 'stream');
      const lost = open('lost', 'socket');
      open('without a receiver', 'poll');
      const stuck = open('stuck', 'socket');
      const mine = open('closed before, with its own code', 'poll');
      mine.session.close(3000, 'mine');
      const ends: [string, number][] = [];
      for (const session of registry) {
        session.on('close', ({ code }) => ends.push([session.id, code]));
      }
      let result: unknown;
      const closing = registry.close(1001, 'bye', 5000).then((counts) => {
        result = counts;
      });
      portOf(lost.session).receiverAborted(lost.receiver, { code: 1006, reason: '', wasClean: false });
      portOf(mine.session).attach(new FakeReceiver(portOf(mine.session), 'poll'));
      clock.tick(1000);
      await settle();
      assert.equal(registry.size, 1);
      assert.equal(stuck.receiver.aborts, 0);
      clock.tick(3999);
      await settle();
      assert.equal(result, undefined);
      clock.tick(1);
      await closing;
      assert.deepEqual(result, { closed: 5, flushed: 2, dropped: 3 });
      assert.equal(stuck.receiver.aborts, 1);
      assert.deepEqual([lost.receiver.aborts, registry.size, clock.countTimers()], [0, 0, 0]);
      await settle();
      assert.deepEqual(Object.fromEntries(ends), {
        flushed: 1001,
        lost: 1001,
        'without a receiver': 1001,
        stuck: 1001,
        'closed before, with its own code': 3000,
      });
    });

    it('cuts what is left at once with a timeout of 0', async () => {
      const { registry, open } = makeRegistry();
      const { receiver } = open('id', 'slow poll');
      const closing = registry.close(1001, 'bye', 0);
      clock.tick(1);
      assert.deepEqual(await closing, { closed: 1, flushed: 0, dropped: 1 });
      assert.equal(receiver.aborts, 1);
    });

    it('rejects for a code that cannot be sent', async () => {
      const { registry, open } = makeRegistry();
      open('id', 'stream');
      await assert.rejects(registry.close(1005, 'bye', 0), RangeError);
    });
  });

  describe('what is over', () => {
    it('leaves no client behind that has no session any more', () => {
      const { registry } = makeRegistry({ maxSessionsPerClient: 1 });
      const isKept = isRetained((name) => {
        const one = identity('xhr', '', name);
        assert.equal(registry.reserve('id', one), undefined);
        registry.release('id', one);
      });
      assert.equal(isKept, false);
    });

    it('leaves no id of a WebSocket behind', () => {
      const { registry, add } = makeRegistry();
      const isKept = isRetained((name) => {
        portOf(add(name, identity('websocket'))).terminate();
        const several = [1, 2, 3].map(() => add(name, identity('websocket')));
        for (const session of several) {
          portOf(session).terminate();
        }
      });
      assert.equal(registry.size, 0);
      assert.equal(isKept, false);
    });

    it('leaves nothing behind of sessions that are forgotten, once another ends', () => {
      const { registry, add } = makeRegistry();
      const isKept = isRetained((name) => {
        // None is opened: the support for tests would keep it until this one is over.
        add(name);
        clock.tick(1000);
        assert.equal(registry.find(name, identity()).kind, 'ended');
        clock.tick(2000);
      });
      assert.equal(registry.size, 0);
      assert.equal(isKept, false);
    });
  });

  describe('over sockets', () => {
    it('is one for each call of sockjs(), which never sees the sessions of another', async () => {
      const one = sessionCatcher();
      const two = sessionCatcher();
      const app = express();
      app.use('/one', sockjs(one.onSession));
      app.use('/two', sockjs(two.onSession));
      const { origin } = await listen(app);
      for (const mount of ['one', 'two']) {
        assert.equal((await post(`${origin}/${mount}/000/same/xhr`)).body, 'o\n');
      }
      assert.notEqual(await one.next(), await two.next());
      assert.deepEqual([one.count(), two.count()], [1, 1]);
    });

    it('finds a session under any server segment', async () => {
      const sessions = sessionCatcher();
      const { origin } = await serve({}, sessions.onSession);
      assert.equal((await post(`${origin}/echo/000/id/xhr`)).body, 'o\n');
      const session = await sessions.next();
      session.send('x');
      assert.equal((await post(`${origin}/echo/999/id/xhr`)).body, 'a["x"]\n');
    });

    it('keeps WebSocket sessions of one id apart, from each other and from HTTP', async () => {
      const { origin } = await serve();
      const clients = [1, 2].map(() => new WebSocketClient(origin, '/echo/000/id/websocket'));
      for (const client of clients) {
        assert.equal(await client.next(), 'o');
      }
      assert.equal((await post(`${origin}/echo/000/id/xhr_send`, '["x"]')).status, 404);
      assert.equal((await post(`${origin}/echo/000/id/xhr`)).body, 'o\n');
      for (const client of clients) {
        client.send('"x"');
        assert.equal(await client.next(), 'a["x"]');
      }
    });

    it('repeats the close frame for twice disconnectDelay, then makes a new session of the id', async () => {
      const { origin } = await serve({ disconnectDelay: 1000 }, (session) => void session.close(3000, 'x'));
      const poll = () => post(`${origin}/echo/000/id/xhr`);
      assert.equal((await poll()).body, 'o\n');
      assert.equal((await poll()).body, 'c[3000,"x"]\n');
      assert.equal((await post(`${origin}/echo/000/id/xhr_send`, '["x"]')).status, 404);
      clock.tick(1999);
      assert.equal((await poll()).body, 'c[3000,"x"]\n');
      clock.tick(1);
      assert.equal((await poll()).body, 'o\n');
    });
  });
});
