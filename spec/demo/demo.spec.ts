/** The demo: its pages, what its endpoints say and bear, and the program as `npm start` runs it. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { LIMITS } from '../../demo/chat-protocol.ts';
import { createWorkerServer } from '../../demo/cluster/worker.ts';
import { createDemo } from '../../demo/server.ts';
import { PAGES, readDocument } from '../docs/support/markdown.ts';
import { afterTest } from '../support/cleanup.ts';
import { stopClock } from '../support/clock.ts';
import { fetchText, post } from '../support/http.ts';
import { originOf, runFailingProgram, startProgram, startScript } from '../support/npm-script.ts';
import { listen } from '../support/test-server.ts';
import { connect } from './support/json-client.ts';

const join = (origin: string, id: string) => connect(origin, 'sockjs', id);
const people = (count: number) => ({ type: 'people', count });
const chat = (text: string, name = 'Ann') => ({ type: 'chat', name, text });

interface DemoPage {
  readonly title: string;
  readonly create: () => Server;
  readonly path: string;
  /** Its modules that look up elements. */
  readonly scripts: readonly string[];
}

const DEMO_PAGES: readonly DemoPage[] = [
  {
    title: 'the live page',
    create: createDemo,
    path: '',
    scripts: ['demo', 'connect-form', 'frames', 'latency', 'chat', 'state', 'theme'],
  },
  { title: 'the statistics', create: createDemo, path: 'stats.html', scripts: ['stats', 'state', 'theme'] },
  {
    title: 'the page of many processes',
    create: () => createWorkerServer({ name: 'A', adapter: '' }, undefined, () => {}).server,
    path: '',
    scripts: ['cluster', 'processes', 'way', 'events', 'connect-form', 'chat', 'state', 'theme'],
  },
];

describe('demo', () => {
  describe('the pages', () => {
    it('offer every transport of the browser client but those of Internet Explorer 8', async () => {
      const { origin } = await listen(createDemo());
      const page = await fetchText(`${origin}/`);
      const offered = [...page.body.matchAll(/<option value="([^"]*)"/g)].map(([, name]) => name);
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

    for (const { title, create, path, scripts } of DEMO_PAGES) {
      it(`load nothing from elsewhere and run nothing inline: ${title}`, async () => {
        const { origin } = await listen(create());
        const page = await fetchText(`${origin}/${path}`);
        assert.equal(page.status, 200);
        assert.equal(page.headers['content-type'], 'text/html; charset=utf-8');
        assert.equal(page.headers['x-content-type-options'], 'nosniff');
        assert.equal(
          page.headers['content-security-policy'],
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
            "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        );
        assert.doesNotMatch(page.body, /\son\w+=|\sstyle=|<style|<script(?! src=)|https?:|javascript:/);
      });

      it(`have all that they and their modules load: ${title}`, async () => {
        const { origin } = await listen(create());
        const page = await fetchText(`${origin}/${path}`);
        const links = [...page.body.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, link]) => String(link));
        const seen = new Set<string>();
        for (const link of links) {
          if (seen.has(link)) {
            continue;
          }
          seen.add(link);
          const file = await fetchText(`${origin}/${link}`);
          assert.equal(file.status, 200, link);
          if (/^[\w-]+\.js$/.test(link)) {
            assert.match(String(file.headers['content-type']), /^text\/javascript/);
            assert.doesNotMatch(file.body, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b/, link);
            links.push(...[...file.body.matchAll(/ from '\.\/([^']+)'/g)].map(([, module]) => String(module)));
          }
        }
        assert.ok(seen.has('connection.js'), 'the modules were followed');
      });

      it(`have an element for every id that their scripts look up: ${title}`, async () => {
        const { origin } = await listen(create());
        const page = await fetchText(`${origin}/${path}`);
        const ids = new Set([...page.body.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id));
        for (const script of scripts) {
          const { body } = await fetchText(`${origin}/${script}.js`);
          for (const [, id] of body.matchAll(/\b(?:find|getElementById)\('([^']+)'\)/g)) {
            assert.ok(ids.has(id), `${script}.js looks for #${id}`);
          }
        }
      });
    }

    it('have a map of the documents, from which each page is read', async () => {
      const { origin } = await listen(createDemo());
      const page = await fetchText(`${origin}/documents.html`);
      assert.equal(page.status, 200);
      assert.match(String(page.headers['content-security-policy']), /^default-src 'none'; script-src 'self';/);
      assert.doesNotMatch(page.body, /\son\w+=|\sstyle=|<style|<script(?! src=)|https?:|javascript:|<!-- the map/);
      const linked = [...page.body.matchAll(/href="documents\/([^"]+)"/g)].map(([, path]) => `docs/${path}`);
      assert.deepEqual(linked.sort(), PAGES.filter((path) => path !== 'docs/README.md').sort());
      for (const path of linked) {
        const { status, headers, body } = await fetchText(`${origin}/${path.replace('docs', 'documents')}`);
        assert.deepEqual([status, headers['content-type']], [200, 'text/plain; charset=utf-8'], path);
        assert.equal(body, readDocument(path));
      }
    });

    it('serve nothing else of the folder of the documents', async () => {
      const { origin } = await listen(createDemo());
      for (const path of ['package.json', 'guide', 'guide/', '', '../README.md', '%2e%2e/README.md', 'guide/none.md']) {
        assert.equal((await fetchText(`${origin}/documents/${path}`)).status, 404, path);
      }
    });

    it('have the very client library that the iframe page loads', async () => {
      const { origin } = await listen(createDemo());
      const iframe = await fetchText(`${origin}/sockjs/iframe.html`);
      assert.match(iframe.body, /<script src="\/sockjs-client\/sockjs\.min\.js">/);
      // The page's own policy, not the one that the demo sets for everything else.
      assert.match(String(iframe.headers['content-security-policy']), /; frame-ancestors \*$/);
      const served = await fetchText(`${origin}/sockjs-client/sockjs.min.js`);
      const client = await readFile(
        new URL('../../node_modules/sockjs-client/dist/sockjs.min.js', import.meta.url),
        'utf8',
      );
      assert.ok(served.body === client, 'the library is served as it is installed');
    });
  });

  describe('the chat', () => {
    it('tells who is new what there is, and everyone how many there are', async () => {
      const { origin } = await listen(createDemo());
      const ann = await join(origin, 'ann');
      assert.deepEqual(await ann.next(), { type: 'welcome', you: 1, limits: { ...LIMITS }, history: [] });
      assert.deepEqual(await ann.next(), people(1));
      const bob = await join(origin, 'bob');
      assert.equal((await bob.nextOf('welcome')).you, 2);
      assert.deepEqual(await bob.next(), people(2));
      assert.deepEqual(await ann.next(), people(2));

      ann.client.socket.close();
      assert.deepEqual(await bob.next(), people(1));
    });

    it('answers a ping to its sender alone, and gives what is said to every session, on any transport', async () => {
      const { origin } = await listen(createDemo());
      const poll = `${origin}/sockjs/000/poll`;
      assert.equal((await post(`${poll}/xhr`)).body, 'o\n');
      const ann = await join(origin, 'ann');
      const bob = await join(origin, 'bob');

      ann.say({ type: 'ping', id: 7 }, chat(' <b>Hello</b> '));
      assert.deepEqual(await ann.nextOf('pong'), { type: 'pong', id: 7 });
      const { at, ...said } = await bob.nextOf('chat');
      assert.deepEqual(said, { ...chat('<b>Hello</b>'), from: 2 });
      assert.equal(typeof at, 'number');
      assert.deepEqual(await ann.nextOf('chat'), { ...said, at });
      // What came before is in the same answer.
      const polled = await post(`${poll}/xhr`);
      assert.match(polled.body, /Hello/);
      assert.doesNotMatch(polled.body, /pong/);
    });

    it('shows newcomers the latest of what was said', async () => {
      const { origin } = await listen(createDemo());
      const total = LIMITS.history + 3;
      for (let first = 0; first < total; first += LIMITS.burst) {
        const ann = await join(origin, `ann-${first}`);
        const texts = Array.from({ length: Math.min(LIMITS.burst, total - first) }, (_, index) => `${first + index}`);
        ann.say(...texts.map((text) => chat(text)));
        while ((await ann.nextOf('chat')).text !== texts.at(-1)) {
          // Not the last yet.
        }
      }
      const bob = await join(origin, 'bob');
      const history = (await bob.nextOf('welcome')).history;
      assert.deepEqual(
        history?.map(({ text }) => text),
        Array.from({ length: LIMITS.history }, (_, index) => `${index + 3}`),
      );
    });

    const CHAT_ERROR = /^A chat message needs a "name" of 1 to 24 characters and a "text" of 1 to 500$/;
    const foreign: readonly (readonly [what: string, text: string, error: RegExp])[] = [
      ['no JSON', '{"type":', /^Not JSON$/],
      ['no object', 'null', /^Not an object$/],
      ['no type', '{}', /^A message needs "ping" or "chat" as "type"$/],
      ['a type of the server', JSON.stringify(people(99)), /^A message needs "ping" or "chat" as "type"$/],
      ['a ping without a number', '{"type":"ping","id":"1"}', /^A ping needs a whole number as "id"$/],
      ['a text that is no string', '{"type":"chat","name":"Eve","text":{}}', CHAT_ERROR],
      ['an empty text', JSON.stringify(chat(' ')), CHAT_ERROR],
      ['too long a text', JSON.stringify(chat('x'.repeat(501))), CHAT_ERROR],
      ['an empty name', JSON.stringify(chat('hi', '')), CHAT_ERROR],
      ['too long a name', JSON.stringify(chat('hi', 'x'.repeat(25))), CHAT_ERROR],
    ];
    for (const [what, text, error] of foreign) {
      it(`ignores ${what}, says so to the sender alone, and goes on`, async () => {
        const { origin } = await listen(createDemo());
        const eve = await join(origin, 'eve');
        const bob = await join(origin, 'bob');
        assert.deepEqual((await bob.nextOf('people')).count, 2);
        eve.send(text);
        assert.match(String((await eve.nextOf('error')).message), error);
        eve.say(chat('x'.repeat(LIMITS.text), 'x'.repeat(LIMITS.name)));
        // The first that Bob hears of her.
        assert.equal((await bob.next()).type, 'chat');
      });
    }

    it('drops what comes too fast, and says so once', async () => {
      const { origin } = await listen(createDemo());
      const eve = await join(origin, 'eve');
      // All in one message, so that they are judged at the same moment.
      eve.say(...Array.from({ length: 100 }, (_, id) => ({ type: 'ping', id })));
      let pongs = 0;
      for (let message = await eve.next(); message.type !== 'error'; message = await eve.next()) {
        pongs += message.type === 'pong' ? 1 : 0;
      }
      assert.ok(pongs >= LIMITS.burst && pongs < 100, `${pongs} pings were answered`);
      await join(origin, 'bob');
      // Nothing more about the other pings.
      assert.deepEqual(await eve.next(), people(2));
    });

    it('closes a session that sends more at once than any page does', async () => {
      const { origin } = await listen(createDemo());
      const large = await join(origin, 'large');
      large.send('x'.repeat(20_000));
      assert.equal((await large.closed).code, 1009);
      const many = await join(origin, 'many');
      many.send(...Array<string>(101).fill('{}'));
      assert.equal((await many.closed).code, 1009);
    });
  });

  describe('the statistics', () => {
    it('come at once and then every second, and count the chat', async () => {
      const clock = stopClock();
      const { origin } = await listen(createDemo());
      const ann = await join(origin, 'ann');
      const feed = await connect(origin, 'stats', 'feed');
      const before = await feed.next();
      assert.equal(before.sessions?.websocket, 1);
      assert.equal(before.messagesIn, 0);

      ann.say({ type: 'ping', id: 1 });
      await ann.nextOf('pong');
      clock.tick(1000);
      const after = await feed.next();
      assert.equal(after.messagesIn, 1);
      assert.equal(Number(after.messagesOut), Number(before.messagesOut) + 1);
      assert.equal(Number(after.at), Number(before.at) + 1000, 'readings carry their time');
      for (const field of ['opened', 'closed', 'bytesIn', 'bytesOut', 'queuedBytes'] as const) {
        assert.equal(typeof after[field], 'number', field);
      }
      assert.deepEqual(after.rejected, {});
    });

    it('go on for the others when one leaves', async () => {
      const { origin } = await listen(createDemo());
      const first = await connect(origin, 'stats', 'first');
      const second = await connect(origin, 'stats', 'second');
      await first.next();
      await second.next();
      first.client.socket.close();
      await first.closed;
      await second.next();
      await second.next();
    });
  });

  describe('npm start', () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      it(`listens on PORT and prints where, and ends on ${signal} with the sessions told`, async () => {
        const { origin, stop } = await startProgram('start');
        const address = origin.replace('localhost', '127.0.0.1');
        assert.match((await fetchText(`${address}/`)).body, /<title>express-sockjs demo<\/title>/);
        const ann = await join(origin, 'ann');
        const feed = await connect(origin, 'stats', 'feed');
        assert.equal((await post(`${address}/sockjs/000/poll/xhr`)).body, 'o\n');
        assert.match((await post(`${address}/sockjs/000/poll/xhr`)).body, /welcome/);
        const polled = post(`${address}/sockjs/000/poll/xhr`);
        const stopped = stop(signal);
        const goingAway = { code: 1001, reason: 'Server shutting down' };
        assert.deepEqual(await ann.closed, goingAway);
        assert.deepEqual(await feed.closed, goingAway);
        assert.equal((await polled).body, 'c[1001,"Server shutting down"]\n');
        assert.equal(await stopped, 0);
      });
    }

    it('prints the address of each page, and a browser finds the page there', async () => {
      const child = await startScript('start');
      afterTest(() => child.kill());
      const origin = await originOf(child);
      for (const [name, title] of [
        ['Chat', 'express-sockjs demo'],
        ['Statistics', 'Statistics · express-sockjs demo'],
      ] as const) {
        const [url = ''] = await child.line(new RegExp(`^${name}: (${origin}/.*)$`));
        const { status, body } = await fetchText(url.replace('localhost', '127.0.0.1'));
        assert.deepEqual([status, /<title>(.*)<\/title>/.exec(body)?.[1]], [200, title]);
      }
    });

    it('says in one line which port is taken, and exits with 1', async () => {
      const { origin } = await startProgram('start');
      const { port } = new URL(origin);
      const { code, stderr } = await runFailingProgram('start', Number(port));
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`^listen EADDRINUSE: .*:${port}; PORT=… chooses another port\n$`));
    });
  });
});
