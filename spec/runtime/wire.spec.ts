/** What the protocol tests leave out, against a server in another runtime: upgrades, limits, both ways of backpressure. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { fetchText, handshake, post, RawSocket } from '../support/http.ts';
import { WebSocketClient } from '../support/websocket-client.ts';
import { ALL_TRANSPORTS, type WireTransport } from '../support/wire-transports.ts';
import { quiet } from './support/quiet.ts';
import { RUNTIME, useServer } from './support/runtime.ts';

/** More than two kernels buffer. */
const FLOOD = 32 * 1024 * 1024;

describe(`A server in ${RUNTIME}`, () => {
  const server = useServer();

  async function open(endpoint: string, options: { autoPong?: boolean; headers?: Record<string, string> } = {}) {
    const client = new WebSocketClient(server.origin, `/${endpoint}/000/${crypto.randomUUID()}/websocket`, options);
    const answered = once(client.socket, 'upgrade') as Promise<[IncomingMessage]>;
    assert.equal(await client.next(), 'o');
    const [{ headers }] = await answered;
    return { client, headers };
  }

  /** The lines of a request for a session of an endpoint. */
  function linesOf(transport: WireTransport, endpoint: string, id: string): string[] {
    const [first = '', ...others] = transport.requestLines(id);
    return [first.replace('/echo/', `/${endpoint}/`), ...others];
  }

  it('bypasses methods of the runtime in Node alone', async () => {
    assert.equal((await fetchText(`${server.origin}/bypasses`)).body, String(RUNTIME === 'node'));
  });

  describe('on an upgrade', () => {
    it('runs express-session: its cookie is on the 101, and the next upgrade finds what it holds', async () => {
      const first = await open('visits');
      assert.equal(await first.client.next(), 'a["1"]');
      const [cookie = ''] = first.headers['set-cookie'] ?? [];
      assert.match(cookie, /^visits=/);
      const second = await open('visits', { headers: { Cookie: cookie.split(';')[0] ?? '' } });
      assert.equal(await second.client.next(), 'a["2"]');
      assert.equal(second.headers['set-cookie'], undefined);
    });

    it('finds the session of a login over HTTP', async () => {
      const { headers } = await fetchText(`${server.origin}/login`);
      const [cookie = ''] = headers['set-cookie'] ?? [];
      const { client } = await open('visits', { headers: { Cookie: cookie.split(';')[0] ?? '' } });
      assert.equal(await client.next(), 'a["2"]');
    });

    it('tells middleware that the connection is not encrypted', async () => {
      const { headers } = await open('echo');
      assert.equal(headers['x-encrypted'], 'false');
    });

    it('has the application answer where it has no such endpoint', async () => {
      const raw = new RawSocket(server.port).send(...handshake('/none/000/x/websocket'));
      assert.match(await raw.closed, /^HTTP\/1\.1 404 Not Found\r\n/);
    });

    it('refuses a handshake that is none', async () => {
      const lines = handshake('/echo/000/x/websocket').map((line) => line.replace('Version: 13', 'Version: 12'));
      const raw = new RawSocket(server.port).send(...lines);
      assert.match(await raw.closed, /^HTTP\/1\.1 4\d\d /);
    });

    it('writes one 101, and the open frame behind it', async () => {
      const raw = new RawSocket(server.port).send(...handshake('/echo/000/x/websocket'));
      const bytes = await raw.until('\x81\x01o');
      assert.equal(bytes.split('HTTP/1.1 101 ').length, 2);
      assert.match(bytes, /\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i);
    });
  });

  describe('notices a WebSocket client that', () => {
    it('resets the connection', async () => {
      const raw = new RawSocket(server.port).send(...handshake('/echo/000/x/websocket'));
      await raw.until('\x81\x01o');
      raw.socket.resetAndDestroy();
      await server.line(/^closed echo websocket 1006 /);
    });

    it('ends its side', async () => {
      const raw = new RawSocket(server.port).send(...handshake('/echo/000/x/websocket'));
      await raw.until('\x81\x01o');
      raw.socket.end();
      await server.line(/^closed echo websocket 1006 /);
      await raw.closed;
    });

    it('answers no pings, and cuts it', async () => {
      const { client } = await open('beats', { autoPong: false });
      assert.equal((await client.closed).code, 1006);
      await server.line(/^closed beats websocket 1006 /);
    });

    it('answers pings, and keeps it', async () => {
      const { client } = await open('beats');
      for (let pings = 0; pings < 6; pings += 1) {
        await once(client.socket, 'ping');
      }
      client.send('"x"');
      let frame = await client.next();
      while (frame === 'h') {
        frame = await client.next();
      }
      assert.equal(frame, 'a["x"]');
    });

    it('does not read for websocketWriteTimeout, and cuts it', async () => {
      const { client } = await open('hasty');
      client.socket.pause();
      client.send('"x"');
      await server.line(/^closed hasty websocket 1006 /);
    });
  });

  describe('paces', () => {
    for (const transport of ALL_TRANSPORTS.filter(({ isStreaming, name }) => isStreaming && name !== 'websocket-raw')) {
      it(`the application by a client that does not read: ${transport.name}`, async () => {
        const id = crypto.randomUUID();
        const raw = new RawSocket(server.port).send(...linesOf(transport, 'flood', id));
        await raw.until(transport.wrap('o'));
        raw.socket.pause();
        if (transport.name === 'websocket') {
          // A masked frame of `"x"` with a mask of zeros.
          raw.socket.write(Buffer.from([0x81, 0x83, 0, 0, 0, 0, 0x22, 0x78, 0x22]));
        } else {
          assert.equal((await post(`${server.origin}/flood/000/${id}/xhr_send`, '["x"]')).status, 204);
        }
        const sent = await quiet(async () => Number((await fetchText(`${server.origin}/sent`)).body));
        assert.ok(sent < 1_000, `the application has sent all ${sent} portions`);
        raw.socket.resume();
        await server.line(new RegExp(`^sent all ${transport.name}$`));
        raw.socket.destroy();
      });
    }

    it('a WebSocket client by an application that does not read', async () => {
      const { client } = await open('late');
      const message = JSON.stringify('x'.repeat(16_384));
      for (let sent = 0; sent < FLOOD; sent += message.length) {
        client.send(message);
      }
      client.send('"last"');
      await quiet(async () => {
        await fetchText(`${server.origin}/login`);
        return client.socket.bufferedAmount;
      });
      assert.ok(client.socket.bufferedAmount > 0, 'the server has read everything');
      assert.equal((await post(`${server.origin}/read`)).status, 200);
      await server.line(/^read all websocket$/);
    });
  });

  describe('limits', () => {
    it('a body by maxMessageSize, and the session goes on', async () => {
      const url = `${server.origin}/hasty/000/size`;
      assert.equal((await post(`${url}/xhr`)).body, 'o\n');
      assert.equal((await post(`${url}/xhr_send`, `["${'x'.repeat(1000)}"]`)).status, 413);
      assert.equal((await post(`${url}/xhr_send`, '["x"]')).status, 204);
    });

    it('a chunked body by maxMessageSize', async () => {
      const url = `${server.origin}/hasty/000/chunks`;
      assert.equal((await post(`${url}/xhr`)).body, 'o\n');
      const raw = new RawSocket(server.port).send(
        'POST /hasty/000/chunks/xhr_send HTTP/1.1',
        'Host: localhost',
        'Transfer-Encoding: chunked',
        '',
        '7d0',
        `["${'x'.repeat(1996)}"]`,
        '',
      );
      assert.match(await raw.until('\r\n\r\n'), /^HTTP\/1\.1 413 /);
    });

    it('a WebSocket message by maxMessageSize', async () => {
      const { client } = await open('hasty');
      client.send(JSON.stringify('x'.repeat(1000)));
      assert.equal((await client.closed).code, 1009);
      await server.line(/^closed hasty websocket 1009 Message too big\.$/);
    });

    it('a body that does not come by receiveTimeout', async () => {
      const url = `${server.origin}/hasty/000/time`;
      assert.equal((await post(`${url}/xhr`)).body, 'o\n');
      const raw = new RawSocket(server.port).send(
        'POST /hasty/000/time/xhr_send HTTP/1.1',
        'Host: localhost',
        'Content-Length: 100',
        '',
        '["x"',
      );
      assert.match(await raw.until('\r\n\r\n'), /^HTTP\/1\.1 408 /);
    });
  });
});
