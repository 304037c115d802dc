/** Where the directory of a cluster finds sessions, and how it claims ids. */
import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Clock } from '@sinonjs/fake-timers';
import { ClusterDirectory } from '../../../lib/cluster/cluster-directory.ts';
import { MAX_KNOWN_OWNERS } from '../../../lib/cluster/known-owners.ts';
import type { Claim, SendTarget } from '../../../lib/session/directory.ts';
import type { SendingPort } from '../../../lib/session/ports.ts';
import { SessionRegistry } from '../../../lib/session/registry.ts';
import { promiseWithResolvers } from '../../../lib/util/promises.ts';
import { TimerQueue } from '../../../lib/util/timer-queue.ts';
import { stopClock } from '../../support/clock.ts';
import { Cluster, type Node } from '../../support/cluster/nodes.ts';
import { environmentWith, FakeReceiver, identity } from '../../support/fake-receiver.ts';

const POLL = { name: 'xhr-polling', callback: '' } as const;
type AnyClaim = Claim<unknown, IncomingMessage>;

function directoryOf({ directory }: Node) {
  return directory ?? assert.fail();
}

/** Opens a session at a node. Its first poll has left. */
async function open(node: Node, id = 'session', by = identity()) {
  const claim = await directoryOf(node).findOrReserve(id, by, POLL);
  assert.equal(claim.kind, 'reserved');
  const port = claim.reservation.commit(new IncomingMessage(new Socket()), 'xhr-polling', undefined);
  port.attach(new FakeReceiver(port, 'poll'));
  return node.sessions?.get(id) ?? assert.fail();
}

function ask(node: Node, id = 'session', by = identity()): AnyClaim | PromiseLike<AnyClaim> {
  return directoryOf(node).findOrReserve(id, by, POLL);
}

/** The answer, which must not be a promise. */
function sync<Answer>(answer: Answer | PromiseLike<Answer>): Answer {
  assert.ok(!(typeof answer === 'object' && answer !== null && 'then' in answer), 'a promise');
  return answer as Answer;
}

async function portFor(node: Node, id = 'session', by = identity()): Promise<SendingPort> {
  const found: SendTarget = await directoryOf(node).find(id, by);
  assert.equal(found.kind, 'live');
  return found.port;
}

/** Whether messages were accepted. */
function deliver(port: SendingPort, ...messages: string[]): Promise<boolean> {
  return new Promise((resolve) => port.receive(messages, 1, resolve));
}

describe('ClusterDirectory', () => {
  let clock: Clock;
  let cluster: Cluster;
  let a: Node;
  let b: Node;
  let c: Node;

  beforeEach(() => {
    clock = stopClock();
    cluster = new Cluster();
    [a, b, c] = [cluster.add(), cluster.add(), cluster.add()];
  });

  describe('sessions of this process', () => {
    it('are found at once, without a command of the registry', async () => {
      await open(a);
      const before = cluster.registry.commands;
      assert.equal(sync(ask(a)).kind, 'live');
      assert.equal(sync(directoryOf(a).find('session', identity())).kind, 'live');
      assert.equal(sync(ask(a, 'session', identity('xhr', 'other'))).kind, 'foreign');
      assert.equal(cluster.registry.commands, before);
    });

    it('are pending at once while they are claimed', async () => {
      const first = ask(a);
      assert.equal(sync(ask(a)).kind, 'pending');
      assert.equal((await first).kind, 'reserved');
      assert.equal(cluster.registry.commands, 1);
    });

    it('are remembered at once after their end', async () => {
      (await open(a)).close(3000, 'Go away!');
      clock.tick(5000);
      assert.deepEqual(sync(ask(a)), { kind: 'ended', code: 3000, reason: 'Go away!' });
    });
  });

  describe('a receiving request', () => {
    it('claims an id that no process owns, with one command', async () => {
      await open(a);
      assert.equal(cluster.registry.commands, 1);
      assert.deepEqual(cluster.registry.entryOf('session'), {
        kind: 'owned',
        owner: { nodeId: a.id, reservation: 1 },
      });
      assert.deepEqual([...directoryOf(a).owned.keys()], ['session']);
    });

    it('has one owner where all ask at once', async () => {
      const claims = await Promise.all([a, b, c].map((node) => ask(node)));
      assert.equal(claims.filter(({ kind }) => kind === 'reserved').length, 1);
      // The owner is just opening it.
      assert.equal(claims.filter(({ kind }) => kind === 'pending').length, 2);
    });

    it('gives the id back where its place is given back', async () => {
      const claim = await ask(a);
      assert.equal(claim.kind, 'reserved');
      claim.reservation.release();
      claim.reservation.release();
      await directoryOf(a).settled();
      assert.equal(cluster.registry.entryOf('session'), undefined);
      assert.equal((await ask(b)).kind, 'reserved');
    });

    it('is attached at the owner, and from then on without a command', async () => {
      await open(a);
      const claim = await ask(b);
      assert.equal(claim.kind, 'live');
      const { commands } = cluster.registry;
      assert.equal((await ask(b)).kind, 'pending', 'the first is attached');
      assert.equal(cluster.registry.commands, commands);
      claim.release?.();
      await cluster.settled();
      assert.deepEqual(await ask(b), { kind: 'ended', code: 1002, reason: 'Connection interrupted' });
    });

    it('is foreign for another client, at the owner and after the end', async () => {
      await open(a, 'session', identity('xhr', 'me'));
      assert.equal((await ask(b, 'session', identity('xhr', 'other'))).kind, 'foreign');
      assert.equal((await directoryOf(b).find('session', identity('jsonp', 'me'))).kind, 'live', 'the owner decides');
      directoryOf(a).surrender([]);
      a.sessions?.get('session')?.close(3000, 'Go away!');
      clock.tick(5000);
      await directoryOf(a).settled();
      assert.equal((await ask(c, 'session', identity('xhr', 'other'))).kind, 'foreign');
      assert.equal((await ask(c, 'session', identity('xhr', 'me'))).kind, 'ended');
    });

    it('hears of the end of a session of another process, from its tombstone or its owner', async () => {
      (await open(a)).close(3000, 'Go away!');
      const attached = await ask(b);
      assert.equal(attached.kind, 'live', 'it is closing');
      clock.tick(5000);
      await directoryOf(a).settled();
      const ended = { kind: 'ended', code: 3000, reason: 'Go away!' };
      assert.deepEqual(await ask(b), ended);
      a.state = 'unreachable';
      assert.deepEqual(await ask(c), ended);
      clock.tick(10_000);
      assert.equal((await ask(c)).kind, 'reserved', 'it is forgotten');
    });

    it('claims an id whose owner says that it has no such session', async () => {
      await cluster.registry.claim('session', { nodeId: a.id, reservation: 99 }, 1000);
      assert.equal((await ask(b)).kind, 'reserved');
    });

    it('takes one place where several requests hear that the owner has no such session', async () => {
      await open(a);
      await open(a, 'another session');
      const known = await ask(b);
      assert.equal(known.kind, 'live');
      a.sessions?.get('session')?.close();
      clock.tick(5000);
      await directoryOf(a).settled();
      // The owner has forgotten it, and its tombstone has run out.
      clock.tick(10_000);
      const claims = await Promise.all([ask(b), ask(b), ask(b)]);
      assert.deepEqual(claims.map(({ kind }) => kind).sort(), ['pending', 'pending', 'reserved']);
    });

    it('claims each time with another mark, so that a late delete of an earlier one matches nothing', async () => {
      const first = await ask(a);
      assert.ok(first.kind === 'reserved');
      const entry = cluster.registry.entryOf('session');
      assert.ok(entry?.kind === 'owned');
      first.reservation.release();
      await directoryOf(a).settled();
      assert.equal((await ask(a)).kind, 'reserved');
      await cluster.registry.release('session', entry.owner);
      assert.notEqual(cluster.registry.entryOf('session'), undefined);
    });

    it('gives the id back where the answer to its claim was lost', async () => {
      cluster.registry.fate = (command) => (command === 'claim' ? 'answer lost' : 'answered');
      assert.equal((await ask(a)).kind, 'unavailable');
      await directoryOf(a).settled();
      assert.equal(cluster.registry.entryOf('session'), undefined);
    });

    it('is unavailable where a later claim of the same process is in the way', async () => {
      await cluster.registry.claim('session', { nodeId: a.id, reservation: 99 }, 1000);
      assert.equal((await ask(a)).kind, 'unavailable');
      assert.equal(a.sessions?.size, 0);
    });

    it('is unavailable where the owner that was called dead has a lease', async () => {
      await open(a);
      const record = { id: a.id, address: '', token: '', machine: '', versions: [1, 1] } as const;
      await cluster.registry.renew(record, 60_000);
      a.state = 'dead';
      assert.equal((await ask(b)).kind, 'unavailable');
      assert.equal(cluster.registry.entryOf('session')?.kind, 'owned');
    });

    it('is unavailable where the registry leads to the wrong node again and again', async () => {
      const wrong = { nodeId: a.id, reservation: 0 };
      await cluster.registry.claim('session', wrong, 1000);
      cluster.registry.release = () => Promise.resolve();
      assert.equal((await ask(b)).kind, 'unavailable');
      assert.equal(b.sessions?.size, 0);
      assert.equal((await ask(a)).kind, 'reserved', 'the process itself may replace its own entry');
    });

    it('is unavailable where the registry is away, and nothing is left of it', async () => {
      cluster.registry.fate = () => 'lost';
      assert.equal((await ask(a)).kind, 'unavailable');
      cluster.registry.fate = () => 'answered';
      assert.equal((await ask(a)).kind, 'reserved');
    });

    it('claims again where the answer to the first claim was lost', async () => {
      cluster.registry.fate = (command) => (command === 'claim' ? 'answer lost' : 'lost');
      assert.equal((await ask(a)).kind, 'unavailable');
      cluster.registry.fate = () => 'answered';
      assert.notEqual(cluster.registry.entryOf('session'), undefined);
      assert.equal((await ask(b)).kind, 'reserved', 'it is not the one of the first any more');
      assert.equal((await ask(a)).kind, 'pending');
    });

    it('is unavailable while the owner cannot be reached, and lost when it is dead', async () => {
      await open(a);
      a.state = 'unreachable';
      assert.equal((await ask(b)).kind, 'unavailable');
      a.state = 'dead';
      const lost = { kind: 'ended', code: 1012, reason: 'Session lost' };
      assert.deepEqual(await ask(b), lost);
      assert.deepEqual(await ask(c, 'session', identity('xhr', 'other')), lost);
      clock.tick(60_000);
      assert.equal((await ask(b)).kind, 'reserved');
    });

    it('has ended where the registry finds out that the owner is dead while that is being dialled', async () => {
      await open(a);
      a.state = 'unreachable';
      const { registry } = cluster;
      const claim = registry.claim.bind(registry);
      registry.claim = async (id, mark, life) => {
        const entry = await claim(id, mark, life);
        if (entry?.kind === 'owned') {
          await registry.end(id, entry.owner, { code: 1012, reason: 'Session lost', identityHash: '' }, life);
        }
        return entry;
      };
      assert.deepEqual(await ask(b), { kind: 'ended', code: 1012, reason: 'Session lost' });
    });

    it('needs no place for a session of another process', async () => {
      const full = new Cluster();
      const [owner, other] = [full.add(), full.add({ maxSessions: 0 })];
      await open(owner);
      assert.equal((await directoryOf(other).findOrReserve('session', identity(), POLL)).kind, 'live');
      assert.deepEqual(await directoryOf(other).findOrReserve('new', identity(), POLL), {
        kind: 'refused',
        reason: 'sessions',
      });
      assert.equal(full.registry.entryOf('new'), undefined);
    });

    it('is relayed, but claims nothing, while this process shuts down', async () => {
      await open(a);
      await b.router.close();
      assert.equal((await ask(b)).kind, 'live');
      assert.deepEqual(await ask(b, 'new'), { kind: 'refused', reason: 'closing' });
    });

    it('is attached over another link where one has ended', async () => {
      await open(a);
      const first = await ask(b);
      assert.equal(first.kind, 'live');
      first.release?.();
      await cluster.settled();
      await open(a, 'other');
      const waiting = ask(b, 'other');
      b.links.get(a.id)?.pair.requester.cut();
      assert.equal((await waiting).kind, 'live');
    });

    it('is attached over another link where one ends before it has brought the question', async () => {
      await open(a);
      // From then on the owner is known, and the question is on the link at once.
      await portFor(b);
      const waiting = ask(b);
      b.links.get(a.id)?.pair.requester.cut();
      assert.equal((await waiting).kind, 'live');
    });
  });

  describe('a send', () => {
    it('claims nothing', async () => {
      assert.equal((await directoryOf(a).find('session', identity())).kind, 'unknown');
      assert.equal(cluster.registry.entryOf('session'), undefined);
      assert.equal(cluster.registry.commands, 1);
    });

    it('reaches the session at another process, by the same port and without a command from then on', async () => {
      const session = await open(a);
      const messages: string[] = [];
      session.on('message', (message) => messages.push(message));
      const port = await portFor(b);
      assert.equal(await deliver(port, '1', '2'), true);
      const { commands } = cluster.registry;
      const again = sync(directoryOf(b).find('session', identity()));
      assert.equal(again.kind === 'live' && again.port, port);
      assert.equal(cluster.registry.commands, commands);
      assert.deepEqual(messages, ['1', '2']);
    });

    it('reaches a session at another process while a poll of this one asks for it', async () => {
      const session = await open(a);
      const messages: string[] = [];
      session.on('message', (message) => messages.push(message));
      const poll = ask(b);
      assert.ok(await deliver(await portFor(b), 'hello'));
      assert.deepEqual(messages, ['hello']);
      assert.equal((await poll).kind, 'live');
    });

    it('finds no session while a poll of this process claims the id for a new one', async () => {
      const poll = ask(b);
      assert.equal((await directoryOf(b).find('session', identity())).kind, 'pending');
      assert.equal((await poll).kind, 'reserved');
      assert.equal((await directoryOf(b).find('session', identity())).kind, 'pending');
    });

    it('has a port of its own for each client, of which the owner takes one', async () => {
      await open(a, 'session', identity('xhr', 'me'));
      const [mine, others] = [
        await portFor(b, 'session', identity('xhr', 'me')),
        await portFor(b, 'session', identity('xhr', 'other')),
      ];
      assert.equal(await deliver(others, 'x'), false);
      assert.equal(await deliver(mine, 'x'), true);
    });

    it('finds the new owner of an id that was used again', async () => {
      (await open(a)).close();
      const port = await portFor(b);
      assert.equal(await deliver(port, 'to the first'), false, 'it is closing');
      await open(a, 'session 2');
      const known = await portFor(b, 'session 2');
      await deliver(known, 'x');
      a.sessions?.get('session 2')?.close();
      clock.tick(5000);
      await directoryOf(a).settled();
      clock.tick(10_000);
      const session = await open(c, 'session 2');
      const messages: string[] = [];
      session.on('message', (message) => messages.push(message));
      const stale = await portFor(b, 'session 2');
      assert.equal(stale, known);
      assert.equal(await deliver(stale, '1'), true);
      assert.deepEqual(messages, ['1']);
    });

    it('finds a session that this process has opened meanwhile', async () => {
      await open(a);
      const known = await portFor(b);
      await deliver(known, 'x');
      a.sessions?.get('session')?.close();
      clock.tick(5000);
      await directoryOf(a).settled();
      clock.tick(10_000);
      const session = await open(b);
      const messages: string[] = [];
      session.on('message', (message) => messages.push(message));
      assert.equal(await deliver(known, '1'), true);
      assert.deepEqual(messages, ['1']);
    });

    it('goes over another link where the first ended before it was sent', async () => {
      await open(a);
      const port = await portFor(b);
      b.links.get(a.id)?.pair.requester.cut();
      await cluster.settled();
      assert.equal(await deliver(port, '1'), true);
    });

    it('is refused where it was on a link that has ended', async () => {
      await open(a);
      const port = await portFor(b);
      const outcome = new Promise((resolve) =>
        port.receive(['1'], 1, (accepted, relayed) => resolve([accepted, relayed?.isLost])),
      );
      b.links.get(a.id)?.pair.requester.cut();
      assert.deepEqual(await outcome, [false, true]);
    });

    it('is refused for a dead owner, and unavailable where that is not certain', async () => {
      await open(a);
      a.state = 'unreachable';
      assert.equal((await directoryOf(b).find('session', identity())).kind, 'unavailable');
      a.state = 'dead';
      assert.equal((await directoryOf(b).find('session', identity())).kind, 'ended');
      cluster.registry.fate = () => 'lost';
      assert.equal((await directoryOf(b).find('other', identity())).kind, 'unavailable');
    });
  });

  describe('the end of a session', () => {
    it('leaves a tombstone for twice disconnectDelay, with a hash of the client', async () => {
      (await open(a, 'session', identity('xhr', 'me'))).close(3000, 'Go away!');
      clock.tick(5000);
      assert.deepEqual([...directoryOf(a).owned.keys()], []);
      await directoryOf(a).settled();
      const entry = cluster.registry.entryOf('session');
      assert.equal(entry?.kind, 'ended');
      assert.deepEqual([entry.tombstone.code, entry.tombstone.reason], [3000, 'Go away!']);
      assert.match(entry.tombstone.identityHash, /^[\w-]{59}$/);
      clock.tick(10_000);
      assert.equal(cluster.registry.entryOf('session'), undefined);
    });

    it('leaves one for 1 ms at least and for a day at most', async () => {
      const lives: number[] = [];
      const { end } = cluster.registry;
      cluster.registry.end = (...args) => {
        lives.push(args[3]);
        return end.apply(cluster.registry, args);
      };
      for (const [i, disconnectDelay] of [0, Number.POSITIVE_INFINITY].entries()) {
        const node = cluster.add({ disconnectDelay });
        const session = await open(node, `${i}`);
        session.close(3000, 'Go away!');
        const found = node.sessions?.find(`${i}`, identity());
        if (found?.kind === 'live') {
          found.port.attach(new FakeReceiver(found.port, 'poll'));
        }
        clock.tick(1);
        await directoryOf(node).settled();
      }
      assert.deepEqual(lives, [1, 86_400_000]);
    });

    it('does no harm where the registry is away', async () => {
      const session = await open(a);
      cluster.registry.fate = () => 'lost';
      session.close();
      clock.tick(5000);
      await directoryOf(a).settled();
      assert.equal(cluster.registry.entryOf('session')?.kind, 'owned');
    });

    it('leaves none for a session that belongs to another process by now', async () => {
      const session = await open(a);
      directoryOf(a).surrender(['session', 'unknown']);
      assert.equal(session.state, 'closing');
      clock.tick(5000);
      await directoryOf(a).settled();
      assert.equal(cluster.registry.entryOf('session')?.kind, 'owned');
      assert.deepEqual(sync(ask(a)), { kind: 'ended', code: 1012, reason: 'Session lost' });
    });
  });

  describe('a tombstone', () => {
    const me = identity('xhr', 'me');

    /** What another process says of a session of `me` that has ended. */
    async function endOf(id: string, secret: string, by: ReturnType<typeof identity>): Promise<string> {
      const { directory } = makeAlone({ secret });
      return (await directory.findOrReserve(id, by, POLL)).kind;
    }

    it('tells its client from others, at all processes with the same secret', async () => {
      const { directory, openHere } = makeAlone({ secret: 'a' });
      const session = await openHere('session', me);
      session.close();
      clock.tick(5000);
      await directory.settled();
      assert.equal(await endOf('session', 'a', me), 'ended');
      assert.equal(await endOf('session', 'a', identity('xhr', 'other')), 'foreign');
      assert.equal(await endOf('session', 'a', identity('jsonp', 'me')), 'foreign');
      assert.equal(await endOf('session', 'b', me), 'foreign');
    });

    it('does not show that a client has come again', async () => {
      const { directory, openHere } = makeAlone();
      const hashes: string[] = [];
      for (const id of ['1', '2']) {
        (await openHere(id, me)).close();
        clock.tick(5000);
        await directory.settled();
        const entry = cluster.registry.entryOf(id);
        assert.equal(entry?.kind, 'ended');
        hashes.push(entry.tombstone.identityHash);
      }
      const [first, second] = hashes;
      assert.notEqual(first?.slice(0, 16), second?.slice(0, 16));
      assert.notEqual(first?.slice(16), second?.slice(16));
    });
  });

  describe('a claim', () => {
    it('waits until this process has a lease', async () => {
      const lease = promiseWithResolvers<void>();
      const { directory } = makeAlone({ joined: () => lease.promise });
      const claiming = Promise.resolve(directory.findOrReserve('session', identity(), POLL));
      await cluster.settled();
      assert.equal(cluster.registry.commands, 0);
      lease.resolve();
      assert.equal((await claiming).kind, 'reserved');
    });

    it('is given up where this process gets none, and the place is free again', async () => {
      const state = { joined: () => Promise.reject(new Error('no lease')) as Promise<void> | undefined };
      const { directory, sessions } = makeAlone({ joined: () => state.joined() });
      assert.equal((await directory.findOrReserve('session', identity(), POLL)).kind, 'unavailable');
      assert.equal(cluster.registry.entryOf('session'), undefined);
      assert.equal(sessions.find('session', identity()).kind, 'unknown');
      state.joined = () => undefined;
      assert.equal((await directory.findOrReserve('session', identity(), POLL)).kind, 'reserved');
    });

    for (const [title, when, asks] of [
      ['has sessions written again where the epoch changed before its session was made', 'commit', 1],
      ['has sessions written again where the epoch changed while it was under way', 'claim', 1],
      ['has nothing written again where the epoch changed before it', 'joined', 0],
      ['has nothing written again where the epoch is the same', 'never', 0],
    ] as const) {
      it(title, async () => {
        const state = { epoch: '1', asks: 0 };
        const { directory } = makeAlone({
          joined: async () => {
            state.epoch = when === 'joined' ? '2' : '1';
          },
          epochOf: () => state.epoch,
          onReassert: () => {
            state.asks += 1;
          },
        });
        cluster.registry.fate = () => {
          state.epoch = when === 'claim' ? '2' : state.epoch;
          return 'answered';
        };
        const claim = await directory.findOrReserve('session', identity(), POLL);
        assert.equal(claim.kind, 'reserved');
        state.epoch = when === 'commit' ? '2' : state.epoch;
        const port = claim.reservation.commit(new IncomingMessage(new Socket()), 'xhr-polling', undefined);
        port.attach(new FakeReceiver(port, 'poll'));
        assert.equal(state.asks, asks);
        assert.deepEqual([...directory.owned.keys()], ['session']);
      });
    }
  });

  /** A directory that shares the registry of the cluster, and reaches no other node. */
  function makeAlone(
    given: {
      secret?: string;
      joined?: () => Promise<void> | undefined;
      epochOf?: () => string;
      onReassert?: () => void;
    } = {},
  ) {
    const { secret = 'secret', joined = () => undefined, epochOf = () => '1', onReassert = () => {} } = given;
    const environment = environmentWith({ timers: new TimerQueue() });
    const limits = { maxSessions: Number.POSITIVE_INFINITY, maxSessionsPerClient: Number.POSITIVE_INFINITY };
    const sessions = new SessionRegistry<unknown, IncomingMessage>(environment, limits);
    const membership = {
      joined,
      get epoch() {
        return epochOf();
      },
      requestReassert: onReassert,
    };
    const { registry } = cluster;
    const peers = { reach: () => ({ kind: 'unreachable' }) as const };
    const settings = { nodeId: 'alone', registry, peers, membership, secret, disconnectDelay: 5000 };
    const directory = new ClusterDirectory(sessions, settings);
    const openHere = async (id: string, by: ReturnType<typeof identity>) => {
      const claim = await directory.findOrReserve(id, by, POLL);
      assert.equal(claim.kind, 'reserved');
      const port = claim.reservation.commit(new IncomingMessage(new Socket()), 'xhr-polling', undefined);
      port.attach(new FakeReceiver(port, 'poll'));
      return sessions.get(id) ?? assert.fail();
    };
    return { directory, sessions, openHere };
  }

  it('remembers some owners only', async () => {
    await open(a);
    await portFor(b);
    for (let index = 0; index < MAX_KNOWN_OWNERS; index += 1) {
      await cluster.registry.claim(`other ${index}`, { nodeId: a.id, reservation: index }, 1000);
      await directoryOf(b).find(`other ${index}`, identity());
    }
    const { commands } = cluster.registry;
    await portFor(b);
    assert.equal(cluster.registry.commands, commands + 1);
  });
});
