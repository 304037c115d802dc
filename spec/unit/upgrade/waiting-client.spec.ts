/** Upgrades that wait for a decision: their time limit, their clients that leave, and what clients send ahead. */
import assert from 'node:assert/strict';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import express from 'express';
import { attachUpgrade, type Session, type SockjsOptions, sockjs } from '../../../lib/index.ts';
import { pendingUpgrade } from '../../../lib/upgrade/pending-upgrade.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { stopClock } from '../../support/clock.ts';
import { handshake, RawSocket } from '../../support/http.ts';
import { listenAs, SERVER_KINDS } from '../../support/server-kinds.ts';
import { clientFrame, ServerSockets, serverFrame } from '../../support/upgrade-client.ts';
import { attached, parsesBodies, pausingMiddleware, untilReceived } from '../../support/upgrade-server.ts';

const UNAVAILABLE = 'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

/** Parts of an application that may take time to decide about an upgrade. */
const DECIDERS = ['middleware', 'authorize', 'verifyClient'] as const;

type Decide = (accepts: boolean) => void;

/** An endpoint at `/echo` of a server of a kind, where one of the deciders leaves each decision to the test. */
async function waitingFor(
  decider: (typeof DECIDERS)[number],
  { kind = SERVER_KINDS[0] as (typeof SERVER_KINDS)[number], onResponse = (_: ServerResponse) => {} } = {},
) {
  const asked = new AsyncQueue<Decide>();
  const sessions = new AsyncQueue<Session>();
  const decided = () => new Promise<boolean>((resolve) => asked.push(resolve));
  const options: Record<typeof decider, SockjsOptions> = {
    middleware: {},
    authorize: { authorize: decided },
    verifyClient: {
      websocketServer: { verifyClient: (_: unknown, verdict: Decide) => asked.push(verdict) },
    },
  };
  const router = sockjs({ heartbeatDelay: 0, maxSessions: 1, ...options[decider] }, (session) =>
    sessions.push(session),
  );
  const app = express().set('env', 'test');
  app.use((_req, res, next) => {
    onResponse(res);
    if (decider === 'middleware') {
      void decided().then((accepts) => (accepts ? next() : res.writeHead(401, { 'Content-Length': 2 }).end('no')));
    } else {
      next();
    }
  });
  app.use('/echo', router);
  const server = kind.create(app as RequestListener);
  attachUpgrade(server);
  const sockets = new ServerSockets(server, kind.event);
  const port = await listenAs(server);
  let last = 0;
  /** Asks for a WebSocket, with bytes ahead in one piece with the handshake. */
  const ask = (ahead = '', ...headers: string[]) => {
    last += 1;
    return kind.open(port).send(handshake(`/echo/0/${last}/websocket`, ...headers).join('\r\n') + ahead);
  };
  return { router, server, sockets, asked, sessions, ask };
}

const frame = (message: string) => clientFrame(1, JSON.stringify([message]));

/** Keeps the messages of a session in the order in which they come. */
function messagesOf(session: Session): AsyncQueue<string> {
  const messages = new AsyncQueue<string>();
  session.on('message', (message) => messages.push(message));
  return messages;
}

describe('upgradeTimeout', () => {
  for (const decider of DECIDERS) {
    it(`bounds the time of ${decider}, and releases the reservation of the session`, async () => {
      const clock = stopClock();
      const closed = new AsyncQueue<ServerResponse>();
      const { router, sockets, asked, ask } = await waitingFor(decider, {
        onResponse: (res) => res.on('close', () => closed.push(res)),
      });
      for (const late of [(decide: Decide) => decide(true), (decide: Decide) => decide(false), () => {}]) {
        const raw = ask();
        const decide = await asked.next();
        clock.tick(9_999);
        await turn();
        assert.equal(sockets.count, 1);
        clock.tick(1);
        late(decide);
        assert.equal(await raw.closed, UNAVAILABLE);
        await closed.next();
        await sockets.gone();
        await turn();
        assert.equal(router.sessions.size, 0);
      }
      assert.equal(clock.countTimers(), 0);
      const raw = ask();
      (await asked.next())(true);
      await raw.until(serverFrame(1, 'o'));
      assert.equal(router.sessions.size, 1);
      assert.equal(clock.countTimers(), 0);
    });
  }

  it('ends what an endpoint can do about an upgrade', async () => {
    const clock = stopClock();
    const { middleware, next } = pausingMiddleware();
    const { port, sockets } = await attached(middleware as RequestListener);
    for (const claims of [true, false]) {
      const raw = new RawSocket(port).send(...handshake('/a/websocket'));
      const upgrade = pendingUpgrade((await next()).req);
      if (claims) {
        assert.equal(upgrade?.claim(), await sockets.next());
        assert.equal(upgrade?.claim(), undefined);
      }
      clock.tick(10_000);
      assert.equal(upgrade?.claim(), undefined);
      assert.deepEqual(upgrade?.finish(), []);
      assert.equal(await raw.closed, UNAVAILABLE);
    }
  });

  it('bounds verifyClient on https', async () => {
    const clock = stopClock();
    const { sockets, asked, ask } = await waitingFor('verifyClient', { kind: SERVER_KINDS[1] });
    const raw = ask();
    await asked.next();
    clock.tick(10_000);
    assert.equal(await raw.closed, UNAVAILABLE);
    await sockets.gone();
    assert.equal(clock.countTimers(), 0);
  });

  it('does not touch a connection that the engine has refused', async () => {
    const clock = stopClock();
    const { sockets, asked, ask } = await waitingFor('verifyClient');
    const raw = ask();
    (await asked.next())(false);
    assert.match(await raw.closed, /^HTTP\/1.1 401 Unauthorized\r\n.*Unauthorized$/s);
    await sockets.gone();
    assert.equal(clock.countTimers(), 0);
  });
});

for (const kind of SERVER_KINDS) {
  describe(`a client of an ${kind.name} server that leaves while`, () => {
    for (const decider of DECIDERS) {
      for (const [title, send] of [
        ['', ''],
        [', having sent something ahead,', frame('x')],
      ] as const) {
        it(`${decider} decides${title} is forgotten at once`, async () => {
          const clock = stopClock();
          const closed = new AsyncQueue<ServerResponse>();
          const { router, sockets, asked, sessions, ask } = await waitingFor(decider, {
            kind,
            onResponse: (res) => res.on('close', () => closed.push(res)),
          });
          const raw = ask();
          const decide = await asked.next();
          raw.socket.end(send, 'latin1');
          assert.equal((await closed.next()).headersSent, false);
          await sockets.gone();
          assert.equal(await raw.closed, '');
          assert.equal(clock.countTimers(), 0);
          // Its reservation is released before there is a decision.
          const next = ask();
          const decideNext = await asked.next();
          decide(true);
          await turn();
          assert.equal(sessions.size, 0);
          decideNext(true);
          await next.until(serverFrame(1, 'o'));
          assert.equal(router.sessions.size, 1);
        });
      }
    }
  });

  describe(`what a client of an ${kind.name} server sends ahead`, () => {
    for (const decider of DECIDERS) {
      it(`while ${decider} decides reaches the session, in order`, async () => {
        const { sockets, asked, sessions, ask } = await waitingFor(decider, { kind });
        const raw = ask(frame('a'));
        const socket = await sockets.next();
        const decide = await asked.next();
        await untilReceived(socket, () => raw.send(frame('b')));
        await untilReceived(socket, () => raw.send(frame('c')));
        decide(true);
        const messages = messagesOf(await sessions.next());
        await raw.until(serverFrame(1, 'o'));
        raw.send(frame('d'));
        for (const expected of 'abcd') {
          assert.equal(await messages.next(), expected);
        }
      });

      it(`while ${decider} decides does not hold a refusal up`, async () => {
        const { sockets, asked, ask } = await waitingFor(decider, { kind });
        const raw = ask(frame('a'));
        const decide = await asked.next();
        await untilReceived(await sockets.next(), () => raw.send(frame('b')));
        decide(false);
        assert.match(await raw.closed, /^HTTP\/1.1 40[13] /);
        await sockets.gone();
      });
    }
  });
}

describe('a client that sends much ahead', () => {
  /** More than Node and the kernel buffer. */
  const COUNT = 5_000;
  const text = (i: number) => String(i).padStart(100, '0');
  const all = Array.from({ length: COUNT }, (_, i) => frame(text(i))).join('');

  it('is read no further than a socket buffers, and nothing is lost', async () => {
    const { sockets, asked, sessions, ask } = await waitingFor('verifyClient');
    const raw = ask();
    const decide = await asked.next();
    const socket = await sockets.next();
    raw.send(all);
    while (!socket.isPaused()) {
      await turn();
    }
    assert.equal(socket.bytesRead < all.length, true);
    decide(true);
    const messages = messagesOf(await sessions.next());
    for (let i = 0; i < COUNT; i += 1) {
      assert.equal(await messages.next(), text(i));
    }
  });

  it('and leaves then is bounded by upgradeTimeout', async () => {
    const clock = stopClock();
    const { sockets, asked, ask } = await waitingFor('verifyClient');
    const raw = ask();
    await asked.next();
    const socket = await sockets.next();
    raw.socket.end(all, 'latin1');
    while (!socket.isPaused()) {
      await turn();
    }
    clock.tick(10_000);
    await raw.closed;
    await sockets.gone();
    assert.equal(clock.countTimers(), 0);
  });
});

describe('a handshake with a body', () => {
  it('whose client leaves in the middle of it is forgotten', async () => {
    const clock = stopClock();
    const { sockets, asked, ask } = await waitingFor('verifyClient');
    const raw = ask('hel', 'Content-Length: 5');
    await asked.next();
    raw.socket.end();
    await sockets.gone();
    assert.equal(clock.countTimers(), 0);
  });

  it('leaves the body to the application, however long the decision takes', async function () {
    if (!(await parsesBodies())) {
      this.skip();
    }
    const bodies = new AsyncQueue<string>();
    const { sockets, asked, sessions, ask } = await waitingFor('authorize', {
      onResponse: (res) => {
        const req: IncomingMessage = res.req;
        void asked.next().then((decide) => {
          req.on('data', (chunk: Buffer) => bodies.push(String(chunk)));
          req.on('end', () => decide(true));
        });
      },
    });
    const raw = ask('hel', 'Content-Length: 5');
    const socket = await sockets.next();
    assert.equal(await bodies.next(), 'hel');
    await untilReceived(socket, () => raw.send(`lo${frame('a')}`));
    assert.equal(await bodies.next(), 'lo');
    assert.equal(await messagesOf(await sessions.next()).next(), 'a');
  });
});
