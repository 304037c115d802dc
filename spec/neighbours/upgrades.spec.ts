/** Others who take upgrades of the same server, at the same time: ws, socket.io, and Vite in middleware mode. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import express, { type Express } from 'express';
import { Server as SocketIoServer } from 'socket.io';
import { io, type Socket as SocketIoClient } from 'socket.io-client';
import { createServer as createVite, type ViteDevServer } from 'vite';
import { WebSocket, WebSocketServer } from 'ws';
import { attachUpgrade, sockjs } from '../../lib/index.ts';
import { AsyncQueue } from '../support/async-queue.ts';
import { afterTest } from '../support/cleanup.ts';
import { fetchText } from '../support/http.ts';
import { express4 } from '../support/mountings.ts';
import { listen } from '../support/test-server.ts';
import { WebSocketClient } from '../support/websocket-client.ts';
import { ALL_NAMES, converse, echoUntilBye, type HttpClient, http1, openPeer } from './support/peer.ts';

/** The other's side of a conversation that lasts while SockJS has its own. */
interface Other {
  /** Sends and receives; may be called again and again. */
  exchange(): Promise<void>;
}

interface Neighbour {
  readonly title: string;
  /** Joins the server; what it returns connects a client. */
  join(server: Server, app: Express): Promise<(origin: string) => Promise<Other>>;
}

/** A plain WebSocket client that expects an echo. */
async function webSocketEcho(origin: string, path: string): Promise<Other> {
  const client = new WebSocketClient(origin, path);
  await client.opened;
  return {
    exchange: async () => {
      client.send('to ws');
      assert.equal(await client.next(), 'ws: to ws');
    },
  };
}

function answerAsWs(other: WebSocketServer): WebSocketServer {
  afterTest(() => other.close());
  return other.on('connection', (socket) => {
    socket.on('message', (data) => socket.send(`ws: ${data}`));
  });
}

/** socket.io answers in memory what it is told, by an acknowledgement. */
function joinSocketIo(options: object = {}): Neighbour['join'] {
  return async (server) => {
    const other = new SocketIoServer(server, { serveClient: false, ...options });
    other.on('connection', (socket) => {
      socket.on('say', (text, answer) => answer(`socket.io: ${text}`));
    });
    // Less than its close(), which would close the server, too.
    afterTest(() => {
      other.disconnectSockets(true);
      other.engine.close();
    });
    return async (origin) => {
      const client: SocketIoClient = io(origin, { forceNew: true, reconnection: false });
      afterTest(() => {
        client.disconnect();
      });
      await new Promise<void>((resolve, reject) => {
        client.once('connect', resolve);
        client.once('connect_error', reject);
      });
      if (client.io.engine.transport.name !== 'websocket') {
        // From polling, which it begins with: the upgrade that it has to get.
        await new Promise((resolve) => client.io.engine.once('upgrade', resolve));
      }
      return {
        exchange: async () => {
          assert.equal(await client.emitWithAck('say', 'hello'), 'socket.io: hello');
          assert.equal(client.io.engine.transport.name, 'websocket');
        },
      };
    };
  };
}

const neighbours: readonly Neighbour[] = [
  {
    title: 'a WebSocketServer of ws with server and path',
    join: async (server) => {
      answerAsWs(new WebSocketServer({ server, path: '/ws' }));
      return (origin) => webSocketEcho(origin, '/ws');
    },
  },
  {
    title: 'a WebSocketServer of ws whose path ends as those of SockJS',
    join: async (server) => {
      answerAsWs(new WebSocketServer({ server, path: '/other/websocket' }));
      return (origin) => webSocketEcho(origin, '/other/websocket');
    },
  },
  {
    title: 'a WebSocketServer of ws with noServer',
    join: async (server) => {
      const other = answerAsWs(new WebSocketServer({ noServer: true }));
      server.on('upgrade', (req, socket, head) => {
        if (req.url === '/ws') {
          other.handleUpgrade(req, socket, head, (ws) => other.emit('connection', ws, req));
        } else {
          socket.destroy();
        }
      });
      return (origin) => webSocketEcho(origin, '/ws');
    },
  },
  { title: 'socket.io', join: joinSocketIo() },
  {
    // It ends upgrades of others after that time, unless other code has written to them.
    title: 'socket.io that ends foreign upgrades at once',
    join: joinSocketIo({ destroyUpgradeTimeout: 0 }),
  },
  {
    title: "Vite's HMR",
    join: async (server, app) => {
      const vite = await joinVite(server);
      app.use(vite.middlewares);
      return async (origin) => {
        const client = await hmrClient(vite, origin);
        return {
          exchange: async () => {
            vite.ws.send('neighbours:ping', { text: 'hello' });
            assert.deepEqual(JSON.parse(await client.next()), {
              type: 'custom',
              event: 'neighbours:ping',
              data: { text: 'hello' },
            });
          },
        };
      };
    },
  },
];

/** Vite in middleware mode, its WebSocket on this server, nothing of its own read or written. */
async function joinVite(server: Server): Promise<ViteDevServer> {
  const vite = await createVite({
    configFile: false,
    envDir: false,
    root: import.meta.dirname,
    appType: 'custom',
    logLevel: 'silent',
    optimizeDeps: { noDiscovery: true },
    server: { middlewareMode: true, watch: null, ws: { server } },
  });
  afterTest(() => vite.close());
  return vite;
}

/** Asks for Vite's WebSocket as a page of that origin does, from which the token is wanted. */
function askVite(origin: string, token = ''): { opened: Promise<unknown>; messages: AsyncQueue<string> } {
  const client = new WebSocket(`${origin.replace('http', 'ws')}/?token=${token}`, 'vite-hmr', { origin });
  afterTest(() => client.terminate());
  const messages = new AsyncQueue<string>();
  client.on('message', (data) => messages.push(String(data)));
  client.on('close', (code) => messages.fail(new Error(`closed with ${code}`)));
  return { opened: once(client, 'open'), messages };
}

/** As far as Vite's greeting. */
async function hmrClient(vite: ViteDevServer, origin: string): Promise<AsyncQueue<string>> {
  const { opened, messages } = askVite(origin, vite.config.webSocketToken);
  await opened;
  assert.deepEqual(JSON.parse(await messages.next()), { type: 'connected' });
  return messages;
}

const orders = ['before', 'after'] as const;

/** A server with these neighbours, all in the order in which `attachUpgrade` is to be called. */
async function withNeighbours(order: (typeof orders)[number], library: typeof express, all: readonly Neighbour[]) {
  const app = library().set('env', 'test');
  app.use('/echo', sockjs({ rawWebsocket: true }, echoUntilBye));
  const server = createServer(app);
  if (order === 'before') {
    attachUpgrade(server);
  }
  const joined: ((origin: string) => Promise<Other>)[] = [];
  for (const { join } of all) {
    joined.push(await join(server, app));
  }
  if (order === 'after') {
    attachUpgrade(server);
  }
  const { origin } = await listen(server);
  return { origin, httpClient: http1(origin), connectOther: joined };
}

/** Every transport has its session while the others talk, too, and they talk on after. */
async function allAtOnce(httpClient: HttpClient, others: readonly Other[]): Promise<void> {
  const talk = () => Promise.all(others.map((other) => other.exchange()));
  await talk();
  await Promise.all([...ALL_NAMES.map((transport) => converse(httpClient, transport, { id: transport })), talk()]);
  await talk();
}

for (const neighbour of neighbours) {
  describe(`${neighbour.title}, on the same server`, () => {
    for (const order of orders) {
      for (const [name, library] of [
        ['Express 5', express],
        ['Express 4', express4],
      ] as const) {
        it(`keeps its upgrades where attachUpgrade() was called ${order} it, and SockJS its own, ${name}`, async () => {
          const { origin, httpClient, connectOther } = await withNeighbours(order, library, [neighbour]);
          const others = await Promise.all(connectOther.map((connect) => connect(origin)));
          await allAtOnce(httpClient, others);
        });
      }

      it(`can connect when SockJS has been used, attachUpgrade() ${order} it`, async () => {
        const { origin, httpClient, connectOther } = await withNeighbours(order, express, [neighbour]);
        const peer = await openPeer(httpClient, 'websocket');
        for (const connect of connectOther) {
          await (await connect(origin)).exchange();
        }
        await peer.send('still open');
        assert.equal(await peer.next(), 'still open');
      });
    }
  });
}

describe('ws with noServer, socket.io and Vite, all on the same server', () => {
  /** A WebSocketServer that has the server itself destroys unknown upgrades, so nothing could run beside it. */
  const polite: Neighbour = {
    title: 'ws with noServer',
    join: async (server) => {
      const other = answerAsWs(new WebSocketServer({ noServer: true }));
      server.on('upgrade', (req, socket, head) => {
        if (req.url === '/ws') {
          other.handleUpgrade(req, socket, head, (ws) => other.emit('connection', ws, req));
        }
      });
      return (origin) => webSocketEcho(origin, '/ws');
    },
  };
  const others = [polite, ...neighbours.filter(({ title }) => title === 'socket.io' || title === "Vite's HMR")];

  for (const order of orders) {
    it(`keep their upgrades where attachUpgrade() was called ${order} them, and SockJS its own`, async () => {
      const { origin, httpClient, connectOther } = await withNeighbours(order, express, others);
      assert.equal(connectOther.length, 3);
      await allAtOnce(httpClient, await Promise.all(connectOther.map((connect) => connect(origin))));
    });
  }
});

describe('Vite in middleware mode', () => {
  for (const order of orders) {
    it(`refuses a page without the token as before, attachUpgrade() ${order} it`, async () => {
      const { origin } = await withNeighbours(
        order,
        express,
        neighbours.filter(({ title }) => title === "Vite's HMR"),
      );
      await assert.rejects(askVite(origin, 'wrong').opened, /Unexpected server response: 400/);
    });
  }

  it('serves its modules beside the endpoint, and the endpoint answers below it', async () => {
    const app = express();
    const server = createServer(app);
    app.use((await joinVite(server)).middlewares);
    app.use('/echo', sockjs({ rawWebsocket: true }, echoUntilBye));
    attachUpgrade(server);
    const { origin } = await listen(server);
    const { status, body } = await fetchText(`${origin}/@vite/client`);
    assert.equal(status, 200);
    assert.match(body, /vite-hmr/);
    await allAtOnce(http1(origin), []);
  });
});
