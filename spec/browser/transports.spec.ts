/** Every transport that browsers have, in Chromium with the real client, from pages of the same origin and of others. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { SessionHandler, SockjsOptions } from '../../lib/index.ts';
import { EDGE_CASE_TEXTS } from '../support/edge-case-texts.ts';
import { echo, sessionCatcher } from '../support/test-server.ts';
import { describeInBrowser } from './support/browser.ts';
import { serveSockjs, TestPage } from './support/pages.ts';
import {
  type BrowserTransport,
  OTHER_PORT,
  OTHER_SITE,
  type Place,
  SAME_ORIGIN,
  TRANSPORTS,
} from './support/transports.ts';

/** Each code unit that must be escaped (docs/protocol.md, section 5.2). The characters between keep surrogates apart. */
const ESCAPED = [
  [0x0000, 0x001f],
  [0x200c, 0x200f],
  [0x2028, 0x202f],
  [0x2060, 0x206f],
  [0xd800, 0xdfff],
  [0xfff0, 0xffff],
].map(([from = 0, to = 0]) => Array.from({ length: to - from + 1 }, (_, i) => String.fromCharCode(from + i)).join('x'));

const TEXTS = [...EDGE_CASE_TEXTS, ...ESCAPED, '%41', '</script>', '😀', 'o', 'h', 'c[3000,"x"]', '\ufeff', '[]'];

/** The client has no code of its own to give to its WebSocket. */
const CLOSED_WITHOUT_CODE = { code: 1005, reason: '', wasClean: true };

const INTERRUPTED = { code: 1002, reason: 'Connection interrupted', wasClean: false };

const LARGE = 'é%<x'.repeat(51_200);

/** A server, a page at that place with a client that is open, and the session between them. */
async function connect(
  { name, endpoint, transport }: BrowserTransport,
  place: Place,
  onSession: SessionHandler = echo,
  options: SockjsOptions = {},
) {
  const sessions = sessionCatcher();
  const server = await serveSockjs(options, {
    onSession: (session) => {
      sessions.onSession(session);
      return onSession(session);
    },
  });
  const page = await TestPage.open(await place.pageFor(server));
  await page.connect(server.url, name);
  assert.equal(await page.opened(), name);
  const session = await sessions.next();
  assert.equal(session.transport, transport);
  assert.equal(await server.requests.next(), endpoint);
  if (name.endsWith('-polling')) {
    // The first poll was used up by the open frame.
    assert.equal(await server.requests.next(), endpoint);
  }
  return { ...server, page, session };
}

function itEchoes(transport: BrowserTransport, place: Place): void {
  it('echoes edge-case texts unchanged', async () => {
    const received: string[] = [];
    const { page } = await connect(transport, place, (session) => {
      session.on('message', (message) => received.push(message));
      return echo(session);
    });
    await page.send(...TEXTS);
    assert.deepEqual(await page.take(TEXTS.length), TEXTS);
    assert.deepEqual(received, TEXTS);
    assert.deepEqual(await page.problems(), []);
  });
}

function itDoesEverything(transport: BrowserTransport, place: Place): void {
  itEchoes(transport, place);

  it('carries 1000 messages each way in order, at the same time', async () => {
    const up = Array.from({ length: 1000 }, (_, i) => `up ${i}`);
    const down = up.map((_, i) => `down ${i}`);
    const received: string[] = [];
    const { page } = await connect(transport, place, (session) => {
      session.on('message', (message) => {
        session.send(down[received.length] ?? 'too many');
        received.push(message);
      });
    });
    // In portions, so that they do not all travel in one frame.
    for (let i = 0; i < up.length; i += 100) {
      await page.send(...up.slice(i, i + 100));
    }
    assert.deepEqual(await page.take(1000), down);
    assert.deepEqual(received, up);
    assert.deepEqual(await page.problems(), []);
  });

  it('carries a message of more than 200 KiB each way, which is over the response limit, and goes on', async () => {
    const { page, exchanges } = await connect(transport, place);
    await page.send(LARGE);
    const [echoed] = await page.take(1);
    assert.equal(echoed === LARGE, true, `${echoed?.length} characters came back, not the ${LARGE.length} sent`);
    await page.send('and the next');
    assert.deepEqual(await page.take(1), ['and the next']);
    if (transport.name !== 'websocket') {
      const hasEnded = exchanges.some(({ path }) => path.endsWith(`/${transport.endpoint}`));
      assert.equal(hasEnded, true, 'the response went on beyond its limit');
    }
    assert.deepEqual(await page.problems(), []);
  });

  it('tells the client that the server closes, with code and reason, after what was sent', async () => {
    const { page, session } = await connect(transport, place);
    session.send('last');
    session.close(3000, 'Göing away, 100%41!');
    assert.deepEqual(await page.closed(), { code: 3000, reason: 'Göing away, 100%41!', wasClean: true });
    assert.deepEqual(await page.take(1), ['last']);
    assert.deepEqual(await page.problems(), []);
  });

  const isJsonp = transport.name === 'jsonp-polling';
  const how = isJsonp ? ', once the next poll fails to come, since a script that loads cannot be called off' : '';
  it(`tells the server that the client closes${how}`, async () => {
    // disconnectDelay stays as it is: a browser on a busy machine takes its time between two polls.
    const delays = isJsonp ? { heartbeatDelay: 1000 } : {};
    const { page, session } = await connect(transport, place, echo, delays);
    const closed = once(session, 'close');
    await page.close(3001, 'bye');
    assert.deepEqual(await page.closed(), { code: 3001, reason: 'bye', wasClean: true });
    const [event] = await closed;
    assert.deepEqual(event, transport.name === 'websocket' ? CLOSED_WITHOUT_CODE : INTERRUPTED);
    const problems = await page.problems();
    if (isJsonp) {
      // The client has forgotten its callback, but the script that calls it comes all the same.
      const others = problems.filter((line) => !/TypeError: _jp\.\w+ is not a function$/.test(line));
      assert.deepEqual(others, []);
    } else {
      assert.deepEqual(problems, []);
    }
  });
}

function itNoticesThatThePageIsGone(transport: BrowserTransport, place: Place): void {
  it('tells the server that the page is gone', async () => {
    const { page, session } = await connect(transport, place);
    const closed = once(session, 'close');
    await page.page.close();
    const [event] = await closed;
    assert.deepEqual(event, transport.name === 'websocket' ? CLOSED_WITHOUT_CODE : INTERRUPTED);
  });
}

/** That the client knows by itself what a page at that place cannot use. */
function itIsNotTried({ name }: BrowserTransport, place: Place): void {
  it('is not even tried by the client', async () => {
    const server = await serveSockjs();
    const page = await TestPage.open(await place.pageFor(server));
    await page.connect(server.url, name);
    assert.deepEqual(await page.closed(), { code: 2000, reason: 'All transports failed', wasClean: false });
    assert.equal(server.requests.size, 0);
    assert.deepEqual(
      server.exchanges.map(({ path }) => path),
      ['/echo/info'],
    );
  });
}

/** What a client comes to that would have liked to use htmlfile. */
const FALLBACKS = ['iframe-htmlfile', 'xhr-polling', 'jsonp-polling'];

function itGivesWay({ name }: BrowserTransport, place: Place, fallbacks: readonly string[]): void {
  for (const fallback of fallbacks) {
    it(`gives way to ${fallback}, which echoes`, async () => {
      const server = await serveSockjs();
      const page = await TestPage.open(await place.pageFor(server));
      await page.connect(server.url, [name, fallback]);
      assert.equal(await page.opened(), fallback);
      await page.send(...TEXTS);
      assert.deepEqual(await page.take(TEXTS.length), TEXTS);
      assert.deepEqual(await page.problems(), []);
    });
  }
}

describeInBrowser('browser: transports', () => {
  for (const transport of TRANSPORTS) {
    describe(transport.name, () => {
      describe(`from ${SAME_ORIGIN.title}`, () => {
        itDoesEverything(transport, SAME_ORIGIN);
        itNoticesThatThePageIsGone(transport, SAME_ORIGIN);
      });

      const { onlySameOrigin } = transport;
      if (onlySameOrigin === undefined) {
        describe(`from ${OTHER_SITE.title}`, () => itDoesEverything(transport, OTHER_SITE));
        describe(`from ${OTHER_PORT.title}`, () => itEchoes(transport, OTHER_PORT));
      } else {
        for (const place of [OTHER_SITE, OTHER_PORT]) {
          describe(`from ${place.title}, where it cannot work: ${onlySameOrigin}`, () => {
            itIsNotTried(transport, place);
            itGivesWay(transport, place, place === OTHER_SITE ? FALLBACKS : FALLBACKS.slice(0, 1));
          });
        }
      }
    });
  }

  describe('a client that may use any transport', () => {
    const STEPS: readonly [options: SockjsOptions, sameOrigin: string, otherOrigin: string][] = [
      [{}, 'websocket', 'websocket'],
      [{ websocket: false }, 'xhr-streaming', 'xhr-streaming'],
      [{ xhrStreaming: false }, 'eventsource', 'eventsource'],
      [{ eventSource: false }, 'htmlfile', 'iframe-htmlfile'],
    ];
    for (const place of [SAME_ORIGIN, OTHER_SITE]) {
      for (const [step, [, sameOrigin, otherOrigin]] of STEPS.entries()) {
        const expected = place.isSameOrigin ? sameOrigin : otherOrigin;
        const options: SockjsOptions = Object.assign({}, ...STEPS.slice(0, step + 1).map(([off]) => off));
        it(`comes to ${expected} from ${place.title} with ${Object.keys(options).join(', ') || 'nothing'} off`, async () => {
          const server = await serveSockjs(options);
          const page = await TestPage.open(await place.pageFor(server));
          await page.connect(server.url, []);
          assert.equal(await page.opened(), expected);
          await page.send('x');
          assert.deepEqual(await page.take(1), ['x']);
        });
      }

      it(`comes from polling to jsonp-polling from ${place.title} with xhrPolling off`, async () => {
        const server = await serveSockjs({ xhrPolling: false });
        const page = await TestPage.open(await place.pageFor(server));
        await page.connect(server.url, ['xhr-polling', 'jsonp-polling']);
        assert.equal(await page.opened(), 'jsonp-polling');
        await page.send('x');
        assert.deepEqual(await page.take(1), ['x']);
      });
    }
  });
});
