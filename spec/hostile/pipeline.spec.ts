/** Five thousand polls in one write, from a client that leaves at once. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { post, RawSocket } from '../support/http.ts';
import { serveRouter } from '../support/routed-server.ts';

function polls(count: number): string {
  const request = (i: number) => `POST /echo/000/s${i}/xhr HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`;
  return Array.from({ length: count }, (_, i) => request(i)).join('');
}

const STREAM = 'POST /echo/000/stream/xhr_streaming HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n';

describe('under a flood of pipelined polls', () => {
  for (const [how, first, leave] of [
    ['closes its side', '', (socket: Socket) => void socket.end()],
    ['closes the connection behind a stream', STREAM, (socket: Socket) => void socket.destroy()],
    ['resets the connection behind a stream', STREAM, (socket: Socket) => void socket.resetAndDestroy()],
  ] as const) {
    it(`serves others and keeps no session when the client ${how}`, async () => {
      const { server, port, router, url } = await serveRouter({ disconnectDelay: 20, heartbeatDelay: 20 });
      const connected = once(server, 'connection') as Promise<[Socket]>;
      const client = new RawSocket(port);
      const [socket] = await connected;
      const closed = new Promise((resolve) => socket.once('close', resolve));
      client.socket.write(first + polls(5000), () => leave(client.socket));
      assert.equal((await post(`${url}/000/healthy/xhr`)).body, 'o\n');
      await closed;
      assert.equal((await post(`${url}/000/other/xhr`)).body, 'o\n');
      assert.ok(router.stats().opened <= 103, `${router.stats().opened} sessions opened`);
      for (const session of router.sessions) {
        await once(session, 'close');
      }
      assert.equal(router.sessions.size, 0);
      assert.equal((await post(`${url}/000/last/xhr`)).body, 'o\n');
    });
  }
});
