/** Several nodes behind a load balancer that gives each of them every n-th request: no request is sticky. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SockjsOptions } from '../../lib/index.ts';
import { type Cluster, type Node, serveNodes } from '../support/cluster/nodes.ts';
import { closeOf, itReceivesOverHttp, type Setup, setUp } from '../support/contract.ts';
import { holdBackUntilFlush } from '../support/contract-app.ts';
import { RawSocket } from '../support/http.ts';
import { HTTP_RECEIVERS, xhrPolling, xhrStreaming } from '../support/transport-cases.ts';

let cluster: Cluster;

function serveWith(count: number) {
  return serveNodes(count, (made) => {
    cluster = made;
  });
}

const settle = () => cluster.settled();

for (const count of [2, 3]) {
  for (const transport of HTTP_RECEIVERS) {
    describe(`${transport.name} over ${count} nodes in turns`, () => {
      itReceivesOverHttp({ ...transport, serve: serveWith(count), settle });
    });
  }
}

const INTERRUPTED = { code: 1002, reason: 'Connection interrupted', wasClean: false };

/** Two nodes: the first owns the session, and the next request goes to the second. */
async function setUpTwo(
  transport: (typeof HTTP_RECEIVERS)[number],
  options: SockjsOptions = {},
  before?: Parameters<typeof setUp>[2],
): Promise<Setup & { owner: Node; other: Node }> {
  const setup = await setUp({ ...transport, serve: serveWith(2), settle }, { responseLimit: 1, ...options }, before);
  await (await setup.client.receive()).gets('o');
  const [owner, other] = cluster.nodes;
  assert.ok(owner && other);
  return { ...setup, owner, other };
}

/** The link from the second node to the first. */
function linkOf({ owner, other }: { owner: Node; other: Node }) {
  return other.links.get(owner.id) ?? assert.fail('no link');
}

describe('A session of another node', () => {
  for (const transport of HTTP_RECEIVERS.filter(({ prelude }) => prelude === undefined)) {
    it(`gets messages that are larger than the window whole, and in order: ${transport.name}`, async () => {
      const { client, sessions } = await setUpTwo(transport);
      const receiving = await client.receive();
      const session = await sessions.next();
      const texts = ['x', 'y', 'z'].map((letter) => letter.repeat(300_000));
      for (const text of texts) {
        session.send(text);
      }
      const frame = transport.wrap(`a${JSON.stringify(texts)}`);
      let all = '';
      while (all.length < frame.length) {
        all += await receiving.chunk();
      }
      assert.equal(all, frame);
      assert.deepEqual(await receiving.stream.ended, { aborted: false });
    });
  }

  it('gets large messages whole on a stream, as chunks that make them up', async () => {
    const { client, sessions } = await setUpTwo(xhrStreaming);
    const session = await sessions.next();
    const text = 'x'.repeat(300_000);
    const receiving = await client.receive();
    session.send(text);
    let all = '';
    while (!all.endsWith('\n')) {
      all += await receiving.chunk();
    }
    assert.equal(all, `a["${text}"]\n`);
  });

  it('carries hundreds of numbered messages each way, over whichever node', async () => {
    const { client, sessions } = await setUpTwo(xhrPolling);
    const session = await sessions.next();
    const received: string[] = [];
    session.on('message', (message) => {
      received.push(message);
      session.send(message);
    });
    const numbers = Array.from({ length: 300 }, (_, number) => String(number));
    const back: string[] = [];
    const polling = (async () => {
      while (back.length < numbers.length) {
        const chunk = await (await client.receive()).chunk();
        back.push(...(JSON.parse(chunk.slice(1)) as string[]));
      }
    })();
    for (const number of numbers) {
      await client.send(number);
    }
    await polling;
    assert.deepEqual(received, numbers);
    assert.deepEqual(back, numbers);
  });

  it('costs the registry one command for each node that asks, and none for a message', async () => {
    const { client, sessions } = await setUpTwo(xhrPolling);
    const session = await sessions.next();
    session.on('message', () => {});
    for (let round = 0; round < 10; round += 1) {
      const receiving = await client.receive();
      await client.send('x');
      session.send('x');
      await receiving.endsWith('a["x"]');
    }
    assert.equal(cluster.registry.commands, 2);
  });

  it('is of the client that has opened it', async () => {
    const identify = (req: IncomingMessage) => String(req.headers['x-user']);
    const setup = await setUp({ ...xhrPolling, serve: serveWith(2), settle }, { identify });
    const ask = (user: string, ...lines: string[]) => {
      const raw = new RawSocket(setup.client.server.port);
      raw.send(
        `POST ${setup.client.path()} HTTP/1.1`,
        'Host: x',
        'Content-Length: 0',
        `X-User: ${user}`,
        ...lines,
        '',
        '',
      );
      return raw;
    };
    await ask('me').until('\r\no\n');
    assert.match(await ask('other', 'Connection: close').closed, /^HTTP\/1.1 404 /);
    const other = await setup.client.post('["x"]', { 'X-User': 'other' });
    assert.equal(other.status, 404);
    assert.equal(setup.sessions.count(), 1);
    assert.equal((await setup.client.post('["x"]', { 'X-User': 'me' })).status, 204);
  });

  describe('when the link is cut', () => {
    for (const transport of [xhrPolling, xhrStreaming]) {
      it(`ends on both sides: ${transport.name}`, async () => {
        const { client, sessions, ...nodes } = await setUpTwo(transport);
        const session = await sessions.next();
        const closed = closeOf(session);
        const receiving = await client.receive();
        linkOf(nodes).pair.requester.cut();
        await receiving.endsWith('c[1012,"Session lost"]');
        assert.deepEqual(await closed, INTERRUPTED);
        await (await client.receive()).endsWith('c[1002,"Connection interrupted"]');
        await (await client.receive()).endsWith('c[1002,"Connection interrupted"]');
      });
    }

    it('leaves no send without an answer, and ends the session whose messages may have been taken', async () => {
      const { client, sessions, clock, ...nodes } = await setUpTwo(xhrPolling, { maxReceiveBuffer: 1 });
      const session = await sessions.next();
      const closed = closeOf(session);
      const first = session.recv();
      const body = '["read","more than one byte"]';
      // It would keep the connection alive.
      const raw = new RawSocket(client.server.port);
      raw.send(`POST ${client.path('xhr_send')} HTTP/1.1`, 'Host: x', `Content-Length: ${body.length}`, '', body);
      assert.equal(await first, 'read');
      await settle();
      linkOf(nodes).pair.requester.cut();
      assert.match(await raw.closed, /^HTTP\/1.1 404 .*\r\nConnection: close\r\n/s);
      await settle();
      await (await client.receive()).endsWith('c[1012,"Session lost"]');
      assert.deepEqual(await closed, { code: 1012, reason: 'Session lost', wasClean: true });
      assert.equal(clock.countTimers(), 0);
    });

    it('goes on where nothing was under way, over another link', async () => {
      const { client, sessions, ...nodes } = await setUpTwo(xhrPolling);
      const session = await sessions.next();
      session.on('message', (message) => session.send(message));
      await client.send('1');
      const { requester } = linkOf(nodes).pair;
      while (requester.sent.at(-1)?.type !== 'got') {
        await new Promise(setImmediate);
      }
      await settle();
      requester.cut();
      await settle();
      await (await client.receive()).endsWith('a["1"]');
      await client.send('2');
      await (await client.receive()).endsWith('a["2"]');
      assert.equal(sessions.count(), 1);
    });
  });

  describe('the answer to a send', () => {
    it('is known to the owner when it has left, and not before', async () => {
      let hold = false;
      let proceed = () => {};
      const { client, sessions, ...nodes } = await setUpTwo(xhrPolling, {}, (app) => {
        app.use((_req, res: ServerResponse, next) => {
          if (hold) {
            const end = res.end.bind(res) as () => ServerResponse;
            res.end = () => {
              proceed = end;
              return res;
            };
          }
          next();
        });
      });
      (await sessions.next()).on('message', () => {});
      hold = true;
      const answer = client.post('["1"]');
      const said = () => linkOf(nodes).pair.requester.sent.map(({ type }) => type);
      while (proceed.name === 'proceed') {
        await new Promise(setImmediate);
      }
      assert.deepEqual(said(), ['send']);
      proceed();
      assert.equal((await answer).status, 204);
      await settle();
      assert.deepEqual(said(), ['send', 'got']);
    });
  });

  describe('an owner that does not answer', () => {
    it('is given up after twice nodeTimeout: 503, and the connection is closed', async () => {
      const { client, clock, sessions, ...nodes } = await setUpTwo(xhrPolling);
      await sessions.next();
      const first = await client.receive();
      linkOf(nodes).pair.owner.handler = undefined;
      // Every other request goes to the owner.
      await client.receive();
      const reached = once(client.server.server, 'request');
      const raw = new RawSocket(client.server.port);
      raw.send(...client.requestLines());
      await reached;
      await settle();
      clock.tick(20_000);
      const answer = await raw.closed;
      assert.match(answer, /^HTTP\/1.1 503 .*\r\nRetry-After: 5\r\n/s);
      assert.match(answer, /\r\nConnection: close\r\n/);
      assert.equal(nodes.other.router.stats().rejected.unavailable, 1);
      assert.deepEqual(
        linkOf(nodes).pair.requester.sent.map(({ type }) => type),
        ['attach', 'attach', 'lost'],
      );
      first.stream.abort();
    });
  });

  describe('a client that leaves before the owner has answered', () => {
    it('is told to the owner, which ends the session', async () => {
      const { client, sessions, owner, other } = await setUpTwo(xhrPolling);
      const session = await sessions.next();
      const closed = closeOf(session);
      // The answer of the owner is not delivered before the client has left.
      const reached = once(client.server.server, 'request') as Promise<[IncomingMessage]>;
      const raw = new RawSocket(client.server.port);
      const attach = owner.accept.bind(owner);
      let release = () => {};
      owner.accept = (link) => {
        attach(link);
        const { handler } = link;
        link.handler = undefined;
        release = () => {
          link.handler = handler;
          handler?.onMessage({
            type: 'attach',
            rid: 1,
            sessionId: 'session',
            client: '',
            transport: 'xhr-polling',
            callback: '',
          });
        };
      };
      raw.send(...client.requestLines());
      const [{ socket }] = await reached;
      await settle();
      const left = new Promise((resolve) => socket.once('close', resolve));
      raw.socket.resetAndDestroy();
      await left;
      release();
      await settle();
      assert.deepEqual(await closed, INTERRUPTED);
      const link = other.links.get(owner.id) ?? assert.fail();
      assert.deepEqual(
        link.pair.requester.sent.map(({ type }) => type),
        ['attach', 'lost'],
      );
    });
  });

  describe('a response that cannot be begun', () => {
    it('is told to the owner, which ends the session', async () => {
      let breaks = false;
      const { client, sessions } = await setUpTwo(xhrPolling, {}, (app) => {
        app.use((_req, res, next) => {
          if (breaks) {
            res.prependListener = () => {
              throw new Error('middleware');
            };
          }
          next();
        });
        // Express would print the error.
        app.set('env', 'test');
      });
      const closed = closeOf(await sessions.next());
      breaks = true;
      const { stream } = await client.receive();
      assert.equal((await stream.response).statusCode, 500);
      assert.deepEqual(await closed, INTERRUPTED);
    });
  });

  describe('a registry that is away', () => {
    it('gives 503 to requests for unknown ids, and is not noticed by those under way', async () => {
      const { client, sessions, ...nodes } = await setUpTwo(xhrPolling);
      const session = await sessions.next();
      session.on('message', (message) => session.send(message));
      await client.send('known from now on');
      cluster.registry.fate = () => 'lost';
      await (await client.receive()).endsWith('a["known from now on"]');
      await client.send('1');
      await client.send('2');
      await (await client.receive()).endsWith('a["1","2"]');
      for (const path of ['xhr', 'xhr_send']) {
        const response = await fetch(`${client.server.origin}/echo/000/unknown/${path}`, {
          method: 'POST',
          body: '["x"]',
        });
        assert.equal(response.status, 503);
        assert.equal(response.headers.get('retry-after'), '5');
        assert.equal(await response.text(), 'Session not reachable.');
      }
      const rejected = [nodes.owner, nodes.other].map(({ router }) => router.stats().rejected.unavailable ?? 0);
      assert.deepEqual(rejected, [1, 1]);
    });
  });

  describe('a client that does not read', () => {
    /** More than both kernels buffer. */
    const STALL = 16_777_216;

    for (const [title, before] of [
      ['', undefined],
      [' behind middleware that writes by itself', holdBackUntilFlush],
    ] as const) {
      it(`slows the application down${title}, and is given up beyond maxSendBuffer`, async () => {
        const { client, sessions } = await setUpTwo(
          xhrStreaming,
          { responseLimit: 1_000_000_000, sendHighWaterMark: 100_000, maxSendBuffer: 2 * STALL },
          before,
        );
        // The first stream, at the owner, goes first.
        const session = await sessions.next();
        session.close();
        const other = await setUpStalled(client);
        const stalled = await sessions.next();
        const text = 'x'.repeat(1_000_000);
        for (let sent = 0; sent < STALL; sent += text.length) {
          assert.equal(stalled.send(text), true);
          await new Promise(setImmediate);
        }
        await settle();
        assert.equal(stalled.writableNeedDrain, true);
        assert.ok(stalled.bufferedAmount > 1_000_000, String(stalled.bufferedAmount));
        const drained = stalled.drained();
        other.socket.resume();
        await drained;
        assert.ok(stalled.bufferedAmount < 100_000);
        other.socket.pause();
        const closed = closeOf(stalled);
        while (stalled.send(text)) {
          await new Promise(setImmediate);
        }
        assert.equal(stalled.state, 'closing');
        other.socket.resume();
        assert.equal((await closed).code, 1013);
      });
    }

    /** A session at the first node, with a stream at the second whose client does not read. */
    async function setUpStalled({ server }: { server: { port: number } }): Promise<RawSocket> {
      const poll = new RawSocket(server.port);
      poll.send('POST /echo/000/stalled/xhr HTTP/1.1', 'Host: x', 'Content-Length: 0', '', '');
      await poll.until('\r\no\n');
      const stream = new RawSocket(server.port);
      stream.send('POST /echo/000/stalled/xhr_streaming HTTP/1.1', 'Host: x', 'Content-Length: 0', '', '');
      await stream.until('hhh');
      stream.socket.pause();
      return stream;
    }
  });

  describe('at a node that shuts down', () => {
    for (const transport of [xhrPolling, xhrStreaming]) {
      it(`ends its response, and goes on at another: ${transport.name}`, async () => {
        const { client, sessions, ...nodes } = await setUpTwo(transport);
        const session = await sessions.next();
        const receiving = await client.receive();
        linkOf(nodes).side.yield();
        await receiving.endsWith('h');
        session.send('1');
        await (await client.receive()).gets('a["1"]');
        assert.equal(session.state, 'active');
      });
    }
  });
});
