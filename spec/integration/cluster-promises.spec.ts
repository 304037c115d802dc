/** What an endpoint promises in one process, held over three mounts of it: the same answers, at whichever mount. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import { connect as connectTls } from 'node:tls';
import compression from 'compression';
import type { Express } from 'express';
import { dial } from '../../lib/cluster/dial.ts';
import { LINK_VERSIONS } from '../../lib/cluster/handshake.ts';
import type { SessionHandler, SockjsOptions } from '../../lib/index.ts';
import { afterTest } from '../support/cleanup.ts';
import { answersTo, CONVERSATIONS, echoUntilBye, STRICT } from '../support/cluster/conversations.ts';
import { type MountSettings, type Mounts, makeMounts, serveMounts } from '../support/cluster/mounts.ts';
import type { HttpReceiver } from '../support/contract.ts';
import { fetchText, post, RawSocket } from '../support/http.ts';
import { connectHttp2 } from '../support/http2.ts';
import { limitsWith, until } from '../support/link-nodes.ts';
import { echo, serve, sessionCatcher, type TestServer } from '../support/test-server.ts';
import { TLS } from '../support/tls-certificate.ts';
import { HTTP_RECEIVERS } from '../support/transport-cases.ts';
import { WebSocketClient } from '../support/websocket-client.ts';

/** Serves an endpoint of three mounts. */
async function serveThree(
  options: SockjsOptions = {},
  onSession: SessionHandler = echo,
  { settings = {}, ...rest }: { settings?: MountSettings; before?: (app: Express) => void } = {},
): Promise<{ mounts: Mounts; server: TestServer }> {
  let mounts: Mounts | undefined;
  const onMounts = (made: Mounts) => {
    mounts = made;
  };
  const server = await serveMounts(settings, onMounts)(options, onSession, rest);
  assert.ok(mounts);
  return { mounts, server };
}

describe('Three mounts answer as one process does', () => {
  for (const [title, steps] of Object.entries(CONVERSATIONS)) {
    for (const first of [0, 1, 2]) {
      it(`${title}: in turns, from mount ${first} on`, async () => {
        const expected = await answersTo(steps, await serve(STRICT, echoUntilBye), async () => {});
        const { mounts, server } = await serveThree(STRICT, echoUntilBye);
        mounts.next = first;
        assert.deepEqual(await answersTo(steps, server, () => mounts.settled()), expected);
      });
    }
  }

  it('asks authorize once for a session, at the mount that gets its first request', async () => {
    const asked: string[] = [];
    const sessions = sessionCatcher();
    const authorize = ({ url = '' }: IncomingMessage) => {
      asked.push(url);
      return { user: 'me' };
    };
    const { mounts, server } = await serveThree({ authorize, responseLimit: 1 }, sessions.onSession);
    for (const mount of [1, 0, 2]) {
      mounts.next = mount;
      const poll = fetchText(`${server.origin}/echo/000/a/xhr`, 'POST');
      const session = mount === 1 ? await sessions.next() : mounts.at(1).router.sessions.get('a');
      session?.send('x');
      await poll;
    }
    assert.deepEqual(mounts.at(1).router.sessions.get('a')?.data, { user: 'me' });
    assert.equal(asked.length, 1);
  });

  it('gives 2010 to a second poll at each mount, the first being untouched', async () => {
    const { mounts, server } = await serveThree({}, echo);
    const url = `${server.origin}/echo/000/a/xhr`;
    const poll = () => fetchText(url, 'POST');
    assert.equal((await poll()).body, 'o\n');
    const reached = once(server.server, 'request');
    const first = poll();
    await reached;
    await mounts.settled();
    for (const mount of [0, 1, 2]) {
      mounts.next = mount;
      assert.equal((await poll()).body, 'c[2010,"Another connection still open"]\n');
    }
    await post(`${url}_send`, '["x"]');
    assert.equal((await first).body, 'a["x"]\n');
  });
});

describe('Messages of more than ten windows', () => {
  const LARGE = `${'é%<x'.repeat(180_000)}end`;
  const options = { responseLimit: 1, maxMessageSize: 1_000_000 };

  /** Opens a session at one mount, sends at the second, and receives at the third. */
  async function exchange(
    mounts: Mounts,
    transport: HttpReceiver,
    ask: (method: string, path: string, body?: string) => Promise<string>,
  ): Promise<void> {
    const { method, endpoint, prelude = '', wrap } = transport;
    assert.equal(await ask(method, endpoint), prelude + wrap('o'));
    await mounts.settled();
    await ask('POST', transport.sendEndpoint, JSON.stringify([LARGE]));
    const answer = await ask(method, endpoint);
    assert.equal(answer === prelude + wrap(`a${JSON.stringify([LARGE])}`), true, answer.slice(0, 100));
  }

  for (const transport of HTTP_RECEIVERS) {
    it(`pass compression() whole: ${transport.name}`, async () => {
      const before = (app: Express) => app.use(compression({ threshold: 0, filter: () => true }));
      const { mounts, server } = await serveThree(options, echo, { before });
      await exchange(mounts, transport, async (method, path, body = '') => {
        const init = method === 'GET' ? {} : { method, body };
        const headers = { 'Content-Type': 'text/plain', 'Accept-Encoding': 'gzip', Connection: 'close' };
        return (await fetch(`${server.origin}/echo/000/a/${path}`, { ...init, headers })).text();
      });
    });

    it(`pass HTTP/2 whole: ${transport.name}`, async () => {
      const mounts = await makeMounts({}, { ...options, prefix: '/echo' }, echo);
      const listener: RequestListener = (req, res) => mounts.take().router(req, res);
      const client = await connectHttp2(listener);
      await exchange(mounts, transport, async (method, path, body) => {
        const headers = { ':method': method, ':path': `/echo/000/a/${path}`, 'content-type': 'text/plain' };
        const stream = client.request(headers, { endStream: body === undefined });
        stream.setEncoding('utf8');
        if (body !== undefined) {
          stream.end(body);
        }
        let text = '';
        for await (const chunk of stream) {
          text += chunk;
        }
        return text;
      });
    });
  }
});

describe('Backpressure between mounts', () => {
  /** More than the kernels buffer for a client that does not read, and the windows of two links. */
  const STALL = 16_777_216;

  it('has drained() wait for a slow client at another mount, and ends it beyond maxSendBuffer with 1013', async () => {
    const sessions = sessionCatcher();
    const { mounts, server } = await serveThree(
      { responseLimit: 1_000_000_000, sendHighWaterMark: 100_000, maxSendBuffer: 2 * STALL },
      sessions.onSession,
    );
    await fetchText(`${server.origin}/echo/000/a/xhr`, 'POST');
    const session = await sessions.next();
    const stream = new RawSocket(server.port);
    stream.send('POST /echo/000/a/xhr_streaming HTTP/1.1', 'Host: x', 'Content-Length: 0', '', '');
    await stream.until('hhh');
    stream.socket.pause();
    const text = 'x'.repeat(1_000_000);
    for (let sent = 0; sent < STALL; sent += text.length) {
      assert.equal(session.send(text), true);
      await mounts.settled();
    }
    assert.equal(session.writableNeedDrain, true);
    assert.ok(session.bufferedAmount > 1_000_000, String(session.bufferedAmount));
    const drained = session.drained();
    stream.socket.resume();
    await drained;
    assert.ok(session.bufferedAmount < 100_000);
    stream.socket.pause();
    const closed = once(session, 'close');
    while (session.send(text)) {
      await mounts.settled();
    }
    stream.socket.resume();
    assert.equal((await closed)[0].code, 1013);
  });

  it('has maxReceiveBuffer hold the answer to a sender at another mount back', async () => {
    const sessions = sessionCatcher();
    const { mounts, server } = await serveThree({ maxReceiveBuffer: 1 }, sessions.onSession);
    const url = `${server.origin}/echo/000/a/xhr`;
    await fetchText(url, 'POST');
    const session = await sessions.next();
    const first = session.recv();
    let isAnswered = false;
    const sending = post(`${url}_send`, '["read","more than one byte"]').finally(() => {
      isAnswered = true;
    });
    assert.equal(await first, 'read');
    await mounts.settled();
    assert.equal(isAnswered, false);
    assert.equal(await session.recv(), 'more than one byte');
    assert.equal((await sending).status, 204);
  });
});

describe('Links with TLS', () => {
  const tls = () => ({ ...TLS, ca: TLS.cert });

  it('carry sessions from mount to mount', async () => {
    const { server } = await serveThree({}, echo, { settings: { tls } });
    const url = `${server.origin}/echo/000/a/xhr`;
    assert.equal((await fetchText(url, 'POST')).body, 'o\n');
    for (const text of ['1', '2', '3', '4']) {
      assert.equal((await post(`${url}_send`, `["${text}"]`)).status, 204);
      assert.equal((await fetchText(url, 'POST')).body, `a["${text}"]\n`);
    }
  });

  it('are refused to a peer that knows the token, and has no certificate', async () => {
    const mounts = await makeMounts({ tls }, {}, echo);
    const node = mounts.at(0).registry.record;
    assert.ok(node);
    const attempt = async (own: object) => {
      const options = {
        self: { id: 'stranger', versions: LINK_VERSIONS },
        node,
        timeout: 10_000,
        tls: { ca: TLS.cert, ...own },
        limits: limitsWith(),
      };
      const result = await dial(options, (link) => {
        afterTest(() => link.end());
        return { onMessage: () => {}, onWritable: () => {}, onEnd: () => {} };
      });
      return result.kind;
    };
    assert.equal(await attempt({}), 'failed');
    assert.equal(await attempt(TLS), 'linked');
  });

  it('answer nothing to a peer without a certificate', async () => {
    const mounts = await makeMounts({ tls }, {}, echo);
    const port = Number(mounts.at(0).registry.record?.address.split(':').at(-1));
    const raw = new RawSocket(connectTls({ port, host: '127.0.0.1', ca: TLS.cert }));
    raw.send('GET / HTTP/1.1', 'Host: x', '', '');
    assert.equal(await raw.closed, '');
  });
});

/** What was sent on links, beside news about how many sessions there are. */
const relayed = ({ messages }: Mounts) => messages.filter((type) => type !== 'rooms');

describe('Neither a link nor a command of the registry is used', () => {
  it('for WebSockets, at whichever mount', async () => {
    const { mounts, server } = await serveThree({ rawWebsocket: true });
    mounts.messages.length = 0;
    for (const path of ['/echo/000/a/websocket', '/echo/000/b/websocket', '/echo/websocket']) {
      const client = new WebSocketClient(server.origin, path);
      await client.opened;
      const isRaw = path === '/echo/websocket';
      assert.equal(isRaw ? 'o' : await client.next(), 'o');
      for (let round = 0; round < 10; round += 1) {
        client.send(isRaw ? 'x' : '["x"]');
        assert.equal(await client.next(), isRaw ? 'x' : 'a["x"]');
      }
      client.socket.close();
      await client.closed;
    }
    await mounts.settled();
    assert.deepEqual(mounts.commands, []);
    assert.deepEqual(relayed(mounts), []);
  });

  for (const { name, method, endpoint, sendEndpoint } of HTTP_RECEIVERS) {
    it(`for requests that land at the owner, once it has claimed the id: ${name}`, async () => {
      const { mounts, server } = await serveThree({ responseLimit: 1 });
      mounts.messages.length = 0;
      mounts.stayAt(2);
      const receive = () => fetchText(`${server.origin}/echo/000/a/${endpoint}`, method);
      await receive();
      for (let round = 0; round < 10; round += 1) {
        await post(`${server.origin}/echo/000/a/${sendEndpoint}`, '["x"]', { 'Content-Type': 'text/plain' });
        await receive();
      }
      await mounts.settled();
      assert.deepEqual(mounts.commands, ['claim']);
      assert.deepEqual(relayed(mounts), []);
    });
  }

  it('beyond one command for each other mount that is asked, and one for the end', async () => {
    const { mounts, server } = await serveThree({}, echoUntilBye);
    const url = `${server.origin}/echo/000/a/xhr`;
    await fetchText(url, 'POST');
    for (let round = 0; round < 10; round += 1) {
      await post(`${url}_send`, '["x"]');
      await fetchText(url, 'POST');
    }
    assert.deepEqual(mounts.commands.sort(), ['claim', 'claim', 'find']);
    await post(`${url}_send`, '["bye"]');
    // A session without a receiver has ended once its close frame was fetched.
    await fetchText(url, 'POST');
    await fetchText(url, 'POST');
    await until(() => mounts.commands.includes('end'));
    assert.equal(mounts.commands.filter((command) => command === 'end').length, 1);
  });
});
