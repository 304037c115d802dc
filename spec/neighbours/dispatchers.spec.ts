/** Applications that decide themselves which handler gets which upgrade: Primus 2, and a listener beside ws. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { Duplex } from 'node:stream';
import express, { type Express } from 'express';
import expressSession from 'express-session';
import { Server as SocketIoServer } from 'socket.io';
import { io } from 'socket.io-client';
import { type WebSocket, WebSocketServer } from 'ws';
import { type SockjsRouter, sockjs, upgradeHandler } from '../../lib/index.ts';
import { AsyncQueue } from '../support/async-queue.ts';
import { afterTest } from '../support/cleanup.ts';
import { fetchText, handshake, post, RawSocket } from '../support/http.ts';
import { express4 } from '../support/mountings.ts';
import { listen } from '../support/test-server.ts';
import { WebSocketClient } from '../support/websocket-client.ts';
import { ALL_NAMES, converse, echoUntilBye, http1, openPeer } from './support/peer.ts';

const require = createRequire(import.meta.url);

/** One connection of Primus. */
interface Spark {
  on(event: string, listener: (data: unknown) => void): this;
  write(data: unknown): boolean;
  end(): void;
  /** Functions that emit an event of the connection. */
  emits(event: string): (...args: unknown[]) => void;
}

/** The part of Primus 2 that the tests use; it has no types. */
const Primus: new (
  server: Server,
  options: object,
) => { on(event: 'connection', listener: (spark: Spark) => void): void; forEach(each: (spark: Spark) => void): void } =
  require('primus2');

/** Primus calls the transport that receives its connections a transformer. */
interface Transformer {
  readonly Spark: new (headers: object, address: object, query: object, id: null, req: IncomingMessage) => Spark;
  on(event: 'upgrade', listener: (req: IncomingMessage, socket: Duplex, head: Buffer) => void): void;
}

/** A transformer with the installed version of ws. That of Primus 2 needs the ws of its time. */
const WsTransformer = require('primus2/transformer').extend({
  server(this: Transformer) {
    const engine = new WebSocketServer({ noServer: true });
    this.on('upgrade', (req, socket, head) => {
      engine.handleUpgrade(req, socket, head, (client) => {
        const spark = new this.Spark(req.headers, req, {}, null, req);
        spark.on('outgoing::data', (data) => client.send(String(data)));
        spark.on('outgoing::end', () => client.close());
        client.on('message', (data) => spark.emits('data')(String(data)));
        client.on('close', () => spark.emits('end')());
      });
    });
  },
});

/** Has Primus dispatch the upgrades of a server: below `/primus` it takes them, all others it passes on. */
function joinPrimus(server: Server): void {
  const primus = new Primus(server, { transformer: WsTransformer, pathname: '/primus' });
  primus.on('connection', (spark) => {
    spark.on('data', (data) => spark.write(`primus: ${data}`));
  });
  afterTest(() =>
    primus.forEach((spark) => {
      spark.end();
    }),
  );
}

/** Sends a message by Primus, and expects what its server makes of it. */
async function exchangeByPrimus(origin: string): Promise<void> {
  const client = new WebSocketClient(origin, '/primus');
  await client.opened;
  client.send('"hello"');
  assert.equal(await client.next(), '"primus: hello"');
}

/** A WebSocketServer that answers what it is told. */
function answeringEngine(): WebSocketServer {
  const engine = new WebSocketServer({ noServer: true });
  afterTest(() => engine.close());
  return engine.on('connection', (client: WebSocket) => {
    client.on('message', (data) => client.send(`ws: ${data}`));
  });
}

async function exchangeByWs(origin: string, path: string): Promise<void> {
  const client = new WebSocketClient(origin, path);
  await client.opened;
  client.send('hello');
  assert.equal(await client.next(), 'ws: hello');
}

/** Every transport has its session, while the others talk, too. */
async function allAtOnce(origin: string, others: readonly (() => Promise<void>)[]): Promise<void> {
  const client = http1(origin);
  const talk = () => Promise.all(others.map((exchange) => exchange()));
  await Promise.all([...ALL_NAMES.map((transport) => converse(client, transport, { id: transport })), talk()]);
  await talk();
}

/** What express-session puts on a request. */
interface WithSession extends IncomingMessage {
  session?: { user?: string };
}

/** An app whose clients log in, with an endpoint that only they may use; and the requests of its sessions. */
function appWithLogin(library: typeof express): { app: Express; requests: AsyncQueue<WithSession> } {
  const requests = new AsyncQueue<WithSession>();
  const app = library().set('env', 'test');
  app.use(expressSession({ secret: 'secret', resave: false, saveUninitialized: false }));
  app.post('/login', (req, res) => {
    Object.assign(req.session, { user: 'ann' });
    res.end();
  });
  app.use('/echo', (req, res, next) => {
    if ((req as WithSession).session?.user === undefined) {
      res.sendStatus(401);
    } else {
      next();
    }
  });
  const options = { rawWebsocket: true };
  app.use(
    '/echo',
    sockjs<unknown, WithSession>(options, (session) => {
      requests.push(session.request);
      return echoUntilBye(session);
    }),
  );
  return { app, requests };
}

/** Logs in, and returns the cookie. */
async function logIn(origin: string): Promise<Record<string, string>> {
  const { headers } = await post(`${origin}/login`);
  return { cookie: String(headers['set-cookie']?.[0]).split(';')[0] ?? '' };
}

describe('Primus 2 as the dispatcher', () => {
  for (const order of ['before', 'after'] as const) {
    it(`has router.handleUpgrade() get what is not its own, added ${order} it`, async () => {
      const router = sockjs({ prefix: '/echo', rawWebsocket: true }, echoUntilBye);
      const server = createServer(router);
      const join = () => server.on('upgrade', router.handleUpgrade);
      if (order === 'before') {
        join();
      }
      joinPrimus(server);
      if (order === 'after') {
        join();
      }
      const { origin } = await listen(server);
      await exchangeByPrimus(origin);
      await allAtOnce(origin, [() => exchangeByPrimus(origin)]);
    });
  }

  for (const [name, library] of [
    ['Express 5', express],
    ['Express 4', express4],
  ] as const) {
    it(`has an app get what is not its own by upgradeHandler(), with its login, ${name}`, async () => {
      const { app, requests } = appWithLogin(library);
      const server = createServer(app);
      server.on('upgrade', upgradeHandler(app));
      joinPrimus(server);
      const { origin, port } = await listen(server);
      const headers = await logIn(origin);
      for (const transport of ALL_NAMES) {
        await converse(http1(origin), transport, { id: transport, headers });
        assert.equal((await requests.next()).session?.user, 'ann', transport);
        await assert.rejects(openPeer(http1(origin), transport, { id: 'stranger' }), /401/);
      }
      await exchangeByPrimus(origin);
      // No other handler is left to answer.
      assert.match(await new RawSocket(port).send(...handshake('/nowhere')).closed, /^HTTP\/1.1 404 .*Cannot GET/s);
      assert.equal(requests.size, 0);
    });
  }
});

describe('a listener that dispatches upgrades to ws', () => {
  /** Gives `/ws` to ws, and all that `handle` does not take. */
  function dispatch(server: Server, handle: SockjsRouter['handleUpgrade']): void {
    const engine = answeringEngine();
    server.on('upgrade', (req, socket: Duplex, head) => {
      if (!handle(req, socket, head)) {
        engine.handleUpgrade(req, socket, head, (client) => engine.emit('connection', client, req));
      }
    });
  }

  for (const [title, listenerOf] of [
    ['that is the listener of the server', (router: SockjsRouter): RequestListener => router],
    [
      'beside an app of another framework',
      (router: SockjsRouter): RequestListener =>
        (req, res) =>
          router(req, res, () => res.end('another framework')),
    ],
  ] as const) {
    it(`and to a router ${title}`, async () => {
      const router = sockjs({ prefix: '/echo', rawWebsocket: true }, echoUntilBye);
      const server = createServer(listenerOf(router));
      dispatch(server, router.handleUpgrade);
      const { origin } = await listen(server);
      const others = ['/', '/ws', '/echo/ws', '/echo/a/b/c/websocket'].map((path) => () => exchangeByWs(origin, path));
      await allAtOnce(origin, others);
    });
  }

  for (const [name, library] of [
    ['Express 5', express],
    ['Express 4', express4],
  ] as const) {
    it(`and to an app with a login, ${name}`, async () => {
      const { app, requests } = appWithLogin(library);
      const server = createServer(app);
      const handleUpgrade = upgradeHandler(app);
      dispatch(server, (req, socket, head) => {
        const isOfApp = req.url !== '/ws';
        if (isOfApp) {
          handleUpgrade(req, socket, head);
        }
        return isOfApp;
      });
      const { origin } = await listen(server);
      const headers = await logIn(origin);
      for (const transport of ALL_NAMES) {
        await Promise.all([
          converse(http1(origin), transport, { id: transport, headers }),
          exchangeByWs(origin, '/ws'),
        ]);
        assert.equal((await requests.next()).session?.user, 'ann', transport);
      }
      await assert.rejects(openPeer(http1(origin), 'websocket'), /401/);
      await assert.rejects(new WebSocketClient(origin, '/nowhere').opened, /404/);
    });
  }
});

describe('socket.io beside router.handleUpgrade()', () => {
  it('keeps its upgrades, and SockJS its own', async () => {
    const router = sockjs({ prefix: '/echo', rawWebsocket: true }, echoUntilBye);
    const server = createServer(router);
    server.on('upgrade', router.handleUpgrade);
    const other = new SocketIoServer(server, { serveClient: false });
    other.on('connection', (socket) => {
      socket.on('say', (text, answer) => answer(`socket.io: ${text}`));
    });
    afterTest(() => {
      other.disconnectSockets(true);
      other.engine.close();
    });
    const { origin } = await listen(server);
    const client = io(origin, { forceNew: true, reconnection: false, transports: ['websocket'] });
    afterTest(() => {
      client.disconnect();
    });
    await allAtOnce(origin, [async () => assert.equal(await client.emitWithAck('say', 'hello'), 'socket.io: hello')]);
    assert.equal((await fetchText(`${origin}/echo`)).status, 200);
  });
});
