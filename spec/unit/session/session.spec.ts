/** The session object as the application sees it, driven by receivers that stand in for the transports. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { EventEmitter, getEventListeners, once } from 'node:events';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { mock } from 'node:test';
import { setImmediate as settle, setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '@sinonjs/fake-timers';
import { SessionNotOpenError } from '../../../lib/index.ts';
import { SharedMessage } from '../../../lib/protocol/shared-message.ts';
import type { SessionIdentity } from '../../../lib/session/directory.ts';
import type { SessionCloseEvent } from '../../../lib/session/events.ts';
import type { Lifecycle, SessionEnvironment } from '../../../lib/session/lifecycle.ts';
import type { Outgoing } from '../../../lib/session/ports.ts';
import type { SessionRegistry } from '../../../lib/session/registry.ts';
import { Rooms } from '../../../lib/session/rooms.ts';
import type { Session } from '../../../lib/session/session.ts';
import { helpAt } from '../../../lib/util/help.ts';
import { afterTest } from '../../support/cleanup.ts';
import { stopClock } from '../../support/clock.ts';
import {
  environmentWith,
  FakeReceiver,
  identity,
  type Kind,
  makeSession,
  NAMES,
  portOf,
} from '../../support/fake-receiver.ts';
import { freshModule } from '../../support/fresh-module.ts';
import { RawSocket, Stream } from '../../support/http.ts';
import { echo, serve, sessionCatcher } from '../../support/test-server.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

const INTERRUPTED: SessionCloseEvent = { code: 1002, reason: 'Connection interrupted', wasClean: false };
const BROKEN: SessionCloseEvent = { code: 1006, reason: '', wasClean: false };

interface Setup extends Partial<Omit<SessionEnvironment<Session>, 'onEnd' | 'metrics'>> {
  kind?: Kind;
  maxHeartbeatInterval?: number;
  /** As of HTTP; a socket is not, unless said. */
  family?: SessionIdentity['family'];
}

/** A session that waits for its first receiver. */
function make({
  kind = 'stream',
  family = kind === 'socket' ? 'websocket' : 'xhr',
  maxHeartbeatInterval: _,
  ...hooks
}: Setup = {}) {
  const errors: [unknown, Session][] = [];
  const closes: SessionCloseEvent[] = [];
  const ends: [Session, SessionCloseEvent][] = [];
  const all = environmentWith({
    onError: (error, of) => errors.push([error, of]),
    heartbeatDelay: 25_000,
    ...hooks,
    onEnd: ({ session: of }, event) => ends.push([of, event]),
  });
  const request = new IncomingMessage(new Socket());
  const session: Session = makeSession('an-id', request, NAMES[kind], identity(family), undefined, all);
  session.on('close', (event) => closes.push(event));
  const attach = (as: Kind = kind, maxHeartbeatInterval?: number) => {
    const receiver = new FakeReceiver(portOf(session), as, maxHeartbeatInterval);
    portOf(session).attach(receiver);
    return receiver;
  };
  return { session, attach, errors, closes, ends, metrics: all.metrics };
}

/** An active session; a poll has been used up by the open frame. */
function open(setup: Setup = {}) {
  const made = make(setup);
  return { ...made, receiver: made.attach(setup.kind, setup.maxHeartbeatInterval) };
}

/** What a call of `close()` with arguments that its types forbid does. */
function closeWith(session: Session, ...args: unknown[]): boolean {
  return Reflect.apply(session.close, session, args);
}

describe('Session', () => {
  let clock: Clock;
  beforeEach(() => {
    clock = stopClock();
  });

  /** Every way out of `active`, and what the `close` event then says. */
  const ENDINGS: {
    title: string;
    kind?: Kind;
    end(opened: ReturnType<typeof open>): void;
    event: SessionCloseEvent;
  }[] = [
    {
      title: 'close() with a receiver to tell it to',
      end: ({ session }) => session.close(3000, 'Go away!'),
      event: { code: 3000, reason: 'Go away!', wasClean: true },
    },
    {
      title: 'close(), and a receiver that comes in time',
      kind: 'poll',
      end: ({ session, attach }) => {
        session.close();
        attach();
      },
      event: { code: 1000, reason: 'Normal closure', wasClean: true },
    },
    {
      title: 'close(), and no receiver that comes in time',
      kind: 'poll',
      end: ({ session }) => {
        session.close(4000);
        clock.tick(5000);
      },
      event: { code: 4000, reason: '', wasClean: false },
    },
    {
      title: 'close() on a WebSocket whose client answers',
      kind: 'socket',
      end: ({ session, receiver }) => {
        session.close(3000, 'Go away!');
        portOf(session).receiverAborted(receiver, { code: 3000, reason: 'Go away!', wasClean: true });
      },
      event: { code: 3000, reason: 'Go away!', wasClean: true },
    },
    {
      title: 'close() on a WebSocket that breaks before the client answers',
      kind: 'socket',
      end: ({ session, receiver }) => {
        session.close(3000, 'Go away!');
        portOf(session).receiverAborted(receiver, BROKEN);
      },
      event: { code: 3000, reason: 'Go away!', wasClean: false },
    },
    {
      title: "the client's own close on a WebSocket",
      kind: 'socket',
      end: ({ session, receiver }) =>
        portOf(session).receiverAborted(receiver, { code: 3001, reason: 'bye', wasClean: true }),
      event: { code: 3001, reason: 'bye', wasClean: true },
    },
    {
      title: 'a WebSocket that breaks',
      kind: 'socket',
      end: ({ session, receiver }) => portOf(session).receiverAborted(receiver, BROKEN),
      event: BROKEN,
    },
    {
      title: 'a receiver that is lost',
      end: ({ session, receiver }) => portOf(session).receiverAborted(receiver, INTERRUPTED),
      event: INTERRUPTED,
    },
    {
      title: 'no receiver that comes back in time',
      kind: 'poll',
      end: () => clock.tick(5000),
      event: INTERRUPTED,
    },
    {
      title: 'a listener that throws',
      end: ({ session }) => {
        session.once('message', () => {
          throw new Error('bug');
        });
        portOf(session).receive([''], 1);
      },
      event: { code: 1011, reason: 'Internal error', wasClean: true },
    },
  ];

  it('shows its id, the request that opened it, and room for data', () => {
    const request = new IncomingMessage(new Socket());
    const data = { name: 'x' };
    const session = makeSession('id', request, 'eventsource', identity(), data, environmentWith());
    assert.equal(session.id, 'id');
    assert.equal(session.request, request);
    assert.equal(session.transport, 'eventsource');
    assert.equal(session.data, data);
    session.data = { name: 'y' };
    assert.deepEqual(session.data, { name: 'y' });
    assert.equal(session instanceof EventEmitter, true);
    assert.equal(make().session.data, undefined);
  });

  it('is given to onSession once, after the open frame and in state active', () => {
    const seen: unknown[] = [];
    const { session, attach } = make({
      kind: 'poll',
      onSession: (given) => {
        seen.push(given, given.state, first.frames);
      },
    });
    const first = new FakeReceiver(portOf(session), 'poll');
    portOf(session).attach(first);
    attach();
    assert.deepEqual(seen, [session, 'active', ['o']]);
  });

  describe('state', () => {
    it('goes from opening by active and closing to closed', () => {
      const { session, attach } = make({ kind: 'poll' });
      assert.equal(session.state, 'opening');
      attach();
      assert.equal(session.state, 'active');
      session.close();
      assert.equal(session.state, 'closing');
      attach();
      assert.equal(session.state, 'closed');
    });

    for (const { title, kind = 'stream', end } of ENDINGS) {
      it(`is closed after ${title}`, () => {
        const opened = open({ kind });
        end(opened);
        assert.equal(opened.session.state, 'closed');
      });
    }
  });

  describe('transport', () => {
    it('names the receiver that is attached now or was the last', () => {
      const { session, attach } = open({ kind: 'poll' });
      assert.equal(session.transport, 'xhr-polling');
      const stream = attach('stream');
      assert.equal(session.transport, 'xhr-streaming');
      attach('poll');
      assert.equal(session.transport, 'xhr-streaming', 'not the one that was refused');
      portOf(session).receiverFlushed(stream);
      assert.equal(session.transport, 'xhr-streaming');
    });
  });

  describe('send()', () => {
    it('puts what is sent within one turn of the event loop into one frame, in order', async () => {
      const { session, receiver } = open();
      assert.equal(session.send('1'), true);
      assert.equal(session.send('2'), true);
      process.nextTick(() => session.send('3'));
      assert.deepEqual(receiver.frames, ['o'], 'nothing goes out at once');
      await Promise.resolve();
      assert.deepEqual(receiver.frames, ['o'], 'nor before the turn is over');
      await settle();
      session.send('4');
      await settle();
      assert.deepEqual(receiver.frames, ['o', 'a["1","2","3"]', 'a["4"]']);
    });

    it('flushes once for all that was sent in a turn, and not for a receiver that finds nothing', async () => {
      const { session, attach } = open({ kind: 'poll' });
      const { mock: flush } = mock.method(portOf(session), 'flush');
      attach();
      await settle();
      assert.equal(flush.callCount(), 0);
      session.send('1');
      session.send('2');
      await settle();
      assert.equal(flush.callCount(), 1);
      session.send('3');
      await settle();
      assert.equal(flush.callCount(), 2);
    });

    it('sends what onSession sends after the open frame', async () => {
      const { receiver } = open({ onSession: (session) => void session.send('hello') });
      await settle();
      assert.deepEqual(receiver.frames, ['o', 'a["hello"]']);
    });

    it('keeps messages while there is no receiver, for one frame to the next', async () => {
      const { session, attach } = open({ kind: 'poll' });
      session.send('1');
      await settle();
      session.send('2');
      await settle();
      const poll = attach();
      await settle();
      assert.deepEqual(poll.frames, ['a["1","2"]']);
      session.send('3');
      await settle();
      const next = attach();
      await settle();
      assert.deepEqual(next.frames, ['a["3"]']);
    });

    it('returns false and sends nothing unless the session is active', async () => {
      const { session, attach } = make({ kind: 'poll' });
      assert.equal(session.send('opening'), false);
      attach();
      session.close();
      assert.equal(session.send('closing'), false);
      const last = attach();
      assert.equal(session.send('closed'), false);
      await settle();
      assert.deepEqual(last.frames, ['c[1000,"Normal closure"]']);
    });

    for (const value of [undefined, null, 1, true, {}, ['x'], Buffer.from('x'), Symbol('x'), new String('x')]) {
      it(`throws a TypeError for ${typeof value} ${Object.prototype.toString.call(value)}, in any state`, () => {
        const { session } = open();
        const send = () => Reflect.apply(session.send, session, [value]);
        assert.throws(send, { name: 'TypeError', message: /session\.send\(\) takes a string/ });
        session.close();
        assert.throws(send, TypeError);
      });
    }
  });

  describe('recv()', () => {
    it('gives the messages in order, those that came before and those that come', async () => {
      const { session } = open();
      portOf(session).receive(['1', '2'], 1);
      assert.equal(await session.recv(), '1');
      assert.equal(await session.recv({}), '2');
      const third = session.recv({ signal: undefined });
      portOf(session).receive(['3', '4'], 1);
      assert.equal(await third, '3');
      assert.equal(await session.recv(), '4');
    });

    it('answers many calls at once in the order they were made, with nothing lost', async () => {
      const { session } = open();
      const waiting = Promise.all([session.recv(), session.recv(), session.recv()]);
      portOf(session).receive(['1'], 1);
      portOf(session).receive(['2', '', '4'], 1);
      assert.deepEqual(await waiting, ['1', '2', '']);
      assert.equal(await session.recv(), '4');
    });

    it('takes a message from a listener of close, too', async () => {
      const { session, receiver } = open();
      portOf(session).receive(['last'], 1);
      const read = new Promise((resolve) => session.on('close', () => resolve(session.recv())));
      portOf(session).receiverAborted(receiver, INTERRUPTED);
      assert.equal(await read, 'last');
    });

    for (const { title, kind = 'stream', end } of ENDINGS.slice(0, -1)) {
      it(`rejects with SessionNotOpenError after ${title}, once everything has been read`, async () => {
        const opened = open({ kind });
        portOf(opened.session).receive(['1', '2'], 1);
        end(opened);
        assert.equal(await opened.session.recv(), '1');
        assert.equal(await opened.session.recv(), '2');
        await assert.rejects(opened.session.recv(), SessionNotOpenError);
        await assert.rejects(opened.session.recv(), { name: 'SessionNotOpenError' });
      });

      it(`stops waiting with SessionNotOpenError on ${title}`, async () => {
        const opened = open({ kind });
        const waiting = Promise.allSettled([opened.session.recv(), opened.session.recv()]);
        end(opened);
        for (const outcome of await waiting) {
          assert.equal(outcome.status === 'rejected' && outcome.reason instanceof SessionNotOpenError, true);
        }
      });
    }

    describe('with a signal', () => {
      it('rejects with the reason of one that is aborted already, and takes no message', async () => {
        const { session } = open();
        portOf(session).receive(['1'], 1);
        const reason = new Error('no time');
        await assert.rejects(session.recv({ signal: AbortSignal.abort(reason) }), reason);
        assert.equal(await session.recv(), '1');
      });

      it('rejects with the reason when aborted while it waits, and the message goes to the next', async () => {
        const { session } = open();
        const controller = new AbortController();
        const first = session.recv();
        const aborted = session.recv({ signal: controller.signal });
        const last = session.recv();
        controller.abort('a reason of any kind');
        await assert.rejects(aborted, (reason) => reason === 'a reason of any kind');
        portOf(session).receive(['1', '2'], 1);
        assert.deepEqual(await Promise.all([first, last]), ['1', '2']);
      });

      it('keeps its message when aborted after it came', async () => {
        const { session } = open();
        const controller = new AbortController();
        const message = session.recv({ signal: controller.signal });
        portOf(session).receive(['1'], 1);
        controller.abort();
        assert.equal(await message, '1');
      });

      it('leaves no listener on the signal, however it ends', async () => {
        const { session } = open();
        const controller = new AbortController();
        const { signal } = controller;
        const answered = session.recv({ signal });
        portOf(session).receive(['1'], 1);
        await answered;
        assert.equal(getEventListeners(signal, 'abort').length, 0);
        const unanswered = session.recv({ signal });
        session.close();
        await assert.rejects(unanswered, SessionNotOpenError);
        assert.equal(getEventListeners(signal, 'abort').length, 0);
      });
    });
  });

  describe('for await', () => {
    it('gives the messages in order and ends quietly when everything has been read', async () => {
      for (const { kind = 'stream', end } of ENDINGS.slice(0, -1)) {
        const opened = open({ kind });
        const seen: string[] = [];
        portOf(opened.session).receive(['1', '2'], 1);
        for await (const message of opened.session) {
          if (seen.push(message) === 2) {
            portOf(opened.session).receive(['3', '4'], 1);
            end(opened);
          }
        }
        assert.deepEqual(seen, ['1', '2', '3', '4']);
      }
    });

    it('ends quietly when the session ends while it waits', async () => {
      const { session } = open();
      const loop = session[Symbol.asyncIterator]().next();
      session.close();
      assert.deepEqual(await loop, { value: undefined, done: true });
    });

    it('ends at once on a session that has ended', async () => {
      const { session } = open();
      session.close();
      for await (const message of session) {
        assert.fail(message);
      }
    });

    it('leaves the session open and the other messages unread when it is left', async () => {
      const { session } = open();
      portOf(session).receive(['1', '2', '3'], 1);
      for await (const message of session) {
        assert.equal(message, '1');
        break;
      }
      assert.equal(session.state, 'active');
      assert.equal(await session.recv(), '2');
      for await (const message of session) {
        assert.equal(message, '3');
        break;
      }
    });

    it('passes on what its body throws', async () => {
      const { session } = open();
      portOf(session).receive(['1'], 1);
      const error = new Error('mine');
      await assert.rejects(async () => {
        for await (const _ of session) {
          throw error;
        }
      }, error);
      assert.equal(session.state, 'active');
    });
  });

  describe("'message'", () => {
    it('comes for each message, in order, at once', () => {
      const { session } = open();
      const seen: string[] = [];
      session.on('message', (message) => seen.push(message));
      portOf(session).receive(['1', ''], 1);
      portOf(session).receive([], 1);
      portOf(session).receive(['3'], 1);
      assert.deepEqual(seen, ['1', '', '3']);
    });

    it('waits for a listener, and does not come within the call that adds it', async () => {
      const { session } = open();
      const seen: string[] = [];
      portOf(session).receive(['1', '2'], 1);
      portOf(session).receive(['3'], 1);
      await settle();
      session.on('message', (message) => seen.push(message));
      assert.deepEqual(seen, []);
      await settle();
      assert.deepEqual(seen, ['1', '2', '3']);
    });

    it('keeps the order when more comes before those that waited were delivered', async () => {
      const { session } = open();
      const seen: string[] = [];
      portOf(session).receive(['1'], 1);
      session.on('message', (message) => seen.push(message));
      portOf(session).receive(['2'], 1);
      await settle();
      assert.deepEqual(seen, ['1', '2']);
    });

    it('keeps the order when a listener has more come in', () => {
      const { session } = open();
      const seen: string[] = [];
      session.on('message', (message) => {
        seen.push(message);
        if (message === '1') {
          portOf(session).receive(['3'], 1);
        }
      });
      portOf(session).receive(['1', '2'], 1);
      assert.deepEqual(seen, ['1', '2', '3']);
    });

    it('goes to once() exactly once, and leaves the others for the next reader', async () => {
      const { session } = open();
      const seen: string[] = [];
      portOf(session).receive(['1', '2', '3', '4'], 1);
      session.once('message', (message) => seen.push(message));
      await settle();
      assert.deepEqual(seen, ['1']);
      session.prependOnceListener('message', (message) => seen.push(message));
      await settle();
      assert.deepEqual(seen, ['1', '2']);
      assert.equal(await session.recv(), '3');
      assert.deepEqual(await once(session, 'message'), ['4']);
    });

    it('waits again after removeAllListeners()', async () => {
      const { session } = open();
      const seen: string[] = [];
      session.on('message', (message) => {
        seen.push(message);
        session.removeAllListeners('message');
      });
      portOf(session).receive(['1', '2'], 1);
      portOf(session).receive(['3'], 1);
      assert.deepEqual(seen, ['1']);
      session.on('message', (message) => seen.push(message));
      await settle();
      portOf(session).receive(['4'], 1);
      assert.deepEqual(seen, ['1', '2', '3', '4']);
    });

    it('goes to prepended listeners first', () => {
      const { session } = open();
      const seen: string[] = [];
      session.addListener('message', () => seen.push('added'));
      session.prependListener('message', () => seen.push('prepended'));
      portOf(session).receive([''], 1);
      assert.deepEqual(seen, ['prepended', 'added']);
    });

    it('comes no more once a listener has called close(), the rest is dropped', async () => {
      const { session, receiver } = open();
      const seen: string[] = [];
      session.on('message', (message) => {
        seen.push(message);
        session.send(`re ${message}`);
        if (message === '2') {
          session.close();
        }
      });
      portOf(session).receive(['1', '2', '3'], 1);
      portOf(session).receive(['4'], 1);
      await settle();
      assert.deepEqual(seen, ['1', '2']);
      assert.deepEqual(receiver.frames, ['o', 'a["re 1","re 2"]', 'c[1000,"Normal closure"]']);
    });

    it('comes for what waited when the session ends, before close', async () => {
      const { session, receiver } = open();
      const seen: unknown[] = [];
      portOf(session).receive(['1', '2'], 1);
      session.on('message', (message) => seen.push(message));
      session.on('close', ({ code }) => seen.push(code));
      portOf(session).receiverAborted(receiver, INTERRUPTED);
      await settle();
      assert.deepEqual(seen, ['1', '2', 1002]);
    });

    for (const { title, kind = 'stream', end } of ENDINGS) {
      it(`never comes after ${title}`, async () => {
        const opened = open({ kind });
        end(opened);
        const { session } = opened;
        portOf(session).receive(['late'], 1);
        await assert.rejects(session.recv(), SessionNotOpenError);
        session.on('message', (message) => assert.fail(message));
        portOf(session).receive(['later'], 1);
        await settle();
        assert.equal(opened.errors.length, title === 'a listener that throws' ? 1 : 0);
      });
    }
  });

  describe('a message listener together with recv() or a loop', () => {
    for (const method of ['on', 'addListener', 'once', 'prependListener', 'prependOnceListener'] as const) {
      describe(`by ${method}()`, () => {
        // The five are not called alike in types, though all take the same.
        const listen = (session: Session, listener = () => {}, event = 'message') => {
          Reflect.apply(session[method], session, [event, listener]);
        };
        const misuse = { name: 'Error', message: /^sockjs: .*"message" listener/ };

        it('throws from recv() while the listener is there', async () => {
          const { session } = open();
          const listener = () => {};
          listen(session, listener);
          await assert.rejects(session.recv(), misuse);
          session.off('message', listener);
          portOf(session).receive(['1'], 1);
          assert.equal(await session.recv(), '1');
        });

        it('throws from the loop while the listener is there', async () => {
          const { session } = open();
          listen(session);
          await assert.rejects(async () => {
            for await (const message of session) {
              assert.fail(message);
            }
          }, misuse);
        });

        it('throws while recv() waits, and no more when it was answered or aborted', async () => {
          const { session } = open();
          const controller = new AbortController();
          const aborted = session.recv({ signal: controller.signal });
          const answered = session.recv();
          const again = () => listen(session);
          assert.throws(again, misuse);
          controller.abort();
          await assert.rejects(aborted);
          assert.throws(again, misuse);
          portOf(session).receive(['1'], 1);
          assert.equal(await answered, '1');
          again();
          assert.equal(session.listenerCount('message'), 1);
        });

        it('throws within a loop, and no more when it was left', async () => {
          const { session } = open();
          const again = () => listen(session);
          portOf(session).receive(['1'], 1);
          for await (const _ of session) {
            assert.throws(again, misuse);
            break;
          }
          again();
        });

        it('throws while a loop waits', async () => {
          const { session } = open();
          const loop = session[Symbol.asyncIterator]().next();
          assert.throws(() => listen(session), misuse);
          portOf(session).receive(['1'], 1);
          assert.equal((await loop).value, '1');
        });

        it('is no matter for close listeners', () => {
          const { session } = open();
          session.recv().catch(() => {});
          listen(session, () => {}, 'close');
        });
      });
    }
  });

  describe('close()', () => {
    const reasonOf123Bytes = `${'é'.repeat(61)}x`;
    for (const [args, frame] of [
      [[], 'c[1000,"Normal closure"]'],
      [[undefined, 'Done'], 'c[1000,"Done"]'],
      [[undefined, ''], 'c[1000,""]'],
      [[1000], 'c[1000,""]'],
      [[1001, 'x'], 'c[1001,"x"]'],
      [[2999], 'c[2999,""]'],
      [[3000], 'c[3000,""]'],
      [[3000, 'Go away!'], 'c[3000,"Go away!"]'],
      [[4999, reasonOf123Bytes], `c[4999,"${reasonOf123Bytes}"]`],
    ] as const) {
      it(`(${args.map((arg) => JSON.stringify(arg)).join(', ')}) sends ${frame}`, () => {
        const { session, receiver } = open();
        assert.equal(closeWith(session, ...args), true);
        assert.deepEqual(receiver.frames, ['o', frame]);
      });
    }

    it('returns false when closing or closed already, and changes nothing', async () => {
      const { session, attach, closes } = open({ kind: 'poll' });
      assert.equal(session.close(3000, 'first'), true);
      assert.equal(session.close(3001, 'second'), false);
      assert.deepEqual(attach().frames, ['c[3000,"first"]']);
      assert.equal(session.close(3002, 'third'), false);
      assert.deepEqual(attach().frames, ['c[3000,"first"]']);
      await settle();
      assert.deepEqual(closes, [{ code: 3000, reason: 'first', wasClean: true }]);
    });

    for (const { title, kind = 'stream', end } of ENDINGS) {
      it(`returns false after ${title}`, () => {
        const opened = open({ kind });
        end(opened);
        assert.equal(opened.session.close(), false);
      });
    }

    for (const code of [
      999,
      0,
      -1,
      5000,
      1004,
      1005,
      1006,
      1015,
      1000.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      '3000',
    ]) {
      it(`throws a RangeError for code ${JSON.stringify(code)} (${code}), and the session stays open`, () => {
        const { session, receiver } = open();
        assert.throws(() => closeWith(session, code, 'x'), {
          name: 'RangeError',
          message: new RegExp(`\\bcode ${code};.*from 1000 to 4999 other than 1004, 1005, 1006 and 1015`),
        });
        assert.equal(session.state, 'active');
        assert.deepEqual(receiver.frames, ['o']);
      });
    }

    for (const reason of ['x'.repeat(124), 'é'.repeat(62), '😀'.repeat(31)]) {
      it(`throws a RangeError for a reason of ${Buffer.byteLength(reason)} bytes in ${reason.length} units`, () => {
        const { session } = open();
        assert.throws(() => session.close(3000, reason), { name: 'RangeError', message: /at most 123 bytes of UTF-8/ });
        assert.equal(session.state, 'active');
      });
    }

    for (const reason of [1, true, {}, [], Symbol('x'), Buffer.from('x')]) {
      it(`throws a TypeError for a reason that is ${Object.prototype.toString.call(reason)}`, () => {
        const { session } = open();
        assert.throws(() => closeWith(session, 3000, reason), { name: 'TypeError', message: /must be a string/ });
        assert.equal(session.state, 'active');
      });
    }

    it('sends what was sent before it first', () => {
      const { session, receiver } = open();
      session.send('1');
      session.send('2');
      session.close();
      assert.deepEqual(receiver.frames, ['o', 'a["1","2"]', 'c[1000,"Normal closure"]']);
    });

    it('takes one poll for the messages and the next for the close frame', async () => {
      const { session, attach, closes } = open({ kind: 'poll' });
      const waiting = attach();
      session.send('1');
      session.close();
      assert.deepEqual(waiting.frames, ['a["1"]']);
      assert.equal(session.state, 'closing');
      await settle();
      assert.deepEqual(closes, []);
      assert.deepEqual(attach().frames, ['c[1000,"Normal closure"]']);
      await settle();
      assert.equal(closes.length, 1);
    });

    it('is over, and told to onEnd, as soon as a receiver has taken the close frame', () => {
      const { session, attach, ends } = open({ kind: 'poll' });
      session.close();
      clock.tick(4999);
      assert.deepEqual(ends, []);
      attach();
      assert.deepEqual(ends, [[session, { code: 1000, reason: 'Normal closure', wasClean: true }]]);
      assert.equal(clock.countTimers(), 0);
      // Those that found the session before it ended get the frame all the same.
      assert.deepEqual(attach('stream').frames, ['c[1000,"Normal closure"]']);
      assert.equal(ends.length, 1);
    });

    it('gives up as soon when a poll has come for the messages, but none for the close frame', () => {
      const { session, ends, attach } = open({ kind: 'poll' });
      session.send('x');
      session.close(3000);
      clock.tick(4000);
      assert.deepEqual(attach().frames, ['a["x"]']);
      clock.tick(999);
      assert.equal(ends.length, 0);
      clock.tick(1);
      assert.equal(ends.length, 1);
    });

    it('gives up, and tells onEnd, when no receiver comes within disconnectDelay', () => {
      const { session, ends } = open({ kind: 'poll' });
      session.send('1');
      session.close(3000, 'x');
      clock.tick(4999);
      assert.equal(session.state, 'closing');
      assert.deepEqual(ends, []);
      clock.tick(1);
      assert.equal(session.state, 'closed');
      assert.deepEqual(ends, [[session, { code: 3000, reason: 'x', wasClean: false }]]);
      assert.equal(session.bufferedAmount, 0);
      assert.equal(clock.countTimers(), 0);
    });
  });

  describe('signal', () => {
    it('is one and the same, and not aborted while the session is active', () => {
      const { session } = open();
      const { signal } = session;
      assert.equal(signal instanceof AbortSignal, true);
      assert.equal(session.signal, signal);
      assert.equal(signal.aborted, false);
    });

    for (const { title, kind = 'stream', end } of ENDINGS) {
      it(`is aborted by ${title}, also when first asked for afterwards`, () => {
        const asked = open({ kind });
        const { signal } = asked.session;
        let aborts = 0;
        signal.addEventListener('abort', () => {
          aborts += 1;
        });
        end(asked);
        assert.equal(signal.aborted, true);
        assert.equal(aborts, 1);

        const unasked = open({ kind });
        end(unasked);
        assert.equal(unasked.session.signal.aborted, true);
      });
    }

    it('is aborted when the state has changed already', () => {
      const { session, receiver } = open();
      const states: string[] = [];
      session.signal.addEventListener('abort', () => states.push(session.state));
      portOf(session).receiverAborted(receiver, INTERRUPTED);
      const closing = open().session;
      closing.signal.addEventListener('abort', () => states.push(closing.state));
      closing.close();
      const unopened = make().session;
      unopened.signal.addEventListener('abort', () => states.push(unopened.state));
      portOf(unopened).discard();
      assert.deepEqual(states, ['closed', 'closing', 'closed']);
    });

    it('is aborted within the call of close(), while the close frame has yet to go', () => {
      const { session } = open({ kind: 'poll' });
      const { signal } = session;
      session.close();
      assert.equal(session.state, 'closing');
      assert.equal(signal.aborted, true);
    });
  });

  describe("'close'", () => {
    for (const { title, kind = 'stream', end, event } of ENDINGS) {
      it(`says ${JSON.stringify(event)} after ${title}; once, and never within the call`, async () => {
        const opened = open({ kind });
        const { session, closes, attach, receiver } = opened;
        end(opened);
        assert.deepEqual(closes, [], 'within the call');
        await settle();
        assert.deepEqual(closes, [event]);
        session.close();
        portOf(session).receiverAborted(receiver, BROKEN);
        portOf(session).receiverFlushed(receiver);
        attach();
        portOf(session).receive(['late'], 1);
        clock.tick(60_000);
        await settle();
        assert.equal(closes.length, 1);
      });
    }

    it('is the last event', async () => {
      const { session, receiver } = open();
      const seen: string[] = [];
      session.on('message', (message) => seen.push(message));
      session.on('close', () => seen.push('close'));
      portOf(session).receive(['1', '2'], 1);
      portOf(session).receiverAborted(receiver, INTERRUPTED);
      portOf(session).receive(['3'], 1);
      await settle();
      assert.deepEqual(seen, ['1', '2', 'close']);
    });

    describe('over sockets', () => {
      const path = '/echo/000/end';
      for (const [title, event, connect] of [
        [
          'a WebSocket client closes with its own code',
          { code: 3001, reason: 'bye', wasClean: true },
          (origin: string) => {
            const client = new WebSocketClient(origin, `${path}/websocket`);
            return client.opened.then(() => client.socket.close(3001, 'bye'));
          },
        ],
        [
          'a WebSocket client closes without a code',
          { code: 1005, reason: '', wasClean: true },
          (origin: string) => {
            const client = new WebSocketClient(origin, `${path}/websocket`);
            return client.opened.then(() => client.socket.close());
          },
        ],
        [
          'a WebSocket breaks',
          BROKEN,
          (origin: string) => {
            const client = new WebSocketClient(origin, `${path}/websocket`);
            return client.opened.then(() => client.socket.terminate());
          },
        ],
        [
          'a streaming request is broken off',
          INTERRUPTED,
          (origin: string) => {
            const stream = new Stream(`${origin}${path}/xhr_streaming`, 'POST');
            return stream.until('o\n').then(() => stream.abort());
          },
        ],
      ] as const) {
        it(`says ${JSON.stringify(event)} when ${title}`, async () => {
          const sessions = sessionCatcher();
          const { origin } = await serve({}, sessions.onSession);
          await connect(origin);
          const session = await sessions.next();
          assert.deepEqual(await once(session, 'close'), [event]);
          assert.equal(session.state, 'closed');
        });
      }

      it('says wasClean when a WebSocket client has answered close()', async () => {
        const sessions = sessionCatcher();
        const { origin } = await serve({}, sessions.onSession);
        const client = new WebSocketClient(origin, `${path}/websocket`);
        const session = await sessions.next();
        session.close(3000, 'Go away!');
        assert.equal(session.state, 'closing');
        assert.deepEqual(await once(session, 'close'), [{ code: 3000, reason: 'Go away!', wasClean: true }]);
        assert.deepEqual(await client.closed, { code: 3000, reason: 'Go away!' });
      });
    });
  });

  describe('an application that throws', () => {
    const error = new Error('bug');
    const INTERNAL = 'c[1011,"Internal error"]';

    const throwNow = () => {
      throw error;
    };
    const reject = async () => {
      throw error;
    };

    for (const [title, fail] of [
      ['throws', throwNow],
      ['rejects', reject],
    ] as const) {
      it(`is closed with 1011 and told to onError when onSession ${title}`, async () => {
        const { session, receiver, errors, closes } = open({ onSession: fail });
        await settle();
        assert.deepEqual(receiver.frames, ['o', INTERNAL]);
        assert.deepEqual(errors, [[error, session]]);
        assert.deepEqual(closes, [{ code: 1011, reason: 'Internal error', wasClean: true }]);
      });

      it(`tells the next poll when onSession ${title}`, async () => {
        const { receiver, attach } = open({ kind: 'poll', onSession: fail });
        await settle();
        assert.deepEqual(receiver.frames, ['o']);
        assert.deepEqual(attach().frames, [INTERNAL]);
      });

      it(`is closed with 1011 and told to onError when a message listener ${title}`, async () => {
        const { session, receiver, errors } = open();
        session.on('message', fail);
        session.send('before');
        portOf(session).receive(['1'], 1);
        await settle();
        assert.deepEqual(receiver.frames, ['o', 'a["before"]', INTERNAL]);
        assert.deepEqual(errors, [[error, session]]);
      });

      it(`is told to onError when a close listener ${title}, and the close stays as it was`, async () => {
        const { session, receiver, errors, closes } = open();
        session.on('close', fail);
        session.close(3000, 'x');
        await settle();
        assert.deepEqual(receiver.frames, ['o', 'c[3000,"x"]']);
        assert.deepEqual(errors, [[error, session]]);
        assert.deepEqual(closes, [{ code: 3000, reason: 'x', wasClean: true }]);
      });

      it(`is closed all the same when onError ${title} itself, and the process is warned`, async () => {
        const { mock: warn } = mock.method(process, 'emitWarning', () => {});
        afterTest(() => warn.restore());
        const { session, receiver } = open({ onError: fail });
        session.on('message', throwNow);
        portOf(session).receive(['1'], 1);
        await settle();
        assert.match(String(warn.calls[0]?.arguments[0]), /onError.*bug/);
        assert.deepEqual(receiver.frames, ['o', INTERNAL]);
        assert.equal(session.state, 'closed');
      });
    }

    it('drops the rest of several messages when a listener throws at one, and tells onError once', async () => {
      const { session, receiver, errors } = open();
      const seen: string[] = [];
      session.on('message', (message) => {
        seen.push(message);
        if (message === '2') {
          throw error;
        }
      });
      portOf(session).receive(['1', '2', '3'], 1);
      await settle();
      assert.deepEqual(seen, ['1', '2']);
      assert.deepEqual(errors, [[error, session]]);
      assert.deepEqual(receiver.frames, ['o', INTERNAL]);
    });

    it('is told of each listener that rejects, and closed once', async () => {
      const { session, errors, closes } = open();
      session.on('message', reject);
      portOf(session).receive(['1', '2'], 1);
      await settle();
      assert.equal(errors.length, 2);
      assert.equal(closes.length, 1);
    });

    it('still is active while onError runs, which may close it otherwise', () => {
      const states: string[] = [];
      const { session, receiver } = open({
        onError: (_, failed) => {
          states.push(failed.state);
          failed.close(4000, 'sorry');
        },
      });
      session.on('message', throwNow);
      portOf(session).receive(['1'], 1);
      assert.deepEqual(states, ['active']);
      assert.deepEqual(receiver.frames, ['o', 'c[4000,"sorry"]']);
    });

    for (const [title, setup] of [
      [
        'onSession',
        {
          onSession: async (session) => {
            for (;;) {
              await session.recv();
            }
          },
        },
      ],
      [
        'onSession that waits for drain',
        {
          sendHighWaterMark: 1,
          onSession: async (session) => {
            session.send('x');
            await session.drained();
          },
        },
      ],
      [
        'a listener',
        {
          onSession: (session) => {
            session.on('message', async () => {
              session.removeAllListeners('message');
              await session.recv();
            });
            portOf(session).receive(['x'], 1);
          },
        },
      ],
    ] as [string, Setup][]) {
      it(`is no error when ${title} learns by SessionNotOpenError that the session has ended`, async () => {
        const { session, receiver, errors, closes } = open({ kind: 'socket', ...setup });
        portOf(session).receiverAborted(receiver, BROKEN);
        await settle();
        assert.deepEqual(errors, []);
        assert.deepEqual(closes, [BROKEN]);
      });
    }

    it('is one when it throws a SessionNotOpenError while its session is open', async () => {
      const { receiver, errors } = open({
        onSession: () => {
          throw new SessionNotOpenError();
        },
      });
      await settle();
      assert.equal(errors.length, 1);
      assert.deepEqual(receiver.frames, ['o', INTERNAL]);
    });

    it('emits no error event', async () => {
      const { session } = open();
      EventEmitter.prototype.on.call(session, 'error', () => assert.fail('an error event'));
      session.on('message', throwNow);
      session.on('close', reject);
      portOf(session).receive(['1'], 1);
      await settle();
    });

    it('leaves the process and other sessions alone, over sockets', async () => {
      const failures = new Map<string, () => void>([
        ['throw', throwNow],
        ['reject', reject],
      ]);
      const errors: unknown[] = [];
      const { origin } = await serve({ onError: (thrown) => errors.push(thrown) }, (session) => {
        session.on('message', (message) => failures.get(message)?.());
        return echo(session);
      });
      const untouched = new WebSocketClient(origin, '/echo/000/a/websocket');
      assert.equal(await untouched.next(), 'o');
      for (const how of failures.keys()) {
        const failing = new WebSocketClient(origin, '/echo/000/b/websocket');
        assert.equal(await failing.next(), 'o');
        failing.send(JSON.stringify(how));
        const frames: string[] = [];
        do {
          frames.push(await failing.next());
        } while (frames.at(-1) !== INTERNAL);
        // Listeners run in order: an earlier one that only rejects later does not keep the echo from being queued.
        assert.deepEqual(frames, how === 'throw' ? [INTERNAL] : ['a["reject"]', INTERNAL]);
        assert.deepEqual(await failing.closed, { code: 1011, reason: 'Internal error' });
      }
      assert.deepEqual(errors, [error, error]);
      untouched.send('"still here"');
      assert.equal(await untouched.next(), 'a["still here"]');
    });
  });

  describe('receivers', () => {
    it('refuses a second one with 2010 and leaves the first alone', async () => {
      const { session, attach, receiver } = open();
      assert.deepEqual(attach('poll').frames, ['c[2010,"Another connection still open"]']);
      assert.equal(session.state, 'active');
      session.send('1');
      await settle();
      assert.deepEqual(receiver.frames, ['o', 'a["1"]']);
    });

    it('waits for the one that has the close frame, not for one that was refused', () => {
      const { session, attach } = open({ kind: 'socket', family: 'xhr' });
      session.close();
      assert.deepEqual(attach('poll').frames, ['c[2010,"Another connection still open"]']);
      assert.equal(session.state, 'closing');
    });

    it('writes nothing to one that is lost', () => {
      const { session, receiver } = open();
      portOf(session).receiverAborted(receiver, INTERRUPTED);
      assert.deepEqual(receiver.frames, ['o']);
    });

    it('goes on when one that was refused breaks off', async () => {
      const { session, attach, receiver } = open();
      portOf(session).receiverAborted(attach('poll'), INTERRUPTED);
      assert.equal(session.state, 'active');
      session.send('1');
      await settle();
      assert.deepEqual(receiver.frames, ['o', 'a["1"]']);
    });

    for (const endpoint of ['xhr_streaming', 'xhr']) {
      it(`ends when its connection breaks while its answer on ${endpoint} waits behind another`, async () => {
        const sessions = sessionCatcher();
        const { port } = await serve({}, sessions.onSession);
        const client = new RawSocket(port);
        const start = (path: string) => {
          client.send(`POST /echo/000/${path} HTTP/1.1`, 'Host: localhost', 'Content-Length: 0', '', '');
          return sessions.next();
        };
        const first = await start('first/xhr_streaming');
        const second = await start(`second/${endpoint}`);
        client.socket.destroy();
        await once(first, 'close');
        await settle();
        clock.tick(5000);
        assert.equal(second.state, 'closed');
      });
    }

    it('ends when one is lost after the next has come, and tells that one', async () => {
      const { session, receiver, attach, closes } = open({ kind: 'slow poll' });
      const next = attach('stream');
      portOf(session).receiverAborted(receiver, INTERRUPTED);
      assert.equal(session.state, 'closed');
      assert.deepEqual(next.frames, ['c[1002,"Connection interrupted"]']);
      await settle();
      assert.deepEqual(closes, [INTERRUPTED]);
    });

    it('ends when one is lost on its way, and none has come', () => {
      const { session, receiver, attach } = open({ kind: 'slow poll' });
      portOf(session).receiverAborted(receiver, INTERRUPTED);
      assert.equal(session.state, 'closed');
      assert.deepEqual(attach().frames, ['c[1002,"Connection interrupted"]']);
    });

    it('is done with closing when one is lost, messages or not', async () => {
      const { session, receiver, attach, closes } = open({ kind: 'slow poll' });
      session.send('1');
      session.close(3000, 'x');
      portOf(session).receiverAborted(receiver, INTERRUPTED);
      await settle();
      assert.deepEqual(closes, [{ code: 3000, reason: 'x', wasClean: false }]);
      assert.deepEqual(attach().frames, ['c[3000,"x"]']);
    });

    it('are refused only while another is attached', () => {
      const { session } = make({ kind: 'poll' });
      const refusals = () => {
        const receiver = new FakeReceiver(portOf(session), 'poll');
        const { mock: refuse } = mock.method(receiver, 'refuse');
        portOf(session).attach(receiver);
        return refuse.calls.map(({ arguments: args }) => args);
      };
      assert.deepEqual(refusals(), [], 'opening');
      assert.deepEqual(refusals(), [], 'active');
      assert.deepEqual(refusals(), [[2010, 'Another connection still open']], 'another is there');
      session.send('x');
      session.close();
      assert.deepEqual(refusals(), [], 'closing');
      assert.equal(session.state, 'closed');
      assert.deepEqual(refusals(), [], 'closed');
    });

    it('ignores one that detaches twice', () => {
      const { session, receiver, attach } = open({ kind: 'poll' });
      const next = attach();
      portOf(session).receiverFlushed(receiver);
      assert.deepEqual(attach().frames, ['c[2010,"Another connection still open"]']);
      assert.deepEqual(next.frames, []);
    });

    it('is closed when none came in time, with what was queued', async () => {
      const { session, closes, ends, attach } = open({ kind: 'poll' });
      session.send('1');
      await settle();
      clock.tick(4999);
      assert.equal(session.state, 'active');
      assert.deepEqual(ends, []);
      clock.tick(1);
      assert.equal(session.state, 'closed');
      assert.equal(session.bufferedAmount, 0);
      assert.deepEqual(ends, [[session, INTERRUPTED]]);
      await settle();
      assert.deepEqual(closes, [INTERRUPTED]);
      assert.deepEqual(attach().frames, ['c[1002,"Connection interrupted"]']);
      clock.tick(60_000);
      assert.equal(ends.length, 1);
    });

    it('counts disconnectDelay from the end of the last one', () => {
      const { session, attach } = open({ kind: 'poll' });
      clock.tick(4999);
      const stream = attach('stream');
      clock.tick(24_000);
      portOf(session).receiverFlushed(stream);
      clock.tick(4999);
      assert.equal(session.state, 'active');
      clock.tick(1);
      assert.equal(session.state, 'closed');
    });

    for (const kind of ['stream', 'socket'] as const) {
      it(`emits close when a listener of the last messages closes it, on a ${kind}`, async () => {
        const { session, receiver, closes, ends } = open({ kind });
        portOf(session).receive(['1', '2'], 1);
        session.on('message', () => session.close(3000, 'x'));
        portOf(session).receiverAborted(receiver, BROKEN);
        assert.equal(session.state, kind === 'stream' ? 'closing' : 'closed');
        await settle();
        clock.tick(5000);
        await settle();
        assert.deepEqual(closes, [{ code: 3000, reason: 'x', wasClean: false }]);
        assert.equal(ends.length, 1);
      });
    }
  });

  describe('a receiver whose last bytes are still leaving', () => {
    /** An active session whose poll takes no more, but has not left. */
    function leaving() {
      const opened = open();
      portOf(opened.session).receiverReleased(opened.receiver);
      return opened;
    }

    it('holds expiry off until it has left', () => {
      const { session, receiver } = leaving();
      clock.tick(60_000);
      assert.equal(session.state, 'active');
      portOf(session).receiverFlushed(receiver);
      clock.tick(4999);
      assert.equal(session.state, 'active');
      clock.tick(1);
      assert.equal(session.state, 'closed');
    });

    it('lets the next one come, and does not trouble it by leaving', () => {
      const { session, receiver, attach } = leaving();
      const next = attach();
      clock.tick(10_000);
      portOf(session).receiverFlushed(receiver);
      portOf(session).receiverReleased(receiver);
      clock.tick(14_999);
      assert.deepEqual(next.frames, []);
      clock.tick(1);
      assert.deepEqual(next.frames, ['h']);
      assert.equal(session.state, 'active');
    });

    it('starts no expiry by leaving while the next one leaves, too', () => {
      const { session, receiver, attach } = leaving();
      const next = attach();
      portOf(session).receiverReleased(next);
      portOf(session).receiverFlushed(receiver);
      clock.tick(60_000);
      assert.equal(session.state, 'active');
      portOf(session).receiverFlushed(next);
      clock.tick(5000);
      assert.equal(session.state, 'closed');
    });

    it('leaves the timer alone, which is soon to be set again', () => {
      leaving();
      assert.equal(clock.countTimers(), 1);
    });

    for (const [title, leave] of [
      ['takes no more', ({ session, receiver }) => portOf(session).receiverReleased(receiver)],
      ['has left without the close frame', ({ session, receiver }) => portOf(session).receiverFlushed(receiver)],
    ] as [string, (opened: ReturnType<typeof open>) => void][]) {
      it(`gives a session that closes no more time when it ${title}`, () => {
        const opened = title === 'takes no more' ? open({ kind: 'socket', family: 'xhr' }) : leaving();
        const { session, ends } = opened;
        session.close();
        clock.tick(3000);
        leave(opened);
        clock.tick(1999);
        assert.deepEqual(ends, []);
        clock.tick(1);
        assert.equal(ends.length, 1);
      });
    }

    it('ends the session when it is lost', async () => {
      const { session, receiver, closes } = leaving();
      portOf(session).receiverAborted(receiver, INTERRUPTED);
      await settle();
      assert.deepEqual(closes, [INTERRUPTED]);
    });

    it('still gets messages out by the next when the application closes', () => {
      const { session, receiver, attach } = leaving();
      session.send('1');
      session.close();
      portOf(session).receiverFlushed(receiver);
      assert.equal(session.state, 'closing');
      assert.deepEqual(attach().frames, ['a["1"]', 'c[1000,"Normal closure"]']);
    });

    it('does not have a session end as clean while the close frame is on its way with another', async () => {
      const { session, receiver, attach, closes } = open({ kind: 'slow poll' });
      session.close(3000);
      const last = attach();
      assert.deepEqual(last.frames, ['c[3000,""]']);
      portOf(session).receiverFlushed(receiver);
      assert.equal(session.state, 'closing');
      portOf(session).receiverFlushed(last);
      assert.equal(session.state, 'closed');
      await settle();
      assert.deepEqual(closes, [{ code: 3000, reason: '', wasClean: true }]);
    });

    it('does not have a session end as clean while another that is attached has the close frame', () => {
      const { session, receiver, attach } = leaving();
      const last = attach('socket');
      session.close(3000);
      assert.deepEqual(last.frames, ['c[3000,""]']);
      portOf(session).receiverFlushed(receiver);
      assert.equal(session.state, 'closing');
      portOf(session).receiverFlushed(last);
      assert.equal(session.state, 'closed');
    });

    for (const [title, then, wasClean] of [
      ['it has left', ({ session, receiver }) => portOf(session).receiverFlushed(receiver), true],
      ['it is lost', ({ session, receiver }) => portOf(session).receiverAborted(receiver, INTERRUPTED), false],
      ['disconnectDelay has passed', () => clock.tick(5000), false],
    ] as [string, (opened: ReturnType<typeof open>) => void, boolean][]) {
      it(`lets a close frame count as ${wasClean ? '' : 'not '}clean once ${title}`, async () => {
        const opened = open({ kind: 'socket', family: 'xhr' });
        const { session, receiver, closes } = opened;
        session.close(3000);
        portOf(session).receiverReleased(receiver);
        await settle();
        assert.equal(session.state, 'closing');
        assert.deepEqual(closes, []);
        then(opened);
        portOf(session).receiverFlushed(receiver);
        await settle();
        assert.deepEqual(closes, [{ code: 3000, reason: '', wasClean }]);
      });
    }
  });

  describe('a receiver of another process whose last bytes are still leaving', () => {
    /** An active session with a relayed poll that takes no more but has not left, and the next receiver. */
    function leaving(kind: Kind = 'poll') {
      const opened = open({ kind: 'stream' });
      const relayed = Object.assign(opened.receiver, { holdsNext: true });
      portOf(opened.session).receiverReleased(relayed);
      return { ...opened, relayed, next: opened.attach(kind) };
    }

    it('keeps messages from the next one until it has left', async () => {
      const { session, relayed, next } = leaving();
      session.send('1');
      await turn();
      assert.deepEqual(next.frames, []);
      portOf(session).receiverFlushed(relayed);
      assert.deepEqual(next.frames, ['a["1"]']);
    });

    it('keeps heartbeats from the next one, and skips what was due', () => {
      const { session, relayed, next } = leaving('stream');
      clock.tick(30_000);
      portOf(session).receiverFlushed(relayed);
      assert.deepEqual(next.frames, []);
      clock.tick(20_000);
      assert.deepEqual(next.frames, ['h']);
    });

    it('keeps the close frame from the next one until it has left', async () => {
      const { session, relayed, next, closes } = leaving('stream');
      session.send('1');
      session.close(3000, 'Go away!');
      assert.deepEqual(next.frames, []);
      portOf(session).receiverFlushed(relayed);
      assert.deepEqual(next.frames, ['a["1"]', 'c[3000,"Go away!"]']);
      await settle();
      assert.deepEqual(closes, [{ code: 3000, reason: 'Go away!', wasClean: true }]);
    });

    it('keeps the close frame from one that comes while the session is closing', () => {
      const { session, relayed, next, attach } = leaving();
      portOf(session).receiverAborted(next, INTERRUPTED);
      assert.equal(session.state, 'closed');
      const closing = leaving();
      closing.session.close(3000, 'Go away!');
      portOf(closing.session).receiverFlushed(closing.relayed);
      assert.deepEqual(closing.next.frames, ['c[3000,"Go away!"]']);
      assert.deepEqual(attach('poll').frames, ['c[1002,"Connection interrupted"]'], 'after the end nothing is held');
      portOf(session).receiverFlushed(relayed);
    });

    it('ends the session under the next one when it is lost', async () => {
      const { session, relayed, next, closes } = leaving();
      session.send('1');
      portOf(session).receiverAborted(relayed, INTERRUPTED);
      await turn();
      assert.deepEqual(next.frames, ['c[1002,"Connection interrupted"]']);
      assert.deepEqual(closes, [INTERRUPTED]);
    });

    for (const [title, end] of [
      ['is lost', (session: Session, relayed: FakeReceiver) => portOf(session).receiverAborted(relayed, INTERRUPTED)],
      ['has not left in time', () => clock.tick(5000)],
    ] as const) {
      it(`leaves no receiver of a closing session without an answer when it ${title}`, () => {
        const { session, relayed, next } = leaving();
        session.close(3000, 'Go away!');
        end(session, relayed);
        assert.equal(session.state, 'closed');
        assert.deepEqual(next.frames, ['c[3000,"Go away!"]']);
      });
    }

    it('holds the next one for each of several', async () => {
      const { session, relayed, next, attach } = leaving();
      portOf(session).receiverReleased(Object.assign(next, { holdsNext: true }));
      const third = attach('poll');
      session.send('1');
      portOf(session).receiverFlushed(relayed);
      await turn();
      assert.deepEqual(third.frames, []);
      portOf(session).receiverFlushed(next);
      assert.deepEqual(third.frames, ['a["1"]']);
    });
  });

  describe('bufferedAmount', () => {
    it('counts what is queued in bytes of UTF-8, and an empty message as one', () => {
      const { session } = open({ kind: 'poll' });
      assert.equal(session.bufferedAmount, 0);
      session.send('é€😀');
      assert.equal(session.bufferedAmount, 9);
      session.send('');
      assert.equal(session.bufferedAmount, 10);
    });

    it('counts what the receiver has not got rid of, and those before it that are still leaving', async () => {
      const { session, receiver, attach } = open();
      session.send('12345');
      await settle();
      assert.equal(session.bufferedAmount, 0, 'all taken');
      receiver.bufferedAmount = 100;
      assert.equal(session.bufferedAmount, 100);
      portOf(session).receiverReleased(receiver);
      const second = attach();
      second.bufferedAmount = 20;
      portOf(session).receiverReleased(second);
      attach().bufferedAmount = 3;
      session.send('x');
      assert.equal(session.bufferedAmount, 124);
      portOf(session).receiverFlushed(receiver);
      assert.equal(session.bufferedAmount, 24);
    });

    it('says nothing of receivers that were refused', () => {
      const { session, attach } = open();
      attach('poll').bufferedAmount = 100;
      assert.equal(session.bufferedAmount, 0);
    });
  });

  describe('writableNeedDrain', () => {
    for (const [mark, message, needs] of [
      [10, 'x'.repeat(9), false],
      [10, 'x'.repeat(10), true],
      [10, 'é'.repeat(5), true],
      [0, '', true],
    ] as const) {
      it(`is ${needs} with ${message.length} characters queued and a mark of ${mark}`, () => {
        const { session } = open({ kind: 'poll', sendHighWaterMark: mark });
        assert.equal(session.writableNeedDrain, false);
        session.send(message);
        assert.equal(session.writableNeedDrain, needs);
      });
    }

    it('counts what the receiver has not got rid of', () => {
      const { session, receiver } = open({ sendHighWaterMark: 10 });
      receiver.bufferedAmount = 9;
      session.send('x');
      assert.equal(session.writableNeedDrain, true);
    });
  });

  describe("'drain'", () => {
    /** A session over its mark, its queue already with a receiver that is slow to get rid of it. */
    async function clogged(setup: Setup = {}) {
      const opened = open({ sendHighWaterMark: 10, ...setup });
      let drains = 0;
      opened.session.on('drain', () => {
        drains += 1;
      });
      opened.receiver.bufferedAmount = 10;
      opened.session.send('x');
      await settle();
      return { ...opened, drains: () => drains };
    }

    it('comes once, when less than the mark is left, and again after the next time', async () => {
      const { session, receiver, drains } = await clogged();
      portOf(session).receiverDrained();
      assert.equal(drains(), 0, 'at the mark');
      receiver.bufferedAmount = 9;
      portOf(session).receiverDrained();
      assert.equal(drains(), 1);
      assert.equal(session.writableNeedDrain, false);
      receiver.bufferedAmount = 0;
      portOf(session).receiverDrained();
      assert.equal(drains(), 1);
      session.send('x'.repeat(10));
      await settle();
      portOf(session).receiverDrained();
      assert.equal(drains(), 2);
    });

    it('does not come where the mark was never reached', () => {
      const { session, receiver } = open({ sendHighWaterMark: 10 });
      session.on('drain', () => assert.fail('drain'));
      session.send('x');
      portOf(session).receiverDrained();
      portOf(session).receiverFlushed(receiver);
    });

    it('comes with a mark of 0 once nothing is left', async () => {
      const { session, receiver, drains } = await clogged({ sendHighWaterMark: 0 });
      receiver.bufferedAmount = 1;
      portOf(session).receiverDrained();
      assert.equal(drains(), 0);
      receiver.bufferedAmount = 0;
      portOf(session).receiverDrained();
      assert.equal(drains(), 1);
    });

    it('comes when a poll that takes the queue has left', async () => {
      const { session, attach, drains, receiver } = await clogged({ kind: 'slow poll' });
      const next = attach();
      await settle();
      assert.deepEqual(next.frames, ['a["x"]']);
      next.bufferedAmount = 10;
      portOf(session).receiverFlushed(receiver);
      assert.equal(drains(), 0, 'no more than the open frame has left');
      portOf(session).receiverFlushed(next);
      assert.equal(drains(), 1);
    });

    it('waits for all receivers that are still leaving', async () => {
      const { session, attach, drains, receiver } = await clogged();
      portOf(session).receiverReleased(receiver);
      const next = attach();
      next.bufferedAmount = 10;
      portOf(session).receiverFlushed(receiver);
      assert.equal(drains(), 0);
      portOf(session).receiverReleased(next);
      portOf(session).receiverFlushed(next);
      assert.equal(drains(), 1);
    });

    for (const { title, kind = 'stream', end } of ENDINGS) {
      it(`never comes after ${title}`, async () => {
        const opened = open({ kind, sendHighWaterMark: 1 });
        const { session, receiver } = opened;
        session.send('x');
        session.on('drain', () => assert.fail('drain'));
        end(opened);
        receiver.bufferedAmount = 0;
        portOf(session).receiverDrained();
        portOf(session).receiverFlushed(receiver);
        portOf(session).receiverDrained();
        await settle();
        assert.equal(opened.errors.length, title === 'a listener that throws' ? 1 : 0);
      });
    }

    it('comes in the async context of what reached the mark, each time anew', async () => {
      const storage = new AsyncLocalStorage<string>();
      const { session, receiver } = open({ sendHighWaterMark: 10 });
      const heard: unknown[] = [];
      session.on('drain', () => heard.push(storage.getStore()));
      for (const name of ['first', 'second']) {
        storage.run('below the mark', () => session.send('x'.repeat(9)));
        storage.run(name, () => session.send('y'));
        storage.run('beyond the mark', () => session.send('z'));
        await settle();
        storage.run('the write', () => portOf(session).receiverDrained());
      }
      assert.deepEqual(heard, ['first', 'second']);
      receiver.bufferedAmount = 0;
      storage.run('the write', () => portOf(session).receiverDrained());
      assert.equal(heard.length, 2);
    });

    it('has a context of a type that tools can tell from others', () => {
      const { session } = open({ sendHighWaterMark: 1 });
      const types: string[] = [];
      const hook = createHook({ init: (_, type) => types.push(type) }).enable();
      session.send('x');
      hook.disable();
      assert.deepEqual(
        types.filter((type) => type !== 'Immediate'),
        ['sockjs.drain'],
      );
    });

    it('may send on from its listener, up to the mark', async () => {
      const { session, receiver } = await clogged();
      session.once('drain', () => {
        while (!session.writableNeedDrain) {
          session.send('1234');
        }
      });
      receiver.bufferedAmount = 0;
      portOf(session).receiverDrained();
      await settle();
      assert.deepEqual(receiver.frames.at(-1), 'a["1234","1234","1234"]');
    });
  });

  describe('drained()', () => {
    it('resolves at once where nothing needs to drain', async () => {
      const { session } = open({ kind: 'poll', sendHighWaterMark: 10 });
      session.send('x');
      await session.drained();
    });

    it('resolves for all who wait, together with drain', async () => {
      const { session, receiver } = open({ sendHighWaterMark: 10 });
      receiver.bufferedAmount = 10;
      session.send('x');
      const done: string[] = [];
      const waiting = ['1', '2'].map((name) => session.drained().then(() => done.push(name)));
      await settle();
      portOf(session).receiverDrained();
      await settle();
      assert.deepEqual(done, []);
      receiver.bufferedAmount = 0;
      portOf(session).receiverDrained();
      await Promise.all(waiting);
      assert.deepEqual(done, ['1', '2']);
    });

    for (const { title, kind = 'stream', end } of ENDINGS) {
      it(`rejects with SessionNotOpenError on and after ${title}`, async () => {
        const opened = open({ kind, sendHighWaterMark: 1 });
        opened.session.send('x');
        const waiting = opened.session.drained();
        const rejected = assert.rejects(waiting, SessionNotOpenError);
        end(opened);
        await rejected;
        await assert.rejects(opened.session.drained(), SessionNotOpenError);
      });
    }

    it('rejects with the reason of a signal, before and while it waits, and leaves no listener on it', async () => {
      const { session, receiver } = open({ sendHighWaterMark: 1 });
      receiver.bufferedAmount = 1;
      const reason = new Error('no time');
      await assert.rejects(session.drained({ signal: AbortSignal.abort(reason) }), reason);
      session.send('x');
      const controller = new AbortController();
      const { signal } = controller;
      const aborted = session.drained({ signal });
      const other = session.drained({ signal: undefined });
      const stays = new AbortController();
      const drained = session.drained({ signal: stays.signal });
      controller.abort(reason);
      await assert.rejects(aborted, reason);
      await settle();
      receiver.bufferedAmount = 0;
      portOf(session).receiverDrained();
      await Promise.all([other, drained]);
      assert.equal(getEventListeners(signal, 'abort').length, 0);
      assert.equal(getEventListeners(stays.signal, 'abort').length, 0);
    });
  });

  describe('maxSendBuffer', () => {
    const SLOW = 'c[1013,"Slow consumer"]';

    it('is how much may be queued, and one byte more closes with 1013 and drops the queue', async () => {
      const { session, attach, closes, metrics } = open({ kind: 'poll', maxSendBuffer: 10 });
      assert.equal(session.send('x'.repeat(6)), true);
      assert.equal(session.send('éé'), true);
      assert.equal(session.state, 'active');
      assert.equal(session.send('x'), false);
      assert.equal(session.state, 'closing');
      assert.equal(session.bufferedAmount, 0);
      assert.equal(session.signal.aborted, true);
      assert.deepEqual([metrics.messagesOut, metrics.bytesOut], [2, 10]);
      assert.deepEqual(attach().frames, [SLOW]);
      await settle();
      assert.deepEqual(closes, [{ code: 1013, reason: 'Slow consumer', wasClean: true }]);
    });

    it('counts empty messages, too', () => {
      const { session } = open({ kind: 'poll', maxSendBuffer: 10 });
      let accepted = 0;
      while (session.send('')) {
        accepted += 1;
      }
      assert.equal(accepted, 10);
    });

    it('closes on one message that is too large by itself, nothing of it sent', async () => {
      const { session, receiver } = open({ maxSendBuffer: 10 });
      session.send('12345');
      assert.equal(session.send('x'.repeat(11)), false);
      await settle();
      assert.deepEqual(receiver.frames, ['o', SLOW]);
    });

    it('counts what the receiver has not got rid of', () => {
      const { session, receiver } = open({ maxSendBuffer: 10 });
      receiver.bufferedAmount = 9;
      assert.equal(session.send('1'), true);
      assert.equal(session.send('2'), false);
      assert.deepEqual(receiver.frames, ['o', SLOW]);
    });

    it('counts receivers that are still leaving', () => {
      const { session, receiver, attach } = open({ maxSendBuffer: 10 });
      receiver.bufferedAmount = 10;
      portOf(session).receiverReleased(receiver);
      const next = attach();
      assert.equal(session.send('x'), false);
      assert.deepEqual(next.frames, [SLOW]);
    });

    it('is not passed for ever by a session that keeps draining', async () => {
      const { session, receiver } = open({ maxSendBuffer: 10 });
      for (let i = 0; i < 100; i += 1) {
        assert.equal(session.send('x'.repeat(10)), true);
        await settle();
      }
      assert.equal(receiver.frames.length, 101);
    });

    it('is no reason to cut what is still leaving where it was not passed', () => {
      const { session, receiver } = open({ maxSendBuffer: 10 });
      receiver.bufferedAmount = 10;
      portOf(session).receiverReleased(receiver);
      session.close();
      clock.tick(5000);
      assert.equal(session.state, 'closed');
      assert.equal(receiver.aborts, 0);
    });

    it('is no reason to cut a receiver that is attached and has the close frame', () => {
      const { session, receiver } = open({ kind: 'socket', family: 'xhr', maxSendBuffer: 10 });
      session.send('x'.repeat(11));
      assert.deepEqual(receiver.frames, ['o', SLOW]);
      clock.tick(5000);
      assert.equal(session.state, 'closed');
      assert.equal(receiver.aborts, 0);
    });

    it('cuts what is still flushing when no receiver comes for the close frame', () => {
      const { session, receiver } = open({ maxSendBuffer: 10 });
      receiver.bufferedAmount = 10;
      portOf(session).receiverReleased(receiver);
      session.send('x');
      clock.tick(4999);
      assert.equal(receiver.aborts, 0);
      clock.tick(1);
      assert.equal(session.state, 'closed');
      assert.equal(receiver.aborts, 1);
    });
  });

  describe('maxReceiveBuffer', () => {
    const FULL = { maxReceiveBuffer: 10, receiveStallTimeout: 60_000, heartbeatDelay: 0 };
    const STALLED: SessionCloseEvent = { code: 1013, reason: 'Messages are not read', wasClean: true };

    /** A session whose application will never be done with setting up. */
    function full(setup: Setup = {}, messages = ['12345678', '9abc', 'd']) {
      const opened = open({ ...FULL, onSession: () => new Promise(() => {}), ...setup });
      portOf(opened.session).receive(messages, 1);
      let calls = 0;
      portOf(opened.session).whenReceivable(() => {
        calls += 1;
      });
      return { ...opened, calls: () => calls };
    }

    it('leaves room up to the limit, where whenReceivable() calls at once', () => {
      const { session, calls } = full({}, ['x'.repeat(10)]);
      assert.equal(portOf(session).canReceive, true);
      assert.equal(calls(), 1);
      assert.equal(clock.countTimers(), 0);
    });

    it('is room at once where nothing has come', () => {
      const { session } = open(FULL);
      let calls = 0;
      portOf(session).whenReceivable(() => {
        calls += 1;
      });
      assert.deepEqual([portOf(session).canReceive, calls], [true, 1]);
    });

    it('leaves none over it, nothing lost, until enough was read', async () => {
      const { session, calls } = full();
      assert.equal(portOf(session).canReceive, false);
      assert.equal(calls(), 0);
      assert.equal(await session.recv(), '12345678');
      assert.equal(portOf(session).canReceive, true);
      assert.equal(calls(), 1);
      assert.equal(await session.recv(), '9abc');
      assert.equal(await session.recv(), 'd');
      assert.equal(calls(), 1);
      assert.equal(clock.countTimers(), 0);
    });

    it('counts empty messages, too', () => {
      const { session } = full({}, Array(11).fill(''));
      assert.equal(portOf(session).canReceive, false);
    });

    it('gives room when a listener comes', async () => {
      const { session, calls } = full();
      const seen: string[] = [];
      session.on('message', (message) => seen.push(message));
      await settle();
      assert.deepEqual(seen, ['12345678', '9abc', 'd']);
      assert.equal(calls(), 1);
      assert.equal(clock.countTimers(), 0);
    });

    it('is nothing to a session with a listener', () => {
      const { session } = open(FULL);
      session.on('message', () => {});
      portOf(session).receive(['x'.repeat(100)], 1);
      assert.equal(portOf(session).canReceive, true);
      assert.equal(clock.countTimers(), 0);
    });

    for (const { title, kind = 'stream', end } of ENDINGS.slice(0, -1)) {
      it(`does not slow the client after ${title}, and leaves no timer`, async () => {
        const { session, calls, ...opened } = full({ kind });
        end({ session, ...opened });
        assert.equal(calls(), 1);
        let late = 0;
        portOf(session).whenReceivable(() => {
          late += 1;
        });
        assert.equal(late, 1);
        assert.equal(clock.countTimers(), 0);
        assert.equal(await session.recv(), '12345678');
        assert.equal(clock.countTimers(), 0);
      });
    }

    it('closes with 1013 when nothing was read for receiveStallTimeout', async () => {
      const { session, receiver, closes, calls } = full();
      clock.tick(59_999);
      assert.equal(session.state, 'active');
      clock.tick(1);
      assert.equal(session.state, 'closed');
      assert.deepEqual(receiver.frames, ['o', 'c[1013,"Messages are not read"]']);
      assert.equal(calls(), 1);
      await settle();
      assert.deepEqual(closes, [STALLED]);
      assert.equal(await session.recv(), '12345678');
      assert.equal(clock.countTimers(), 0);
    });

    it('counts receiveStallTimeout from the last message that was read, not from one that came', async () => {
      const { session } = full({}, ['1', '2', 'x'.repeat(20)]);
      for (const message of ['1', '2']) {
        clock.tick(59_999);
        assert.equal(await session.recv(), message);
      }
      clock.tick(59_999);
      portOf(session).receive(['more'], 1);
      assert.equal(session.state, 'active');
      clock.tick(1);
      assert.equal(session.state, 'closed');
    });

    it('waits for ever with receiveStallTimeout 0', () => {
      const { session, calls } = full({ receiveStallTimeout: 0 });
      assert.equal(clock.countTimers(), 0);
      assert.equal(portOf(session).canReceive, false);
      assert.equal(calls(), 0);
    });

    describe('where the application does not read', () => {
      const warnings = () => {
        const { mock: warn } = mock.method(process, 'emitWarning', () => {});
        afterTest(() => warn.restore());
        return warn;
      };

      it('discards what is over it once onSession has settled, with one warning for the process', async () => {
        const warn = warnings();
        // A fresh copy of the module, which has not warned yet.
        const { SessionRegistry: Registry } = (await freshModule('../../lib/session/registry.ts')) as {
          SessionRegistry: typeof SessionRegistry;
        };
        for (const onSession of [() => {}, async () => {}]) {
          const limits = { maxSessions: 1, maxSessionsPerClient: 1 };
          const registry = new Registry(environmentWith({ ...FULL, onSession }), limits);
          const claim = registry.reserve('id', identity('websocket'));
          assert.ok(claim.kind === 'reserved');
          const port = claim.reservation.commit(new IncomingMessage(new Socket()), 'websocket', {});
          port.attach(new FakeReceiver(port, 'socket'));
          await settle();
          port.receive(['12345678', '9abc', 'd', 'e'], 1);
          port.receive(['f'], 1);
          assert.equal(port.canReceive, true);
          assert.equal(clock.countTimers(), 0);
          const session = registry.get('id');
          assert.equal(session?.state, 'active');
          assert.equal(await session.recv(), '12345678');
        }
        assert.equal(warn.callCount(), 1);
        const [text, options] = warn.calls[0]?.arguments ?? [];
        assert.match(
          String(text),
          /^sockjs: messages are discarded.*does not read.*session\.on\('message', …\).*recv\(\)/,
        );
        assert.deepEqual(options, { code: 'SOCKJS_UNREAD', detail: helpAt('sockjs_unread') });
      });

      it('has nothing to discard where nothing came before onSession had settled', async () => {
        const rejections: unknown[] = [];
        const onRejection = (reason: unknown) => rejections.push(reason);
        process.on('unhandledRejection', onRejection);
        afterTest(() => {
          process.off('unhandledRejection', onRejection);
        });
        const { session } = open();
        await settle();
        await settle();
        assert.deepEqual(rejections, []);
        assert.equal(session.state, 'active');
      });

      it('keeps everything until onSession has settled, then lets the client go on', async () => {
        warnings();
        let finish = () => {};
        const { session, ...opened } = full({
          onSession: () =>
            new Promise<void>((resolve) => {
              finish = resolve;
            }),
        });
        await settle();
        assert.equal(portOf(session).canReceive, false);
        finish();
        await settle();
        assert.equal(portOf(session).canReceive, true);
        assert.equal(opened.calls(), 1);
        assert.equal(clock.countTimers(), 0);
        assert.equal(await session.recv(), '12345678');
      });

      for (const [title, read] of [
        ['a listener came', (session) => session.on('message', () => {})],
        ['once() was called', (session) => session.once('message', () => {})],
        ['recv() was called', (session) => session.recv()],
        ['a loop began', (session) => session[Symbol.asyncIterator]().next()],
      ] as [string, (session: Session) => unknown][]) {
        it(`keeps everything when ${title} and went`, async () => {
          const { session } = open(FULL);
          await settle();
          read(session);
          portOf(session).receive(['first'], 1);
          await settle();
          session.removeAllListeners('message');
          portOf(session).receive(['12345678', '9abc', 'd'], 1);
          assert.equal(portOf(session).canReceive, false);
          for (const message of ['12345678', '9abc', 'd']) {
            assert.equal(await session.recv(), message);
          }
        });
      }
    });
  });

  describe('terminate()', () => {
    it('ends a closing session and cuts its receivers', async () => {
      const { session, receiver, attach, closes } = open({ kind: 'socket', family: 'xhr' });
      portOf(session).receiverReleased(receiver);
      const next = attach();
      session.close(3000, 'x');
      portOf(session).terminate();
      assert.deepEqual([receiver.aborts, next.aborts], [1, 1]);
      assert.equal(session.state, 'closed');
      assert.equal(clock.countTimers(), 0);
      await settle();
      assert.deepEqual(closes, [{ code: 3000, reason: 'x', wasClean: false }]);
    });
  });

  describe('terminate() of an active session', () => {
    it('delivers what came in, ends it as not clean, and cuts its receiver', async () => {
      const { session, receiver, closes, ends } = open();
      const seen: string[] = [];
      portOf(session).receive(['1'], 1);
      session.on('message', (message) => seen.push(message));
      portOf(session).terminate();
      assert.deepEqual(seen, ['1']);
      assert.equal(session.state, 'closed');
      assert.equal(ends.length, 1);
      assert.equal(receiver.aborts, 1);
      await settle();
      assert.deepEqual(closes, [{ code: 1000, reason: '', wasClean: false }]);
    });

    it('ends a session that nothing else has closed with 1000 and no reason, not clean', async () => {
      const { session, closes } = open();
      portOf(session).terminate();
      await settle();
      assert.deepEqual(closes, [{ code: 1000, reason: '', wasClean: false }]);
    });

    it('cuts a receiver that throws when it is told of the end', () => {
      class Broken extends FakeReceiver {
        override close(): void {
          throw new Error('a wrapper threw');
        }
      }
      const { session } = open({ kind: 'poll' });
      const broken = new Broken(portOf(session), 'stream');
      portOf(session).attach(broken);
      portOf(session).terminate();
      assert.deepEqual([session.state, broken.aborts > 0], ['closed', true]);
    });

    it('ends one that has no receiver', () => {
      const { session, ends } = open({ kind: 'poll' });
      portOf(session).terminate();
      assert.equal(session.state, 'closed');
      assert.equal(ends.length, 1);
    });
  });

  describe('sendShared()', () => {
    it('sends among others in order, counts its bytes, and is refused unless the session is active', async () => {
      const { session, attach, metrics } = make();
      const message = new SharedMessage('é');
      assert.equal(portOf(session).sendShared(message, false), false);
      const stream = attach();
      session.send('1');
      assert.equal(portOf(session).sendShared(message, false), true);
      assert.equal(session.bufferedAmount, 3);
      session.send('2');
      await settle();
      assert.deepEqual(stream.frames, ['o', 'a["1","é","2"]']);
      assert.deepEqual([metrics.messagesOut, metrics.bytesOut], [3, 4]);
      session.close();
      assert.equal(portOf(session).sendShared(message, false), false);
      assert.equal(metrics.messagesOut, 3);
    });

    it('lets no other session wait until all have got a broadcast, and keeps the order of each', async () => {
      const many = Array.from({ length: 100 }, () => open());
      const isServed = ({ receiver }: (typeof many)[number]) => receiver.frames.length > 1;
      for (const { receiver } of many) {
        // A write takes 1 ms.
        mock.method(receiver, 'messages', (batch: readonly Outgoing[]) => {
          clock.tick(1);
          FakeReceiver.prototype.messages.call(receiver, batch);
        });
      }
      const message = new SharedMessage('to many');
      for (const { session } of many) {
        portOf(session).sendShared(message, true);
      }
      await turn();
      assert.equal(many.filter(isServed).length, 16, 'a slice is over');
      const other = open();
      other.session.send('to one');
      many.at(-1)?.session.send('behind it');
      many.at(-2)?.session.send('behind it');
      portOf(many.at(-2)?.session ?? other.session).sendShared(message, true);
      await turn();
      assert.deepEqual(other.receiver.frames, ['o', 'a["to one"]']);
      // Who is sent something alone does not wait for its turn among many.
      assert.deepEqual(many.at(-1)?.receiver.frames, ['o', 'a["to many","behind it"]']);
      assert.deepEqual(many.at(-2)?.receiver.frames, ['o', 'a["to many","behind it","to many"]']);
      while (!many.every(isServed)) {
        await turn();
      }
      await turn();
      assert.deepEqual(many.at(-1)?.receiver.frames, ['o', 'a["to many","behind it"]']);
      assert.deepEqual(many.at(-3)?.receiver.frames, ['o', 'a["to many"]']);
    });
  });

  describe('join() and leave()', () => {
    it('enter and leave rooms, and tell what they changed', () => {
      const rooms = new Rooms<Lifecycle<Session>>();
      const { session } = open({ rooms });
      assert.deepEqual([...session.rooms], []);
      assert.equal(session.leave('a'), false);
      assert.equal(session.join('b'), true);
      assert.equal(session.join('a'), true);
      assert.equal(session.join('a'), true);
      assert.deepEqual([...session.rooms], ['b', 'a']);
      assert.deepEqual([...rooms.in('a')], [portOf(session)]);
      assert.equal(session.leave('b'), true);
      assert.equal(session.leave('b'), false);
      assert.deepEqual([[...session.rooms], [...rooms.in('b')]], [['a'], []]);
      (session.rooms as Set<string>).clear();
      assert.deepEqual([...session.rooms], ['a'], 'rooms is a copy');
    });

    it('have a session leave at its end the rooms that it is in, and no other', () => {
      const rooms = new Rooms<Lifecycle<Session>>();
      const { mock: leave } = mock.method(rooms, 'leave');
      open({ rooms }).session.close();
      assert.equal(leave.callCount(), 0);
      const { session } = open({ rooms });
      session.join('a');
      session.close();
      assert.deepEqual(
        leave.calls.map(({ arguments: args }) => args),
        [['a', portOf(session)]],
      );
    });

    it('let a session in that is opening, and none that is closing, which may leave until it has ended', () => {
      const rooms = new Rooms<Lifecycle<Session>>();
      const { session, attach } = make({ kind: 'poll', rooms });
      assert.equal(session.join('a'), true);
      attach();
      assert.equal(session.join('b'), true);
      session.close();
      assert.equal(session.join('c'), false);
      assert.deepEqual([[...session.rooms], [...rooms.in('c')]], [['a', 'b'], []]);
      assert.equal(session.leave('a'), true);
      assert.deepEqual([...rooms.in('b')], [portOf(session)]);
      attach();
      assert.deepEqual([...rooms.in('b')], []);
      assert.equal(session.leave('b'), false);
      assert.equal(session.join('c'), false);
      assert.deepEqual([...session.rooms], ['b'], 'those it was in');
    });

    for (const [value, shown] of [
      [undefined, 'undefined'],
      [null, 'null'],
      [1, 'number'],
      [{}, 'object'],
    ] as const) {
      it(`throw a TypeError for a name that is ${shown}`, () => {
        const { session } = open();
        assert.throws(() => Reflect.apply(session.join, session, [value]), {
          name: 'TypeError',
          message: `sockjs: session.join() takes the name of a room, not ${shown}`,
        });
        assert.deepEqual([...session.rooms], []);
      });
    }
  });

  describe('whenEnded()', () => {
    for (const { title, kind = 'stream', end } of ENDINGS) {
      it(`calls all that were not taken back, once, on ${title}`, () => {
        const opened = open({ kind });
        const { session } = opened;
        const calls: string[] = [];
        portOf(session).whenEnded(() => calls.push('1'));
        const takeBack = portOf(session).whenEnded(() => calls.push('taken back'));
        portOf(session).whenEnded(() => calls.push('2'));
        takeBack();
        assert.deepEqual(calls, []);
        end(opened);
        assert.deepEqual(calls, ['1', '2']);
      });
    }
  });

  it('counts what a client sends on its WebSocket that ends it', () => {
    const { session, metrics } = open({ kind: 'socket' });
    portOf(session).countRejected('size', 1009);
    assert.deepEqual(metrics.snapshot([]).rejected, { size: 1 });
  });

  it('counts what it receives while it is active', () => {
    const { session, metrics } = open();
    portOf(session).receive(['1', '2'], 9);
    session.close();
    portOf(session).receive(['3'], 5);
    assert.deepEqual([metrics.messagesIn, metrics.bytesIn], [2, 9]);
  });

  describe('an event of other servers and sockets', () => {
    for (const method of ['on', 'once', 'addListener', 'prependListener', 'prependOnceListener'] as const) {
      for (const [event, meant] of [
        ['data', 'message'],
        ['end', 'close'],
        ['disconnect', 'close'],
      ] as const) {
        it(`"${event}" is refused by ${method}(), which names the one that is meant`, () => {
          const { session } = open();
          assert.throws(() => Reflect.apply(session[method], session, [event, () => {}]), {
            name: 'TypeError',
            message: `sockjs: a session has no "${event}" event; write session.on('${meant}', …)`,
          });
        });
      }
    }

    it('is any other, which an application may emit by itself', () => {
      const { session } = open();
      const seen: unknown[] = [];
      Reflect.apply(session.on, session, ['mine', (value: unknown) => seen.push(value)]);
      Reflect.apply(session.emit, session, ['mine', 1]);
      assert.deepEqual(seen, [1]);
    });
  });

  describe('heartbeat', () => {
    it('goes out after each heartbeatDelay of silence, and messages put it off', async () => {
      const { session, receiver } = open({ heartbeatDelay: 1000 });
      clock.tick(999);
      session.send('1');
      await settle();
      clock.tick(999);
      assert.deepEqual(receiver.frames, ['o', 'a["1"]']);
      clock.tick(1);
      clock.tick(1000);
      assert.deepEqual(receiver.frames, ['o', 'a["1"]', 'h', 'h']);
    });

    for (const [heartbeatDelay, maxHeartbeatInterval, due] of [
      [25_000, 30_000, 25_000],
      [60_000, 30_000, 30_000],
      [0, 30_000, 30_000],
    ] as const) {
      it(`is due after ${due} ms with heartbeatDelay ${heartbeatDelay} where ${maxHeartbeatInterval} ms are borne`, () => {
        const { receiver } = open({ heartbeatDelay, maxHeartbeatInterval });
        clock.tick(due - 1);
        assert.deepEqual(receiver.frames, ['o']);
        clock.tick(1);
        assert.deepEqual(receiver.frames, ['o', 'h']);
      });
    }

    it('never goes out with heartbeatDelay 0, nor once the session has ended', () => {
      const silent = open({ heartbeatDelay: 0 });
      const closed = open({ kind: 'socket' });
      closed.session.close(3000);
      clock.tick(1_000_000);
      assert.deepEqual(silent.receiver.frames, ['o']);
      assert.deepEqual(closed.receiver.frames, ['o', 'c[3000,""]']);
    });
  });

  describe('heartbeat behind bytes that the client has not taken', () => {
    for (const kind of ['stream', 'socket'] as const) {
      it(`is left out, and goes out again once all is taken: ${kind}`, () => {
        const { receiver } = open({ kind, heartbeatDelay: 1000 });
        receiver.bufferedAmount = 1;
        clock.tick(10_000);
        assert.deepEqual(receiver.frames, ['o']);
        receiver.bufferedAmount = 0;
        clock.tick(1000);
        assert.deepEqual(receiver.frames, ['o', 'h']);
      });
    }
  });

  describe('a receiver that throws', () => {
    class Broken extends FakeReceiver {
      refusals = 0;

      override messages(): void {
        throw new Error('a wrapper threw');
      }

      override heartbeat(): void {
        throw new Error('a wrapper threw');
      }

      override refuse(): void {
        this.refusals += 1;
        throw new Error('a wrapper threw');
      }
    }

    const openBroken = () => {
      const made = make();
      const broken = new Broken(portOf(made.session), 'stream');
      portOf(made.session).attach(broken);
      return { ...made, broken };
    };

    it('is cut when it is to send messages, and its session is interrupted', async () => {
      const { session, broken, closes } = openBroken();
      session.send('x');
      await settle();
      assert.equal(broken.aborts, 1);
      assert.deepEqual(closes, [INTERRUPTED]);
    });

    it('is cut when it is to send a heartbeat, and its session is interrupted', async () => {
      const { broken, closes } = openBroken();
      clock.tick(25_000);
      await settle();
      assert.equal(broken.aborts, 1);
      assert.deepEqual(closes, [INTERRUPTED]);
    });

    it('is cut when it is refused, and the session goes on', () => {
      const { session, receiver } = open();
      const broken = new Broken(portOf(session), 'stream');
      portOf(session).attach(broken);
      assert.deepEqual([broken.refusals, broken.aborts, receiver.aborts, session.state], [1, 1, 0, 'active']);
    });
  });

  describe('receive() with a callback', () => {
    it('calls back with true: at once, or when the application has read', async () => {
      const { session } = open({ maxReceiveBuffer: 1, onSession: () => new Promise(() => {}) });
      const answers: boolean[] = [];
      portOf(session).receive(['1'], 1, (accepted) => answers.push(accepted));
      assert.deepEqual(answers, [true]);
      portOf(session).receive(['2'], 1, (accepted) => answers.push(accepted));
      assert.deepEqual(answers, [true]);
      assert.equal(await session.recv(), '1');
      assert.deepEqual(answers, [true, true]);
    });

    it('calls back with false, and delivers nothing, once the session has ended', async () => {
      const { session } = open();
      session.close();
      const answers: boolean[] = [];
      portOf(session).receive(['x'], 1, (accepted) => answers.push(accepted));
      assert.deepEqual(answers, [false]);
      await assert.rejects(session.recv(), SessionNotOpenError);
    });
  });

  describe('an application that has read before onSession settled', () => {
    it('keeps its messages: the client is slowed, and none is dropped', async () => {
      const { session } = open({
        maxReceiveBuffer: 2,
        onSession: async (opened) => {
          await opened.recv();
        },
      });
      portOf(session).receive(['first'], 1);
      await settle();
      portOf(session).receive(['1', '2', '3'], 1);
      assert.equal(portOf(session).canReceive, false);
      for (const message of ['1', '2', '3']) {
        assert.equal(await session.recv(), message);
      }
    });
  });

  describe('an open frame that cannot be written', () => {
    class Broken extends FakeReceiver {
      override open(): void {
        throw new Error('a wrapper threw');
      }
    }

    it('ends the session before the application sees it, and is not counted as opened or closed', async () => {
      let calls = 0;
      const { session, ends, closes, metrics, errors } = make({
        onSession: () => {
          calls += 1;
        },
      });
      assert.throws(() => portOf(session).attach(new Broken(portOf(session), 'stream')), /a wrapper threw/);
      await turn();
      assert.equal(session.state, 'closed');
      assert.equal(session.send('x'), false);
      assert.deepEqual([calls, closes, errors], [0, [], []]);
      assert.deepEqual(ends, [[session, { code: 1011, reason: 'Internal error', wasClean: false }]]);
      assert.deepEqual([metrics.opened, metrics.closed], [0, 0]);
      assert.equal(clock.countTimers(), 0);
    });

    it('leaves the session to answer the next request with its close frame', () => {
      const { session, attach } = make();
      assert.throws(() => portOf(session).attach(new Broken(portOf(session), 'stream')));
      assert.deepEqual(attach().frames, ['c[1011,"Internal error"]']);
    });
  });

  it('is counted as opened and as closed, once', async () => {
    const { session, metrics } = open();
    assert.deepEqual([metrics.opened, metrics.closed], [1, 0]);
    session.close();
    await turn();
    portOf(session).terminate();
    await turn();
    assert.deepEqual([metrics.opened, metrics.closed], [1, 1]);
  });

  describe('discard()', () => {
    it('is nothing to a session that was opened', () => {
      const { session, ends } = open();
      portOf(session).discard();
      assert.equal(session.state, 'active');
      assert.deepEqual(ends, []);
    });

    it('is nothing to a session that has ended unopened, which answers as before', () => {
      const { session, attach, ends } = make();
      clock.tick(5000);
      portOf(session).discard();
      assert.deepEqual(ends, [[session, INTERRUPTED]]);
      assert.deepEqual(attach().frames, ['c[1002,"Connection interrupted"]']);
    });
  });

  it('is not counted as closed where it expires without having been opened', async () => {
    const { session, metrics, ends } = make();
    clock.tick(5000);
    await turn();
    assert.equal(session.state, 'closed');
    assert.equal(ends.length, 1);
    assert.deepEqual([metrics.opened, metrics.closed], [0, 0]);
  });

  describe('timers', () => {
    it('are one, for heartbeats and expiry alike, and gone in the end', () => {
      const { session, attach } = make({ kind: 'poll' });
      assert.equal(clock.countTimers(), 1, 'opening: expiry');
      const stream = attach('stream');
      assert.equal(clock.countTimers(), 1, 'active, attached: heartbeat');
      portOf(session).receiverFlushed(stream);
      for (let poll = 0; poll < 10; poll += 1) {
        session.send('x');
        attach();
        assert.equal(clock.countTimers(), 1, 'heartbeat or expiry');
      }
      session.close();
      assert.equal(clock.countTimers(), 1, 'closing: giving up');
      attach();
      assert.equal(clock.countTimers(), 0, 'closed');
    });

    it('of a session between polls go off for expiry alone, those of an attached one for heartbeats alone', () => {
      const { session, attach } = make({ kind: 'poll' });
      attach();
      const stream = attach('stream');
      clock.tick(24_999);
      assert.deepEqual([session.state, stream.frames], ['active', []]);
      clock.tick(1);
      assert.deepEqual([session.state, stream.frames], ['active', ['h']]);
      clock.tick(22_000);
      portOf(session).receiverFlushed(stream);
      clock.tick(4999);
      assert.deepEqual([session.state, stream.frames], ['active', ['h']]);
      clock.tick(1);
      assert.equal(session.state, 'closed');
    });

    it('are none where an attached receiver needs no heartbeat', () => {
      open({ heartbeatDelay: 0 });
      assert.equal(clock.countTimers(), 0);
    });

    it('are none on a WebSocket that closes or is closed', () => {
      const { session, receiver } = open({ kind: 'socket' });
      assert.equal(clock.countTimers(), 1);
      session.close();
      assert.equal(clock.countTimers(), 0);
      portOf(session).receiverAborted(receiver, BROKEN);
      assert.equal(clock.countTimers(), 0);
    });

    it('bound a session that never got past opening', () => {
      const { session, ends } = make();
      clock.tick(5000);
      assert.equal(session.state, 'closed');
      assert.deepEqual(ends, [[session, INTERRUPTED]]);
      assert.equal(clock.countTimers(), 0);
    });

    for (const { title, kind = 'stream', end, event } of ENDINGS) {
      it(`are gone after ${title}, and onEnd was told, once, within the call`, async () => {
        const opened = open({ kind });
        const { session, receiver, ends, attach } = opened;
        end(opened);
        assert.deepEqual(ends, [[session, event]]);
        assert.equal(clock.countTimers(), 0);
        attach();
        session.close();
        portOf(session).terminate();
        portOf(session).receiverAborted(receiver, BROKEN);
        clock.tick(60_000);
        await settle();
        assert.equal(ends.length, 1);
        assert.equal(clock.countTimers(), 0);
      });
    }

    it('are never more than two, in any order of events', async () => {
      // A linear congruential generator, so that a failure can be seen again.
      let seed = 1;
      const random = (below: number) => {
        seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
        return Math.floor((seed / 2 ** 31) * below);
      };
      for (let life = 0; life < 200; life += 1) {
        const kind = (['poll', 'stream', 'socket'] as const)[life % 3] ?? 'poll';
        const { session, receiver, attach, closes, ends } = open({ kind });
        const receivers = [receiver];
        const pick = () => receivers[random(receivers.length)] ?? receiver;
        const steps: (() => void)[] = [
          () => session.send('x'),
          () => portOf(session).receive(['x'], 1),
          () => session.on('message', () => random(3) === 0 && session.close()),
          () => session.removeAllListeners('message'),
          () => portOf(session).receiverAborted(pick(), kind === 'socket' ? BROKEN : INTERRUPTED),
          () => clock.tick(random(6000)),
          () => session.close(3000),
          ...(kind === 'socket'
            ? []
            : [
                () => receivers.push(attach()),
                () => portOf(session).receiverReleased(pick()),
                () => portOf(session).receiverFlushed(pick()),
              ]),
        ];
        const history: number[] = [];
        for (let step = 0; step < 12; step += 1) {
          const choice = random(steps.length);
          history.push(choice);
          steps[choice]?.();
          assert.equal(clock.countTimers() <= 2, true, `life ${life}, ${kind}: ${history}`);
          if (random(2) === 0) {
            await settle();
          }
        }
        session.close();
        portOf(session).receiverAborted(pick(), BROKEN);
        clock.tick(10_000);
        await settle();
        assert.deepEqual(
          [session.state, closes.length, clock.countTimers(), ends.length],
          ['closed', 1, 0, 1],
          `life ${life}, ${kind}: ${history}`,
        );
      }
    });
  });
});
