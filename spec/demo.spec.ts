/** The demo: its page, what its server answers, and the program as `npm start` runs it. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createDemo } from '../demo/server.ts';
import { fetchText, post } from './support/http.ts';
import { failProgram, startProgram } from './support/program.ts';
import { listen } from './support/server.ts';
import { WebSocketClient } from './support/websocket.ts';

/** A client that is connected to the demo, and the messages it gets. */
async function join(origin: string, id: string) {
  const client = new WebSocketClient(origin, `/sockjs/000/${id}/websocket`);
  assert.equal(await client.next(), 'o');
  const inbox: unknown[] = [];
  return {
    closed: client.closed,
    client,
    say: (message: unknown) => client.send(JSON.stringify([JSON.stringify(message)])),
    next: async () => {
      while (inbox.length === 0) {
        const frame = await client.next();
        assert.equal(frame[0], 'a', frame);
        inbox.push(...JSON.parse(frame.slice(1)).map((text: string) => JSON.parse(text)));
      }
      return inbox.shift();
    },
  };
}

const people = (count: number) => ({ type: 'people', count });

describe('demo', () => {
  describe('the page', () => {
    it('offers every transport of the browser client but those of Internet Explorer 8', async () => {
      const { origin } = await listen(createDemo());
      const page = await fetchText(`${origin}/`);
      assert.equal(page.status, 200);
      const offered = [...page.body.matchAll(/name="transport" value="([^"]*)"/g)].map(([, name]) => name);
      assert.deepEqual(offered, [
        '',
        'websocket',
        'xhr-streaming',
        'eventsource',
        'htmlfile',
        'xhr-polling',
        'jsonp-polling',
        'iframe-eventsource',
        'iframe-htmlfile',
        'iframe-xhr-polling',
      ]);
    });

    it('loads nothing from elsewhere and runs nothing inline', async () => {
      const { origin } = await listen(createDemo());
      const page = await fetchText(`${origin}/`);
      assert.equal(
        page.headers['content-security-policy'],
        "default-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
      );
      assert.doesNotMatch(page.body, /\son\w+=|\sstyle=|<style|<script(?! src=)|https?:/);
      for (const [, path] of page.body.matchAll(/(?:src|href)="([^":]+)"/g)) {
        assert.equal((await fetchText(`${origin}/${path}`)).status, 200, path);
      }
    });

    it('has the very client library that the iframe page loads', async () => {
      const { origin } = await listen(createDemo());
      const iframe = await fetchText(`${origin}/sockjs/iframe.html`);
      assert.match(iframe.body, /<script src="\/sockjs-client\/sockjs\.min\.js">/);
      // The page's own policy, not the one that the demo sets for everything else.
      assert.match(String(iframe.headers['content-security-policy']), /; frame-ancestors \*$/);
      const served = await fetchText(`${origin}/sockjs-client/sockjs.min.js`);
      const client = await readFile(
        new URL('../node_modules/sockjs-client/dist/sockjs.min.js', import.meta.url),
        'utf8',
      );
      assert.ok(served.body === client);
    });
  });

  describe('the endpoint', () => {
    it('echoes to the sender, broadcasts to everyone, and tells how many there are', async () => {
      const { origin } = await listen(createDemo());
      const ann = await join(origin, 'ann');
      assert.deepEqual(await ann.next(), people(1));
      const bob = await join(origin, 'bob');
      assert.deepEqual(await bob.next(), people(2));
      assert.deepEqual(await ann.next(), people(2));

      const echo = { type: 'echo', id: '1', text: 'to me' };
      const broadcast = { type: 'broadcast', id: '2', text: 'to all' };
      ann.say(echo);
      ann.say(broadcast);
      assert.deepEqual(await ann.next(), echo);
      assert.deepEqual(await ann.next(), broadcast);
      assert.deepEqual(await bob.next(), broadcast);

      ann.client.socket.close();
      assert.deepEqual(await bob.next(), people(1));
    });

    const foreign = [
      'no JSON',
      'null',
      '{}',
      '{"type":"people","id":"1","text":""}',
      '{"type":"echo","id":1,"text":""}',
    ];
    for (const message of foreign) {
      it(`closes a session that sends ${message}`, async () => {
        const { origin } = await listen(createDemo());
        const { client, closed } = await join(origin, 'eve');
        client.send(JSON.stringify([message]));
        assert.deepEqual(await closed, { code: 4000, reason: 'Not a message of this demo' });
      });
    }
  });

  describe('npm start', () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      it(`listens on PORT and prints where, and ends on ${signal} with clients connected`, async () => {
        const { origin, stop } = await startProgram('start');
        const address = origin.replace('localhost', '127.0.0.1');
        assert.match((await fetchText(`${address}/`)).body, /<title>express-sockjs demo<\/title>/);
        const ann = await join(origin, 'ann');
        assert.deepEqual(await ann.next(), people(1));
        assert.equal((await post(`${address}/sockjs/000/poll/xhr`)).body, 'o\n');
        assert.equal(await stop(signal), 0);
        await ann.closed;
      });
    }

    it('says which port is taken', async () => {
      const { origin } = await startProgram('start');
      const { code, stderr } = await failProgram('start', Number(new URL(origin).port));
      assert.equal(code, 1);
      assert.match(stderr, /EADDRINUSE.*; PORT=… chooses another port\n$/);
    });
  });
});
