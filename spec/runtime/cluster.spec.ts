/** Sessions over two processes in another runtime, by Redis and by `node:cluster`; the client is in Node. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { handshake, post, RawSocket } from '../support/http.ts';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';
import { WebSocketClient } from '../support/websocket-client.ts';
import { type ClusterNode, RuntimeCluster } from './support/cluster.ts';
import { quiet } from './support/quiet.ts';
import { RUNTIME } from './support/runtime.ts';

/** Portions of a flood, see `cluster-node.ts`. */
const PORTIONS = 1_000;

describeWithRedis(`Two processes in ${RUNTIME} with a Redis`, () => {
  const redis = useRedis();
  const cluster = new RuntimeCluster();
  before(() => cluster.startWithRedis(redis.port, ['node-redis', 'ioredis']));
  after(() => cluster.kill());
  itSharesSessions(cluster);
});

describe(`Two workers of node:cluster in ${RUNTIME}`, () => {
  const cluster = new RuntimeCluster();
  before(() => cluster.startWorkers());
  after(() => cluster.kill());
  itSharesSessions(cluster);
});

function itSharesSessions(cluster: RuntimeCluster): void {
  const pathOf = (id: string) => `/echo/000/${id}`;

  /** Begins a stream of a session. */
  function streamAt(node: ClusterNode, id: string): RawSocket {
    const lines = [`POST ${pathOf(id)}/xhr_streaming HTTP/1.1`, 'Host: localhost', 'Content-Length: 0', '', ''];
    return new RawSocket(Number(new URL(node.origin).port)).send(...lines);
  }

  for (const [owner, other] of [
    [0, 1],
    [1, 0],
  ] as const) {
    it(`takes sends and polls of a session of process ${owner} at process ${other}`, async () => {
      const path = pathOf(crypto.randomUUID());
      const at = (index: 0 | 1) => `${cluster.nodes[index].origin}${path}`;
      assert.equal((await post(`${at(owner)}/xhr`)).body, 'o\n');
      assert.equal((await post(`${at(other)}/xhr_send`, '["sent there"]')).status, 204);
      assert.equal((await post(`${at(owner)}/xhr`)).body, 'a["sent there"]\n');
      assert.equal((await post(`${at(owner)}/xhr_send`, '["polled there"]')).status, 204);
      assert.equal((await post(`${at(other)}/xhr`)).body, 'a["polled there"]\n');
    });
  }

  it('carries a message of 2 MiB over the link, each way', async () => {
    const path = pathOf(crypto.randomUUID());
    const [first, second] = cluster.nodes;
    const large = JSON.stringify(['é%<x'.repeat(2 ** 18)]);
    assert.equal((await post(`${first.origin}${path}/xhr`)).body, 'o\n');
    assert.equal((await post(`${second.origin}${path}/xhr_send`, large)).status, 204);
    assert.equal((await post(`${second.origin}${path}/xhr`)).body, `a${large}\n`);
  });

  it('answers 404 to a send for a session that neither has', async () => {
    for (const { origin } of cluster.nodes) {
      assert.equal((await post(`${origin}${pathOf(crypto.randomUUID())}/xhr_send`, '["x"]')).status, 404);
    }
  });

  it('sends to a room in both processes', async () => {
    const [first, second] = cluster.nodes;
    const path = pathOf(crypto.randomUUID());
    assert.equal((await post(`${first.origin}${path}/xhr`)).body, 'o\n');
    const client = new WebSocketClient(second.origin, `${pathOf(crypto.randomUUID())}/websocket`);
    assert.equal(await client.next(), 'o');
    assert.equal((await post(`${first.origin}/room`)).status, 200);
    assert.equal(await client.next(), 'a["to all"]');
    assert.equal((await post(`${first.origin}${path}/xhr`)).body, 'a["to all"]\n');
  });

  it('paces the application by a client that does not read at the other process', async () => {
    const [first, second] = cluster.nodes;
    const id = crypto.randomUUID();
    assert.equal((await post(`${first.origin}${pathOf(id)}/xhr`)).body, 'o\n');
    const raw = streamAt(second, id);
    await raw.until('hhh');
    raw.socket.pause();
    assert.equal((await post(`${first.origin}${pathOf(id)}/xhr_send`, '["flood"]')).status, 204);
    const sent = await quiet(async () => (await first.facts()).sent);
    assert.ok(sent < PORTIONS, `the application has sent all ${sent} portions`);
    raw.socket.resume();
    await first.program.line(/^sent all$/);
    raw.socket.destroy();
  });

  it('keeps links on which nothing but pings travels', async function () {
    this.timeout(300_000);
    const linksOf = () =>
      Promise.all(
        cluster.nodes.map(async (node) => {
          const { status, linksEnded } = await node.facts();
          return { status, linksEnded };
        }),
      );
    let pause: number;
    do {
      await cluster.untilLinked();
      const before = await linksOf();
      pause = await cluster.longestPause(1.5 * cluster.nodeTimeout);
      // Where the machine lets a process pause for longer, its links may end with good reason.
      if (pause < cluster.nodeTimeout / 2) {
        assert.deepEqual(await linksOf(), before);
      }
    } while (pause >= cluster.nodeTimeout / 2);
  });

  it('refuses a peer that sends 2000 bytes before it has proved who it is', async () => {
    const [first] = cluster.nodes;
    const { linkAddress } = await first.facts();
    const [, host, port] = /^(.+):(\d+)$/.exec(linkAddress) ?? [];
    const raw = new RawSocket(port === undefined ? connect(linkAddress) : connect(Number(port), host));
    raw.send(...handshake('/'));
    await raw.until('\r\n\r\n');
    // A masked binary frame with a mask of zeros.
    raw.socket.write(Buffer.concat([Buffer.from([0x82, 0xfe, 0x07, 0xd0, 0, 0, 0, 0]), Buffer.alloc(2000)]));
    await first.until(({ linksFailed }) => Number(linksFailed?.['malformed']) > 0);
    await raw.closed;
  });

  it('ends the links of a process that says nothing, and links again with it', async () => {
    const [first, second] = cluster.nodes;
    const { pid } = await second.facts();
    const { linksEnded: before } = await first.facts();
    process.kill(pid, 'SIGSTOP');
    try {
      await first.until(({ linksEnded }) => Number(linksEnded?.['silent']) > Number(before?.['silent'] ?? 0));
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await cluster.untilLinked();
    const path = pathOf(crypto.randomUUID());
    assert.equal((await post(`${first.origin}${path}/xhr`)).body, 'o\n');
    assert.equal((await post(`${second.origin}${path}/xhr_send`, '["again"]')).status, 204);
    assert.equal((await post(`${second.origin}${path}/xhr`)).body, 'a["again"]\n');
  });

  it('tells a client at the other process that its own closes', async () => {
    const [first, second] = cluster.nodes;
    const id = crypto.randomUUID();
    assert.equal((await post(`${first.origin}${pathOf(id)}/xhr`)).body, 'o\n');
    const raw = streamAt(second, id);
    assert.equal((await post(`${second.origin}${pathOf(id)}/xhr_send`, '["attached"]')).status, 204);
    await raw.until('a["attached"]\n');
    assert.equal((await post(`${first.origin}/close`)).status, 200);
    await raw.until('c[1001,"Server shutting down"]\n');
    await second.until(({ status, peers }) => status === 'up' && peers.length === 0);
    raw.socket.destroy();
  });
}
