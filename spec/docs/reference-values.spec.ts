/** Types, defaults and reasons of the reference, held against what the code does. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import express from 'express';
import { attachUpgrade, CloseCode, type CloseOptions, type SessionCloseEvent, sockjs } from '../../lib/index.ts';
import { assertClusterOptions, assertName } from '../../lib/options/cluster-settings.ts';
import { CLOSES } from '../../lib/protocol/close-code.ts';
import { redisCluster } from '../../lib/redis.ts';
import { UPGRADE_TIMEOUT, upgradeTimeoutOf } from '../../lib/upgrade/options.ts';
import { stopClock } from '../support/clock.ts';
import { post } from '../support/http.ts';
import { echo, listen, serve, sessionCatcher } from '../support/test-server.ts';
import { WebSocketClient } from '../support/websocket-client.ts';
import { codeSpans, readDocument, tableRows } from './support/markdown.ts';
import { declaredIn, kindsIn, namedRows, quantityOf, shown } from './support/reference.ts';

const UPGRADES = 'docs/reference/attach-upgrade.md';
const ROUTER = 'docs/reference/router.md';
const OPTIONS = 'docs/reference/options.md';
const CODES = 'docs/reference/close-codes.md';

/** The message of what a function throws. */
function messageOf(throwing: () => unknown): string {
  try {
    throwing();
  } catch (error) {
    return String(error);
  }
  return assert.fail('nothing is thrown');
}

/** Serves an endpoint at `/echo`; the router as well. */
async function serveRouter(onSession = echo) {
  const router = sockjs({ disconnectDelay: 600_000 }, onSession);
  const server = createServer(express().use('/echo', router));
  attachUpgrade(server);
  return { router, ...(await listen(server)) };
}

describe(UPGRADES, () => {
  const [row = [], ...others] = tableRows(readDocument(UPGRADES)).filter(([, type = '']) => /^number\b/.test(type));
  const [name = '', type = '', text = ''] = row;

  it('has every option, and no other', () => {
    assert.deepEqual([...codeSpans(name), ...others], declaredIn('AttachUpgradeOptions'));
  });

  it('has the type of upgradeTimeout', () => {
    assert.deepEqual(kindsIn(type), ['number']);
    assert.match(
      messageOf(() => upgradeTimeoutOf({ upgradeTimeout: 0 })),
      new RegExp(` must be a ${type} from `),
    );
  });

  it('has the default of upgradeTimeout, as router.md has it', () => {
    const [, plain, inUnits = ''] = /^(.*?) \((\d.*)\)$/.exec(text) ?? [];
    assert.equal(plain, shown('upgradeTimeout', upgradeTimeoutOf({})));
    assert.equal(quantityOf(inUnits), UPGRADE_TIMEOUT);
    const [, seconds] = /with\s(\d+)\sseconds\sfor\s`upgradeTimeout`/.exec(readDocument(ROUTER)) ?? [];
    assert.equal(Number(seconds) * 1000, UPGRADE_TIMEOUT);
  });
});

describe(`the settings of the adapter in ${OPTIONS}`, () => {
  const settings = namedRows(readDocument(OPTIONS).split('\n## The adapter of cluster\n')[1] ?? '');
  const client = { isOpen: true, sendCommand: async () => [] };
  const complaint = (name: string, value: unknown) =>
    messageOf(() => (name === 'name' ? assertName(name, value) : assertClusterOptions('x', { [name]: value })));

  /** The words of a type, less those that only join them. */
  const wordsOf = (type: string) =>
    (type.match(/[\w.:-]+/g) ?? []).filter((word) => !/^(an?|and|for|limit|no|number|of|or|to)$/.test(word)).sort();

  /** A value that is wrong for each setting. The message of the code says what would be right. */
  const WRONG = {
    name: 'a b',
    listen: 1,
    advertise: '',
    tls: { none: 1 },
    nodeTimeout: 1,
    maxQueuedBytes: 1,
    onGap: 'none',
    secret: 1,
  };

  it('are those that are held', () => {
    assert.deepEqual(settings.map(([name]) => name).sort(), [...Object.keys(WRONG), 'prefix'].sort());
  });

  for (const [name, wrong] of Object.entries(WRONG)) {
    it(`have the type of ${name}`, () => {
      const [, type = ''] = settings.find(([setting]) => setting === name)?.[1] ?? [];
      const [, allowed = ''] =
        /; it (?:must be|may have) (?:a string of )?(.*?)(?:, which .*)?$/.exec(complaint(name, wrong)) ?? [];
      assert.notEqual(allowed, '');
      assert.deepEqual(wordsOf(type), wordsOf(allowed));
    });
  }

  it('have the type of prefix: that of name', () => {
    const [, type] = settings.find(([setting]) => setting === 'prefix')?.[1] ?? [];
    assert.equal(type, 'the same characters');
    const [, said] = /( is .*)$/.exec(messageOf(() => redisCluster(client, { name: 'x', prefix: 'a b' }))) ?? [];
    assert.ok(said !== undefined && complaint('name', 'a b').endsWith(said), said);
  });
});

describe('the defaults of arguments in the reference', () => {
  const signatures = ['router', 'session', 'channels', 'exports', 'attach-upgrade'].flatMap((page) =>
    tableRows(readDocument(`docs/reference/${page}.md`)).flatMap(([cell = '']) =>
      codeSpans(cell).filter((code) => / = /.test(code)),
    ),
  );
  const ofRouter = /^close\(\{ code = (\d+), reason = '(.*)', timeout = (\d+) \}\?\)$/.exec(signatures[0] ?? '') ?? [];
  const ofSession = /^close\(code = (\d+), reason\?\)$/.exec(signatures[1] ?? '') ?? [];

  it('are those of router.close() and session.close(), which the next tests hold', () => {
    assert.equal(signatures.length, 2);
    assert.ok(ofRouter.length > 0 && ofSession.length > 0, signatures.join('\n'));
    const members: Record<keyof CloseOptions, true> = { code: true, reason: true, timeout: true };
    assert.deepEqual(declaredIn('CloseOptions'), Object.keys(members));
  });

  it('are the code and the reason of router.close()', async () => {
    const { router, origin } = await serveRouter();
    const client = new WebSocketClient(origin, '/echo/000/a/websocket');
    assert.equal(await client.next(), 'o');
    const closed = router.close();
    assert.equal(await client.next(), `c${JSON.stringify([Number(ofRouter[1]), ofRouter[2]])}`);
    await closed;
  });

  it('are the timeout of router.close(), after which it drops a session that no request came for', async () => {
    const clock = stopClock();
    const { router, origin } = await serveRouter();
    assert.equal((await post(`${origin}/echo/000/a/xhr`)).body, 'o\n');
    let isClosed = false;
    const closed = router.close().finally(() => {
      isClosed = true;
    });
    await clock.tickAsync(Number(ofRouter[3]) - 1);
    await turn();
    assert.equal(isClosed, false);
    await clock.tickAsync(1);
    assert.deepEqual(await closed, { closed: 1, flushed: 0, dropped: 1 });
  });

  it('are the code of session.close()', async () => {
    const { origin } = await serveRouter((session) => void session.close());
    const client = new WebSocketClient(origin, '/echo/000/a/websocket');
    assert.equal(await client.next(), 'o');
    assert.deepEqual(JSON.parse((await client.next()).slice(1)), [Number(ofSession[1]), CLOSES.normal.reason]);
  });
});

describe(`the reasons in ${CODES}`, () => {
  const rows = tableRows(readDocument(CODES));
  const told = rows
    .filter(([, name = '']) => /^`\w+`$/.test(name))
    .flatMap(([code, , reasons = '']) => codeSpans(reasons).map((reason) => ({ code: Number(code), reason })));
  const isTold = (code: number, reason: string) =>
    told.some((entry) => entry.code === code && isSame(entry.reason, reason));
  // The page leaves out the end of one.
  const isSame = (written: string, reason: string) =>
    written.endsWith(' …') ? reason.startsWith(written.slice(0, -1)) : written === reason;

  /** What a WebSocket client must not send, and with which code it is told so. */
  const REFUSED: readonly [title: string, code: number, data: string | Buffer][] = [
    ['a binary message', CloseCode.UnsupportedData, Buffer.from('["x"]')],
    ['broken JSON', CloseCode.InvalidPayload, '["x'],
    ['other JSON', CloseCode.InvalidPayload, '{}'],
    ['a message that is too large', CloseCode.MessageTooBig, JSON.stringify(['x'.repeat(100)])],
    ['too many messages', CloseCode.MessageTooBig, '["x","x"]'],
  ];

  /** How the session of a client ends that sends this. */
  async function closeAfter(data: string | Buffer): Promise<SessionCloseEvent> {
    const caught = sessionCatcher();
    const { origin } = await serve({ maxMessageSize: 64, maxMessagesPerRequest: 1 }, caught.onSession);
    const client = new WebSocketClient(origin, '/echo/000/a/websocket');
    assert.equal(await client.next(), 'o');
    const session = await caught.next();
    client.socket.send(data);
    return new Promise((resolve) => session.once('close', resolve));
  }

  for (const { code, reason } of Object.values(CLOSES)) {
    it(`have what the server gives: ${code} ${reason}`, () => {
      assert.ok(isTold(code, reason));
    });
  }

  for (const [title, expected, data] of REFUSED) {
    it(`have what a client is told that sends ${title}`, async () => {
      const { code, reason } = await closeAfter(data);
      assert.equal(code, expected);
      assert.ok(isTold(code, reason), `${code} ${reason}`);
    });
  }

  it('have no other', async () => {
    const given: string[] = Object.values(CLOSES).map(({ reason }) => reason);
    for (const [, , data] of REFUSED) {
      given.push((await closeAfter(data)).reason);
    }
    const others = told.filter(({ reason }) => !given.some((found) => isSame(reason, found)));
    assert.deepEqual(others, []);
  });

  it('have those that sockjs-client makes up, and no other', () => {
    const source = readDocument('node_modules/sockjs-client/lib/main.js');
    const own = Array.from(source.matchAll(/lose\((\d+), '([^']+)'/g), ([, code = '', reason = '']) => [code, reason]);
    const ofClient = rows
      .filter(([, reason = '']) => /^`[A-Z]\w+ .*`$/.test(reason))
      .map(([code, reason = '']) => [code, codeSpans(reason)[0]]);
    assert.deepEqual(ofClient.sort(), own.sort());
  });
});
