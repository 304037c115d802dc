/** The client and the log of the recipe of clients that reconnect, each without the other. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { ReplayLogs } from '../../../demo/recipes/reconnect/replay.ts';
import { stopClock } from '../../support/clock.ts';
import { ROOT } from '../support/markdown.ts';
import { connectTo, type Socketlike } from './support/reconnect.ts';

describe('the recipe reconnect', () => {
  describe('its client', () => {
    /** A socket that the test drives. */
    class FakeSocket implements Socketlike {
      onopen = () => {};
      onmessage = (_: { data: string }) => {};
      onclose = (_: { code: number }) => {};
      readonly sent: string[] = [];
      beat = () => {};
      isClosed = false;

      send(text: string): void {
        this.sent.push(text);
      }

      close(): void {
        this.isClosed = true;
        this.onclose({ code: 1000 });
      }

      addEventListener(_: 'heartbeat', listener: () => void): void {
        this.beat = listener;
      }

      /** Opens it, and answers that the client has this log. */
      welcome(log = 'a', isLost = false): void {
        this.onopen();
        this.receive({ log, isLost });
      }

      receive(message: object): void {
        this.onmessage({ data: JSON.stringify(message) });
      }
    }

    async function start() {
      const clock = stopClock();
      const sockets: FakeSocket[] = [];
      const messages: unknown[] = [];
      const create = () => {
        const socket = new FakeSocket();
        sockets.push(socket);
        return socket;
      };
      const connection = await connectTo('/chat', {
        create,
        onMessage: (data) => messages.push(data),
        minDelay: 1_000,
        maxDelay: 8_000,
        maxSilence: 60_000,
      });
      /** The newest one. */
      const socket = () => sockets.at(-1) ?? assert.fail();
      return { clock, sockets, socket, messages, connection };
    }

    it('waits twice as long after each failure up to a limit, less a part at random', async () => {
      const { clock, sockets, socket } = await start();
      const waits = new Set<number>();
      for (const longest of [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]) {
        socket().onclose({ code: 1006 });
        const count = sockets.length;
        const before = clock.now;
        clock.next();
        assert.equal(sockets.length, count + 1);
        const waited = clock.now - before;
        assert.ok(waited >= longest / 2 && waited <= longest, `${waited} ms, not up to ${longest}`);
        waits.add(waited / longest);
      }
      assert.ok(waits.size > 1, 'the waits are not random');
      socket().welcome();
      socket().onclose({ code: 1006 });
      const count = sockets.length;
      clock.tick(1_000);
      assert.equal(sockets.length, count + 1, 'after a success it waits as long as after the first failure');
    });

    it('says which message it saw last', async () => {
      const { clock, socket, messages } = await start();
      socket().welcome('secret');
      assert.deepEqual(socket().sent, ['{"seen":0}']);
      socket().receive({ number: 1, data: 'x' });
      socket().receive({ number: 2, data: 'y' });
      socket().receive({ number: 2, data: 'y' });
      assert.deepEqual(messages, ['x', 'y']);
      socket().onclose({ code: 1006 });
      clock.next();
      socket().onopen();
      assert.deepEqual(socket().sent, ['{"log":"secret","seen":2}']);
      // The server counts anew.
      socket().receive({ log: 'other', isLost: true });
      socket().receive({ number: 1, data: 'z' });
      assert.deepEqual(messages, ['x', 'y', 'z']);
    });

    it('takes a connection without heartbeats for dead', async () => {
      const { clock, sockets, socket } = await start();
      socket().welcome();
      clock.tick(59_999);
      socket().beat();
      clock.tick(59_999);
      assert.equal(socket().isClosed, false);
      clock.tick(1);
      assert.equal(socket().isClosed, true);
      clock.tick(1_000);
      assert.equal(sockets.length, 2);
    });

    it('does not come back after a code by which the server refuses it', async () => {
      const { clock, sockets, socket, connection } = await start();
      socket().welcome();
      socket().onclose({ code: 4400 });
      assert.equal(connection.status, 'closed');
      clock.tick(1e6);
      assert.equal(sockets.length, 1);
    });

    it('does not come back after close()', async () => {
      const { clock, sockets, socket, connection } = await start();
      socket().welcome();
      connection.close();
      assert.deepEqual([socket().isClosed, connection.status], [true, 'closed']);
      clock.tick(1e6);
      assert.equal(sockets.length, 1);
    });

    it('sends only while it is open, and says so', async () => {
      const { clock, socket, connection } = await start();
      assert.equal(connection.send('early'), false);
      socket().welcome();
      assert.equal(connection.send('hello'), true);
      assert.deepEqual(socket().sent.slice(1), ['hello']);
      socket().onclose({ code: 1006 });
      assert.equal(connection.send('late'), false);
      clock.next();
      assert.equal(connection.status, 'connecting');
    });
  });

  describe('its log', () => {
    const limits = { maxMessages: 3, maxLength: 1_000, maxAway: 2, keepFor: 1_000 };

    /** A session without a client. */
    class FakeSession extends EventEmitter {
      state = 'active' as const;
      readonly sent: unknown[] = [];
      code: number | undefined;

      send(text: string): boolean {
        this.sent.push(JSON.parse(text));
        return true;
      }

      close(code?: number): boolean {
        this.code ??= code;
        this.emit('close');
        return true;
      }
    }

    /** A new session of a client that was here before, or of a new one. */
    function open(logs: ReplayLogs, hello: object = {}) {
      const session = new FakeSession();
      const id = logs.open(session, JSON.stringify(hello))?.id ?? assert.fail();
      const isLost = () => (session.sent[0] as { isLost: boolean }).isLost;
      const data = () => session.sent.slice(1).map((message) => (message as { data: unknown }).data);
      return { session, id, isLost, data };
    }

    it('keeps as many messages as it may, and says when a client has missed more', () => {
      const logs = new ReplayLogs(limits);
      const first = open(logs);
      first.session.emit('close');
      for (const number of [1, 2, 3]) {
        logs.broadcast(number);
      }
      const second = open(logs, { log: first.id, seen: 0 });
      assert.deepEqual([second.isLost(), second.data()], [false, [1, 2, 3]]);
      logs.broadcast(4);
      const third = open(logs, { log: first.id, seen: 0 });
      assert.deepEqual([third.isLost(), third.data()], [true, [2, 3, 4]]);
      const fourth = open(logs, { log: first.id, seen: 3 });
      assert.deepEqual([fourth.isLost(), fourth.data()], [false, [4]]);
    });

    it('keeps as much text as it may', () => {
      const logs = new ReplayLogs(limits);
      const { id } = open(logs);
      for (const letter of ['a', 'b', 'c']) {
        logs.broadcast(letter.repeat(400));
      }
      const { isLost, data } = open(logs, { log: id, seen: 0 });
      assert.deepEqual([isLost(), data()], [true, ['b'.repeat(400), 'c'.repeat(400)]]);
    });

    it('closes the session that a client has left behind', () => {
      const logs = new ReplayLogs(limits);
      const first = open(logs);
      const second = open(logs, { log: first.id, seen: 0 });
      assert.equal(first.session.code, 4409);
      logs.broadcast('x');
      assert.deepEqual([first.data(), second.data()], [[], ['x']]);
    });

    it('is kept for a while, and no longer', () => {
      const clock = stopClock();
      const logs = new ReplayLogs(limits);
      const { id, session } = open(logs);
      session.emit('close');
      clock.tick(999);
      const back = open(logs, { log: id, seen: 0 });
      assert.deepEqual([back.id, back.isLost()], [id, false]);
      clock.tick(10_000);
      back.session.emit('close');
      clock.tick(1_000);
      const late = open(logs, { log: id, seen: 0 });
      assert.notEqual(late.id, id);
      assert.equal(late.isLost(), true);
    });

    it('gives way where too many clients are away, that of the longest absence first', () => {
      const clock = stopClock();
      const logs = new ReplayLogs(limits);
      const clients = [open(logs), open(logs), open(logs), open(logs)];
      for (const { session } of [clients[1], clients[0], clients[2]].filter((client) => client !== undefined)) {
        session.emit('close');
      }
      const lost = clients.map(({ id }) => open(logs, { log: id, seen: 0 }).isLost());
      assert.deepEqual(lost, [false, true, false, false]);
      assert.equal(clock.countTimers(), 0);
    });
  });

  it('has types that the compiler finds to be right', function () {
    this.timeout(60_000);
    execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'demo/recipes/reconnect'], {
      cwd: ROOT,
      stdio: 'pipe',
    });
  });
});
