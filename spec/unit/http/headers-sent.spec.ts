import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { sockjs } from '../../../lib/index.ts';
import { http1, openPeer } from '../../neighbours/support/peer.ts';
import { listen } from '../../support/test-server.ts';

describe('restoreHeadersSent', () => {
  it('has a stream end with its close frame behind a framework whose `headersSent` stays false', async () => {
    const router = sockjs({ prefix: '/echo' }, (session) => {
      session.on('message', () => session.close(3000, 'as you wish'));
    });
    const { origin } = await listen(
      createServer((req, res) => {
        Object.defineProperty(res, 'headersSent', { get: () => false, configurable: true });
        router(req, res);
      }),
    );
    for (const transport of ['xhr-streaming', 'eventsource', 'htmlfile'] as const) {
      const peer = await openPeer(http1(origin), transport, { id: transport });
      await peer.send('bye');
      assert.deepEqual(await peer.closed(), { code: 3000, reason: 'as you wish' });
    }
  });

  it('leaves a `headersSent` that cannot be removed, and answers what needs no stream', async () => {
    const router = sockjs({ prefix: '/echo' }, () => {});
    const { origin } = await listen(
      createServer((req, res) => {
        Object.defineProperty(res, 'headersSent', { get: () => false, configurable: false });
        router(req, res);
      }),
    );
    await openPeer(http1(origin), 'xhr-polling');
  });
});
