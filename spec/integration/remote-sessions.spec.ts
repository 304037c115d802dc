/** Sessions that live in another process: the transports reach them through `SessionPort` and `Receiver` alone. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, type IncomingMessage } from 'node:http';
import express from 'express';
import { attachUpgrade, type SessionHandler, type SockjsOptions } from '../../lib/index.ts';
import { createSockjsRouter } from '../../lib/sockjs.ts';
import { afterTest } from '../support/cleanup.ts';
import { closeOf, itReceivesOverHttp, setUp } from '../support/contract.ts';
import { RemoteDirectory } from '../support/remote-directory.ts';
import { echo, listen, type serve } from '../support/test-server.ts';
import { HTTP_RECEIVERS, xhrPolling, xhrStreaming } from '../support/transport-cases.ts';

let directory: RemoteDirectory<unknown, IncomingMessage>;

/** As `serve`, with all sessions in another process. */
const serveRemote: typeof serve = (
  options: SockjsOptions = {},
  onSession: SessionHandler = echo,
  { before, ...upgrade } = {},
) => {
  const app = express();
  before?.(app);
  const router = createSockjsRouter(options, onSession, (sessions) => {
    directory = new RemoteDirectory(sessions, options.responseLimit ?? 131_072);
    return directory;
  });
  app.use('/echo', router);
  const server = createServer(app);
  attachUpgrade(server, upgrade);
  return listen(server);
};

for (const transport of HTTP_RECEIVERS) {
  describe(`${transport.name} of a session in another process`, () => {
    itReceivesOverHttp({ ...transport, serve: serveRemote, settle: () => directory.link.settled() });
  });
}

const settle = () => directory.link.settled();

describe('A session in another process', () => {
  for (const transport of [xhrPolling, xhrStreaming]) {
    it(`ends on both sides when the link is cut: ${transport.name}`, async () => {
      const { client, sessions } = await setUp({ ...transport, serve: serveRemote, settle });
      const receiving = await client.open();
      const session = await sessions.next();
      const closed = closeOf(session);
      directory.link.cut();
      await receiving.endsWith('c[1012,"Session lost"]');
      assert.deepEqual(await closed, { code: 1002, reason: 'Connection interrupted', wasClean: false });
    });
  }

  it('is told of on sockjs:receiver where it lives, without the requests of the other process', async () => {
    const told: unknown[] = [];
    const listener = (message: unknown) => told.push(message);
    subscribe('sockjs:receiver', listener);
    afterTest(() => void unsubscribe('sockjs:receiver', listener));
    const { client, sessions } = await setUp({ ...xhrPolling, serve: serveRemote, settle });
    await client.gets('o');
    const session = await sessions.next();
    session.send('m');
    await client.gets('a["m"]');
    const message = { session, request: undefined, transport: 'xhr-polling' };
    assert.deepEqual(told, [message, message]);
  });

  it('leaves no send without an answer when the link is cut', async () => {
    const { client, sessions } = await setUp({ ...xhrPolling, serve: serveRemote, settle }, { maxReceiveBuffer: 1 });
    await client.gets('o');
    const session = await sessions.next();
    const first = session.recv();
    const answer = client.post('["read","more than one byte"]');
    assert.equal(await first, 'read');
    await settle();
    directory.link.cut();
    assert.equal((await answer).status, 404);
  });

  it('slows its client down, and counts towards its buffer what another process has not written', async () => {
    const { client, sessions } = await setUp(
      { ...xhrStreaming, serve: serveRemote, settle },
      { sendHighWaterMark: 10 },
    );
    const receiving = await client.open();
    const session = await sessions.next();
    session.send('more than ten bytes');
    assert.equal(session.writableNeedDrain, true);
    await session.drained();
    assert.equal(session.writableNeedDrain, false);
    await receiving.gets('a["more than ten bytes"]');
    await settle();
    assert.equal(session.bufferedAmount, 0);
  });
});
