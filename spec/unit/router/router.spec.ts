/** What an application adds to the Router that `sockjs()` returns: from then on requests pass the Router's own layers. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import express, { type Request } from 'express';
import { attachUpgrade, sockjs } from '../../../lib/index.ts';
import { fetchText, post } from '../../support/http.ts';
import { listen, sessionCatcher } from '../../support/test-server.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

describe('a router to which the application has added something', () => {
  async function start() {
    const sessions = sessionCatcher();
    const router = sockjs(sessions.onSession);
    router.get('/own', (_req, res) => {
      res.send('mine');
    });
    const server = createServer(express().use('/:room/echo', router));
    attachUpgrade(server);
    return { sessions, ...(await listen(server)) };
  }

  it('serves sessions as before, with the parameters of the mount path', async () => {
    const { origin, sessions } = await start();
    assert.equal((await post(`${origin}/red/echo/0/a/xhr`)).body, 'o\n');
    const polling = (await sessions.next()).request as Request;
    assert.equal(polling.params['room'], 'red');
    const client = new WebSocketClient(origin, '/blue/echo/0/b/websocket');
    assert.equal(await client.next(), 'o');
    const webSocket = (await sessions.next()).request as Request;
    assert.equal(webSocket.params['room'], 'blue');
  });

  it('serves what was added, and leaves the rest to others', async () => {
    const { origin } = await start();
    assert.equal((await fetchText(`${origin}/red/echo/own`)).body, 'mine');
    assert.equal((await fetchText(`${origin}/red/echo/nothing`)).status, 404);
    assert.equal((await fetchText(`${origin}/red/echo/0/a.b/xhr`)).status, 404);
  });
});
