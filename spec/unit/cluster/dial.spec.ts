/** What becomes of an attempt to make a link, over TCP, TLS and Unix sockets. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import { ListenerHandshake } from '../../../lib/cluster/handshake.ts';
import { stopClock } from '../../support/clock.ts';
import {
  bareServer,
  dialOwner,
  limitsWith,
  listenAsOwner,
  makeLink,
  socketPath,
  TOKEN,
  VERSIONS,
} from '../../support/link-nodes.ts';
import { listen } from '../../support/test-server.ts';
import { TLS } from '../../support/tls-certificate.ts';

/**
 * A listener for WebSockets that sends `first`, then does one thing for each message that comes: it sends bytes, or closes
 * with a code. Functions are called on the way.
 */
async function webSocketServerWith(first: Buffer, ...answers: (Buffer | number | (() => void))[]): Promise<string> {
  const server = await listen((_req, res) => res.end());
  const engine = new WebSocketServer({ server: server.server });
  engine.on('connection', (webSocket) => {
    webSocket.send(first);
    webSocket.on('message', () => {
      for (let answer = answers.shift(); answer !== undefined; answer = answers.shift()) {
        if (typeof answer === 'function') {
          answer();
          continue;
        }
        if (typeof answer === 'number') {
          webSocket.close(answer);
        } else {
          webSocket.send(answer);
        }
        return;
      }
    });
  });
  return `127.0.0.1:${server.port}`;
}

async function kindOf(...args: Parameters<typeof dialOwner>): Promise<string> {
  const { result, end } = await dialOwner(...args);
  assert.equal(end !== undefined, result.kind === 'linked');
  return result.kind;
}

async function codeOf(address: string): Promise<string> {
  const { result } = await dialOwner(address);
  assert.ok(result.kind === 'failed');
  return 'code' in result.error ? String(result.error.code) : result.error.message;
}

describe('dial()', () => {
  for (const [how, at] of [
    ['TCP', () => ({})],
    ['IPv6', () => ({ host: '::1' })],
    ['a Unix socket', () => ({ path: socketPath() })],
  ] as const) {
    it(`makes a link over ${how}`, async () => {
      const { owner, requester } = await makeLink(await listenAsOwner({ at: at() }));
      assert.equal(requester.link.peer, 'owner');
      assert.equal(owner.link.peer, 'requester');
      requester.link.send({
        type: 'attach',
        rid: 1,
        sessionId: 'a',
        client: '',
        transport: 'eventsource',
        callback: '',
      });
      assert.equal((await owner.messages.next()).type, 'attach');
      owner.link.send({ type: 'attached', rid: 1 });
      assert.deepEqual(await requester.messages.next(), { type: 'attached', rid: 1 });
    });
  }

  it('makes a link over a Unix socket whose path has characters of URLs', async () => {
    await makeLink(await listenAsOwner({ at: { path: `${socketPath()} a:b%20#?` } }));
  });

  it('makes a link by a host name', async () => {
    const listening = await listenAsOwner({ at: { host: 'localhost' } });
    const port = listening.address.replace(/.*:/, '');
    assert.equal(await kindOf(`localhost:${port}`), 'linked');
  });

  it('makes a link over TLS, to a listener that it trusts', async () => {
    const listening = await listenAsOwner({ tls: TLS });
    await makeLink(listening, { tls: { ca: TLS.cert, servername: 'localhost' } });
    assert.equal(listening.listener.waitingCount, 0);
  });

  it('fails at a certificate that it does not trust', async () => {
    const { address, listener } = await listenAsOwner({ tls: TLS });
    const { result } = await dialOwner(address, { tls: {} });
    assert.ok(result.kind === 'failed');
    assert.match(result.error.message, /self-signed/);
    await listener.close();
  });

  it('fails with TLS at a listener without it, and without TLS at one with it', async () => {
    const [plain, secure] = [await listenAsOwner(), await listenAsOwner({ tls: TLS })];
    assert.equal(await kindOf(plain.address, { tls: { ca: TLS.cert } }), 'failed');
    assert.equal(await kindOf(secure.address), 'failed');
  });

  it('fails for options of TLS that Node throws at', async () => {
    assert.equal(await kindOf('127.0.0.1:1', { tls: { ca: 'x', ciphers: 'nothing' } }), 'failed');
  });

  it('tells a refused connection', async () => {
    const { address, listener } = await listenAsOwner();
    await listener.close();
    assert.equal(await kindOf(address), 'refused');
    assert.equal(await kindOf(address.replace('127.0.0.1', 'localhost')), 'refused');
  });

  it('tells a refused connection from a missing socket file and from a forbidden one', async () => {
    assert.equal(await codeOf(socketPath()), 'ENOENT');
    const path = socketPath();
    writeFileSync(path, '');
    chmodSync(path, 0o600);
    // Connecting to an ordinary file is refused by the kernel, as is a socket file that a process left behind.
    assert.equal(await kindOf(path), 'refused');
  });

  it('tells a refused connection from a reset', async () => {
    assert.equal(await codeOf((await bareServer((socket) => socket.resetAndDestroy())).address), 'ECONNRESET');
  });

  it('fails at an address that cannot be', async () => {
    assert.match(await codeOf('127.0.0.1:99999'), /nothing can listen/);
    assert.match(await codeOf('127.0.0.1:0'), /nothing can listen/);
  });

  it('fails at a server that is none for links', async () => {
    const { port } = await listen((_req, res) => res.end('hello'));
    assert.equal(await kindOf(`127.0.0.1:${port}`), 'failed');
    assert.equal(await kindOf((await bareServer((socket) => socket.end('hello'))).address), 'failed');
    assert.equal(await kindOf((await bareServer((socket) => socket.end())).address), 'failed');
    assert.equal(await kindOf(await webSocketServerWith(Buffer.from('hello'))), 'failed');
    assert.equal(await kindOf(await webSocketServerWith(Buffer.alloc(0))), 'failed');
    assert.equal(await kindOf(await webSocketServerWith(Buffer.alloc(2000))), 'failed');
  });

  it('tells another token of the listener', async () => {
    const { address, refused } = await listenAsOwner({ token: `${TOKEN}.` });
    assert.equal(await kindOf(address), 'unproven');
    assert.equal(await refused.next(), 'unproven');
  });

  it('tells a listener that does not know the token of the record', async () => {
    const { challenge } = new ListenerHandshake({ id: 'owner', versions: VERSIONS }, TOKEN);
    assert.equal(await kindOf(await webSocketServerWith(challenge, Buffer.alloc(33, 1))), 'unproven');
  });

  it('tells another node at the address, without a proof for it', async () => {
    const { address, refused, ends } = await listenAsOwner({ self: { id: 'newcomer', versions: VERSIONS } });
    const { result } = await dialOwner(address);
    assert.deepEqual(result, { kind: 'other-node', id: 'newcomer' });
    assert.equal(refused.size + ends.size, 0);
  });

  it('tells a listener without a common version', async () => {
    const { address } = await listenAsOwner({ self: { id: 'owner', versions: [3, 4] } });
    assert.equal(await kindOf(address), 'version');
    const { challenge } = new ListenerHandshake({ id: 'owner', versions: VERSIONS }, TOKEN);
    assert.equal(await kindOf(await webSocketServerWith(challenge, 4002)), 'version');
  });

  it('uses the lower version of both, at both ends', async () => {
    const listening = await listenAsOwner({ self: { id: 'owner', versions: [2, 3] } });
    const { owner, requester } = await makeLink(listening, { self: { id: 'requester', versions: [1, 2] } });
    requester.link.send({ type: 'message', seq: 1, room: undefined, text: 'x' });
    owner.link.send({ type: 'ack', seq: 1 });
    assert.equal((await owner.messages.next()).type, 'message');
    assert.equal((await requester.messages.next()).type, 'ack');
  });

  it('gives up a listener that does not answer its request, when its time is up', async () => {
    const clock = stopClock();
    let onRequest = () => {};
    const requested = new Promise<void>((resolve) => {
      onRequest = resolve;
    });
    const address = (await bareServer((socket) => socket.on('data', () => onRequest()))).address;
    const kind = kindOf(address, { timeout: 1000, limits: limitsWith() });
    await requested;
    clock.tick(999);
    await turn();
    clock.tick(1);
    assert.equal(await kind, 'timeout');
  });

  it('gives up a listener that does not confirm, when its time is up', async () => {
    const clock = stopClock();
    let onAnswer = () => {};
    const answered = new Promise<void>((resolve) => {
      onAnswer = resolve;
    });
    const { challenge } = new ListenerHandshake({ id: 'owner', versions: VERSIONS }, TOKEN);
    const kind = kindOf(await webSocketServerWith(challenge, onAnswer), { timeout: 1000, limits: limitsWith() });
    await answered;
    clock.tick(1000);
    assert.equal(await kind, 'timeout');
  });

  it('waits for as long as it may', async () => {
    const clock = stopClock();
    const { challenge } = new ListenerHandshake({ id: 'owner', versions: VERSIONS }, TOKEN);
    const address = await webSocketServerWith(challenge, () => clock.tick(999), 4001);
    const kind = kindOf(address, { timeout: 1000, limits: limitsWith() });
    assert.equal(await kind, 'unproven');
  });

  it('ends by its signal, before and during the attempt', async () => {
    const address = (await bareServer(() => {})).address;
    assert.equal(await kindOf(address, { signal: AbortSignal.abort() }), 'aborted');
    const controller = new AbortController();
    const kind = kindOf(address, { signal: controller.signal });
    controller.abort();
    assert.equal(await kind, 'aborted');
  });

  it('leaves a link that was made alone when its signal aborts', async () => {
    const controller = new AbortController();
    const { owner, requester } = await makeLink(await listenAsOwner(), { signal: controller.signal });
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
    controller.abort();
    requester.link.send({ type: 'message', seq: 1, room: undefined, text: 'x' });
    assert.equal((await owner.messages.next()).type, 'message');
  });

  it('closes its connection when the attempt is over', async () => {
    let onClosed = () => {};
    const closed = new Promise<void>((resolve) => {
      onClosed = resolve;
    });
    const address = (await bareServer((socket) => socket.on('close', onClosed).resume())).address;
    const controller = new AbortController();
    const kind = kindOf(address, { signal: controller.signal });
    await turn();
    controller.abort();
    await kind;
    await closed;
  });

  it('rejects for an id that no handshake could use', async () => {
    await assert.rejects(dialOwner('127.0.0.1:1', { self: { id: 'a b', versions: VERSIONS } }), RangeError);
  });
});
