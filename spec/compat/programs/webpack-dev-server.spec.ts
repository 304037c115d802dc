/** webpack-dev-server 4.15.2 and 5.2.7 with `webSocketServer: 'sockjs'`. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describeInBrowser, newContext } from '../../browser/support/browser.ts';
import { afterTest } from '../../support/cleanup.ts';
import { fetchText, post, Stream } from '../../support/http.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';
import { Program, projects } from '../support/projects.ts';

/** Takes what the module `text.js` exports into the page, and says how often the page was loaded. */
const LIVE_RELOAD = `
sessionStorage.loads = Number(sessionStorage.loads ?? 0) + 1;
document.title = require('./text.js') + ' ' + sessionStorage.loads;
`;

/** The same, with a module that is replaced without a reload. */
const HOT = `${LIVE_RELOAD}
module.hot.accept('./text.js', () => {
  document.title = require('./text.js') + ' ' + sessionStorage.loads;
});
`;

/** What a client of the server gets that is refused: as in npm sockjs, the message, then the close frame. */
const ERROR = 'a["{\\"type\\":\\"error\\",\\"data\\":\\"Invalid Host/Origin header\\"}"]';
const CLOSE = 'c[1000,"Normal closure"]';

for (const version of [4, 5]) {
  let project = '';

  /** Starts a server with an entry module. */
  async function start(entry: string, options: object = {}) {
    const folder = await mkdtemp(join(tmpdir(), 'sockjs-webpack-'));
    afterTest(() => rm(folder, { recursive: true, force: true }));
    const write = (text: string) => writeFile(join(folder, 'text.js'), `module.exports = ${JSON.stringify(text)};`);
    await writeFile(join(folder, 'index.js'), entry);
    await write('one');
    const args = [`webpack-dev-server-${version}`, folder, JSON.stringify(options)];
    const program = new Program(project, 'webpack-dev-server.cjs', args);
    return { program, write, origin: await program.origin() };
  }

  describe(`compat: webpack-dev-server ${version}`, function () {
    // The program gives up after 100 s, and says what has happened until then.
    this.timeout(120_000);

    before(async function () {
      // Installing takes what the network takes.
      this.timeout(300_000);
      project = (await projects())['sockjs-compat'];
    });

    const allowedHosts = ['.allowed.test'];

    for (const [what, headers] of [
      ['Host', { host: 'foreign.test', origin: 'http://allowed.test' }],
      ['Origin', { host: 'allowed.test', origin: 'http://foreign.test' }],
    ] as const) {
      it(`sends the error, then the close, to a client whose ${what} is not in allowedHosts`, async () => {
        const { origin } = await start('', { allowedHosts });
        const client = new WebSocketClient(origin, '/ws/000/aaaa/websocket', { headers });
        deepEqual([await client.next(), await client.next(), await client.next()], ['o', ERROR, CLOSE]);
        equal((await client.closed).code, 1000);

        const stream = new Stream(`${origin}/ws/000/bbbb/xhr_streaming`, 'POST', { headers });
        match(await stream.until(`${CLOSE}\n`), /h+\no\na\["\{\\"type\\":\\"error\\",.*"\]\nc\[/s);
        await stream.ended;
      });
    }

    it('lets a client through whose Host and Origin are in allowedHosts', async () => {
      const { origin } = await start('', { allowedHosts });
      const headers = { host: 'www.allowed.test', origin: 'http://www.allowed.test' };
      const client = new WebSocketClient(origin, '/ws/000/aaaa/websocket', { headers });
      equal(await client.next(), 'o');
      match(await client.next(), /^a\["\{\\"type\\":\\"hot\\"\}"/);

      const url = `${origin}/ws/000/bbbb/xhr`;
      equal((await post(url, '', headers)).body, 'o\n');
      match((await post(url, '', headers)).body, /^a\["\{\\"type\\":\\"hot\\"\}"/);
    });

    it('has its own copy of the client in the iframe page', async () => {
      const { origin } = await start('');
      match((await fetchText(`${origin}/ws/iframe.html`)).body, /src="\/__webpack_dev_server__\/sockjs\.bundle\.js"/);
    });

    it('ends when it is stopped, with clients that are connected', async () => {
      const { origin, program } = await start('');
      const client = new WebSocketClient(origin, '/ws/000/aaaa/websocket', { headers: { origin } });
      const stream = new Stream(`${origin}/ws/000/bbbb/xhr_streaming`, 'POST', { headers: { origin } });
      match(await client.next(), /^o/);
      await stream.until('o\n');
      await program.stop();
      await client.closed;
      await stream.ended;
    });
  });

  describeInBrowser(`compat: webpack-dev-server ${version} in Chromium`, () => {
    before(async function () {
      // Installing takes what the network takes.
      this.timeout(300_000);
      project = (await projects())['sockjs-compat'];
    });

    /** Opens the page of a server; tells of the title, and of the requests by which the client receives. */
    async function open(origin: string) {
      const page: Page = await (await newContext()).newPage();
      const receivers: string[] = [];
      page.on('websocket', (socket) => receivers.push(socket.url()));
      page.on('request', (request) => receivers.push(request.url()));
      await page.goto(origin);
      const titled = (title: string) => page.waitForFunction(`document.title === ${JSON.stringify(title)}`);
      const receivedBy = (route: string) =>
        ok(
          receivers.some((url) => new RegExp(`/ws/\\d+/\\w+/${route}\\b`).test(url)),
          receivers.join('\n'),
        );
      return { page, titled, receivedBy };
    }

    it('reloads the page when a module has changed', async () => {
      const { origin, write } = await start(LIVE_RELOAD, { hot: false });
      const { titled, receivedBy } = await open(origin);
      await titled('one 1');
      await write('two');
      await titled('two 2');
      receivedBy('websocket');
    });

    it('replaces a module that has changed, without a reload', async () => {
      const { origin, write } = await start(HOT);
      const { titled, receivedBy } = await open(origin);
      await titled('one 1');
      await write('two');
      await titled('two 1');
      receivedBy('websocket');
    });

    it('replaces a module that has changed where the options of sockjs allow no WebSocket', async () => {
      const { origin, write } = await start(HOT, { sockjs: { websocket: false, path: '/ws' } });
      const { titled, receivedBy } = await open(origin);
      await titled('one 1');
      await write('two');
      await titled('two 1');
      receivedBy('xhr_streaming');
    });
  });
}
