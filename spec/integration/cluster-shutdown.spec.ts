/** One of three mounts is closed: its own sessions end, and those of the others go on without a gap. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { SessionHandler, SockjsOptions } from '../../lib/index.ts';
import { type Mounts, overUnixSockets, serveMounts } from '../support/cluster/mounts.ts';
import { fetchText, post } from '../support/http.ts';
import { until } from '../support/link-nodes.ts';
import { ResponseReader } from '../support/response-reader.ts';
import { echo, sessionCatcher, type TestServer } from '../support/test-server.ts';

async function serveThree(
  options: SockjsOptions = {},
  onSession: SessionHandler = echo,
  settings: Parameters<typeof serveMounts>[0] = {},
): Promise<{ mounts: Mounts; server: TestServer; url: (id: string, endpoint?: string) => string }> {
  let mounts: Mounts | undefined;
  const onMounts = (made: Mounts) => {
    mounts = made;
  };
  const server = await serveMounts(settings, onMounts)(options, onSession);
  assert.ok(mounts);
  return { mounts, server, url: (id, endpoint = 'xhr') => `${server.origin}/echo/000/${id}/${endpoint}` };
}

/** Sends a receiving request to a mount. Settles once it is attached. */
async function receiveAt(mount: number, mounts: Mounts, { server, port }: TestServer, endpoint: string) {
  mounts.next = mount;
  const reached = once(server, 'request');
  const reader = new ResponseReader(port, `/echo/000/${endpoint}`, 'POST');
  await reached;
  await mounts.settled();
  return reader;
}

async function textOf(reader: ResponseReader): Promise<string> {
  let text = '';
  for (;;) {
    const chunk = await reader.next().catch(() => undefined);
    if (chunk === undefined) {
      return text;
    }
    text += chunk;
  }
}

describe('A mount that is closed', () => {
  it('ends its own sessions with 1001, at whichever mount their clients ask', async () => {
    const { mounts, server, url } = await serveThree();
    await fetchText(url('a'), 'POST');
    const poll = await receiveAt(1, mounts, server, 'a/xhr');
    const result = await mounts.at(0).router.close();
    assert.deepEqual(result, { closed: 1, flushed: 1, dropped: 0 });
    assert.equal(await textOf(poll), 'c[1001,"Server shutting down"]\n');
    for (const mount of [0, 1, 2]) {
      mounts.next = mount;
      assert.equal((await fetchText(url('a'), 'POST')).body, 'c[1001,"Server shutting down"]\n', `mount ${mount}`);
    }
  });

  for (const endpoint of ['xhr', 'xhr_streaming']) {
    it(`answers relayed receivers with h, and has them close their connection: ${endpoint}`, async () => {
      const sessions = sessionCatcher();
      const { mounts, server, url } = await serveThree({}, sessions.onSession);
      await fetchText(url('a'), 'POST');
      const session = await sessions.next();
      const reader = await receiveAt(1, mounts, server, `a/${endpoint}`);
      await mounts.at(1).router.close();
      const text = await textOf(reader);
      assert.ok(text === 'h\n' || text === `${'h'.repeat(2048)}\nh\n`, text);
      assert.deepEqual(await reader.ended, { aborted: false });
      if (endpoint === 'xhr') {
        assert.equal((await reader.response).headers.connection, 'close');
      }
      assert.equal(session.state, 'active');
      session.send('kept');
      mounts.next = 2;
      assert.equal((await fetchText(url('a'), 'POST')).body, 'a["kept"]\n');
    });
  }

  it('takes no new session and relays none: 503, and the connection is closed', async () => {
    const { mounts, url } = await serveThree();
    mounts.next = 1;
    await fetchText(url('other'), 'POST');
    await mounts.at(0).router.close();
    mounts.stayAt(0);
    for (const [id, endpoint] of [
      ['new', 'xhr'],
      ['other', 'xhr'],
      ['other', 'xhr_send'],
    ] as const) {
      const { status, headers } = await post(url(id, endpoint), '["x"]', { Connection: 'keep-alive' });
      assert.equal(status, 503, `${id}/${endpoint}`);
      assert.equal(headers.connection, 'close');
    }
    mounts.stayAt(2);
    assert.equal((await post(url('other', 'xhr_send'), '["x"]')).status, 204);
    assert.equal((await fetchText(url('other'), 'POST')).body, 'a["x"]\n');
  });

  it('waits for a send that it relays, and closes its connection', async () => {
    const sessions = sessionCatcher();
    const { mounts, url } = await serveThree({ maxReceiveBuffer: 1 }, sessions.onSession);
    await fetchText(url('a'), 'POST');
    const session = await sessions.next();
    const first = session.recv();
    mounts.next = 1;
    const sending = post(url('a', 'xhr_send'), '["read","more than one byte"]', { Connection: 'keep-alive' });
    assert.equal(await first, 'read');
    await mounts.settled();
    let isClosed = false;
    const closing = mounts
      .at(1)
      .router.close({ timeout: 60_000 })
      .finally(() => {
        isClosed = true;
      });
    await mounts.settled();
    assert.equal(isClosed, false);
    assert.equal(await session.recv(), 'more than one byte');
    const { status, headers } = await sending;
    assert.equal(status, 204);
    assert.equal(headers.connection, 'close');
    await closing;
    assert.equal(session.state, 'active');
  });

  it('loses no message of the sessions of others, whose clients go on at once', async () => {
    const { mounts, url } = await serveThree();
    await fetchText(url('a'), 'POST');
    const open = [0, 1, 2];
    // As a load balancer does that has seen the mount close.
    mounts.isTurning = false;
    let turn = 0;
    const nextOpen = () => {
      mounts.next = open[turn++ % open.length] ?? 0;
    };
    const numbers = Array.from({ length: 200 }, (_, number) => String(number));
    const back: string[] = [];
    const polling = (async () => {
      while (back.length < numbers.length) {
        nextOpen();
        const { body } = await fetchText(url('a'), 'POST');
        assert.match(body, /^(a|h)/);
        back.push(...(body.startsWith('a') ? (JSON.parse(body.slice(1)) as string[]) : []));
      }
    })();
    let closing: Promise<unknown> = Promise.resolve();
    for (const number of numbers) {
      if (number === '100') {
        open.splice(1, 1);
        closing = mounts.at(1).router.close();
      }
      nextOpen();
      assert.equal((await post(url('a', 'xhr_send'), `["${number}"]`)).status, 204);
    }
    await polling;
    await closing;
    assert.deepEqual(back, numbers);
  });

  for (const [links, settings] of [
    ['TCP', {}],
    ['Unix sockets', { listen: overUnixSockets }],
  ] as const) {
    it(`leaves no link and no listener open, and none when all are closed: ${links}`, async () => {
      // Of the runner, and of earlier tests.
      const before = handles();
      const { mounts, server, url } = await serveThree({}, echo, settings);
      await fetchText(url('a'), 'POST');
      await post(url('a', 'xhr_send'), '["x"]');
      assert.equal((await fetchText(url('a'), 'POST')).body, 'a["x"]\n');
      assert.equal(mounts.links.length, 12);
      await mounts.at(1).router.close();
      await until(() => mounts.links.length === 4);
      assert.equal(mounts.at(1).router.cluster?.status, 'down');
      await Promise.all([0, 2].map((mount) => mounts.at(mount).router.close({ timeout: 0 })));
      await until(() => mounts.links.length === 0);
      server.server.closeAllConnections();
      await new Promise((resolve) => server.server.close(resolve));
      await until(() => {
        const now = handles();
        return Object.entries(now).every(([kind, count]) => count <= (before[kind] ?? 0));
      });
    });
  }
});

/** How many sockets and servers of each kind this process has open. */
function handles(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo().filter((each) => /^(TCP|Pipe)/.test(each))) {
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
