/** The sessions of one mount: made, found by their id, and forgotten. */
import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Clock } from '@sinonjs/fake-timers';
import express from 'express';
import { sockjs } from '../lib/index.ts';
import { SessionStore } from '../lib/session-store.ts';
import { stopClock } from './support/clock.ts';
import { post } from './support/http.ts';
import { listen, serve, sessionCatcher } from './support/server.ts';
import { WebSocketClient } from './support/websocket.ts';

function makeStore() {
  const store = new SessionStore({ onSession() {}, onError() {}, heartbeatDelay: 0, disconnectDelay: 1000 });
  return { store, request: new IncomingMessage(new Socket()) };
}

describe('SessionStore', () => {
  let clock: Clock;
  beforeEach(() => {
    clock = stopClock();
  });

  describe('create()', () => {
    it('makes a session that find() finds, in whatever state, until it is forgotten', () => {
      const { store, request } = makeStore();
      const session = store.create('id', request, 'xhr-polling');
      assert.deepEqual([session.id, session.request, session.transport], ['id', request, 'xhr-polling']);
      assert.equal(store.find('id'), session);
      session.close();
      assert.equal(store.find('id'), session);
      clock.tick(999);
      assert.equal(store.find('id'), session);
      clock.tick(1);
      assert.equal(session.state, 'closed');
      assert.equal(store.find('id'), undefined);
    });

    it('may use an id again, and an older session takes nothing away from a newer', () => {
      const { store, request } = makeStore();
      store.create('id', request, 'xhr-polling');
      clock.tick(500);
      const second = store.create('id', request, 'eventsource');
      clock.tick(500);
      assert.equal(store.find('id'), second);
      clock.tick(500);
      assert.equal(store.find('id'), undefined);
    });
  });

  describe('createUnlisted()', () => {
    it('makes sessions that find() never finds, of the same id as often as one likes', () => {
      const { store, request } = makeStore();
      const listed = store.create('id', request, 'xhr-polling');
      const unlisted = store.createUnlisted('id', request, 'websocket');
      assert.notEqual(unlisted, store.createUnlisted('id', request, 'websocket'));
      assert.deepEqual([unlisted.id, unlisted.request, unlisted.transport], ['id', request, 'websocket']);
      assert.equal(store.find('id'), listed);
      unlisted.close();
      assert.equal(store.find('id'), listed);
    });
  });

  describe('find()', () => {
    for (const id of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', ' ']) {
      it(`knows no session ${JSON.stringify(id)} unless there is one`, () => {
        const { store, request } = makeStore();
        assert.equal(store.find(id), undefined);
        const session = store.create(id, request, 'xhr-polling');
        assert.equal(store.find(id), session);
      });
    }
  });

  describe('over sockets', () => {
    it('is one for each call of sockjs(), which never sees the sessions of another', async () => {
      const one = sessionCatcher();
      const two = sessionCatcher();
      const app = express();
      app.use('/one', sockjs(one.onSession));
      app.use('/two', sockjs(two.onSession));
      const { origin } = await listen(app);
      for (const mount of ['one', 'two']) {
        assert.equal((await post(`${origin}/${mount}/000/same/xhr`)).body, 'o\n');
      }
      assert.notEqual(await one.next(), await two.next());
      assert.deepEqual([one.count(), two.count()], [1, 1]);
    });

    it('finds a session under any server segment', async () => {
      const sessions = sessionCatcher();
      const { origin } = await serve({}, sessions.onSession);
      assert.equal((await post(`${origin}/echo/000/id/xhr`)).body, 'o\n');
      const session = await sessions.next();
      session.send('x');
      assert.equal((await post(`${origin}/echo/999/id/xhr`)).body, 'a["x"]\n');
    });

    it('keeps WebSocket sessions of one id apart, from each other and from HTTP', async () => {
      const { origin } = await serve();
      const clients = [1, 2].map(() => new WebSocketClient(origin, '/echo/000/id/websocket'));
      for (const client of clients) {
        assert.equal(await client.next(), 'o');
      }
      assert.equal((await post(`${origin}/echo/000/id/xhr_send`, '["x"]')).status, 404);
      assert.equal((await post(`${origin}/echo/000/id/xhr`)).body, 'o\n');
      for (const client of clients) {
        client.send('"x"');
        assert.equal(await client.next(), 'a["x"]');
      }
    });

    it('makes a new session of an id once the old one is forgotten', async () => {
      const { origin } = await serve({ disconnectDelay: 1000 }, (session) => void session.close(3000, 'x'));
      const poll = () => post(`${origin}/echo/000/id/xhr`);
      assert.equal((await poll()).body, 'o\n');
      assert.equal((await poll()).body, 'c[3000,"x"]\n');
      clock.tick(999);
      assert.equal((await poll()).body, 'c[3000,"x"]\n');
      clock.tick(1);
      assert.equal((await poll()).body, 'o\n');
    });
  });
});
