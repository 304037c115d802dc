/** The recipe of STOMP in browsers to RabbitMQ, with RabbitMQ. */
import assert from 'node:assert/strict';
import { describeInBrowser, newContext } from '../../browser/support/browser.ts';
import { TRANSPORTS } from '../../e2e/support/client.ts';
import { EDGE_CASE_TEXTS } from '../../support/edge-case-texts.ts';
import { RawSocket } from '../../support/http.ts';
import { describeWithRabbitMq, START_TIMEOUT, useRabbitMq } from '../../support/rabbitmq.ts';
import { Recipe } from '../../support/recipes.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';
import { connectStomp, envFor, LEFT, PROGRAM, startStompClient, subscribe, UNREACHABLE } from './support/stomp.ts';

describe('the recipe stomp-rabbitmq', () => {
  describeWithRabbitMq('with RabbitMQ', () => {
    const broker = useRabbitMq();
    let recipe: Recipe;
    let origin = '';
    before('starts the program', async () => {
      recipe = new Recipe(PROGRAM, { env: envFor(broker.port) });
      origin = await recipe.origin();
    });
    after('ends the program', () => recipe.kill());

    for (const transport of TRANSPORTS) {
      it(`brings what a client publishes to those who have subscribed, over ${transport}`, async () => {
        const { client: ann } = await connectStomp(origin, transport);
        const { client: bob } = await connectStomp(origin, transport);
        const destination = `/topic/${transport}`;
        const received = [await subscribe(ann, destination), await subscribe(bob, destination)];
        const long = 'x%é€😀\n'.repeat(40_000);
        // STOMP counts bytes of UTF-8, which lone surrogates do not have.
        const texts = [...EDGE_CASE_TEXTS.filter((text) => Buffer.from(text).toString() === text), long];
        for (const body of texts) {
          ann.publish({ destination, body });
        }
        for (const messages of received) {
          for (const body of texts) {
            assert.equal((await messages.next()).body === body, true, body.slice(0, 100));
          }
        }
      });

      it(`exchanges heart-beats over ${transport}`, async () => {
        let beats = 0;
        const { promise, resolve } = promiseOf();
        const { client } = await connectStomp(origin, transport, {
          heartbeatIncoming: 100,
          heartbeatOutgoing: 100,
          // How fast the machine is must not decide whether one counts as lost.
          heartbeatToleranceMultiplier: 1_000,
          onHeartbeatReceived: () => {
            beats += 1;
            if (beats === 3) {
              resolve();
            }
          },
        });
        await promise;
        assert.equal(client.connected, true);
      });
    }

    it('carries a message in pieces that cut its characters', async () => {
      const { client } = await connectStomp(origin, 'websocket', {
        splitLargeFrames: true,
        maxWebSocketChunkSize: 1023,
      });
      const messages = await subscribe(client, '/topic/pieces');
      // Of odd and even beginnings: one of them is cut within characters.
      for (const body of ['😀'.repeat(10_000), `x${'😀'.repeat(10_000)}`]) {
        client.publish({ destination: '/topic/pieces', body });
        assert.equal((await messages.next()).body === body, true);
      }
    });

    it('has the broker wait for a client that does not read, and loses nothing', async () => {
      const slow = new WebSocketClient(origin, '/stomp/0/slow/websocket');
      assert.equal(await slow.next(), 'o');
      const say = (...lines: string[]) => slow.send(JSON.stringify([`${lines.join('\n')}\n\n\0`]));
      say('CONNECT', 'accept-version:1.2', 'login:guest', 'passcode:guest');
      assert.match(await slow.next(), /^a\["CONNECTED/);
      say('SUBSCRIBE', 'id:0', 'destination:/topic/slow', 'receipt:ready');
      assert.match(await slow.next(), /^a\["RECEIPT/);
      slow.socket.pause();

      // The broker has it all before the client reads on. The program would have closed the session with 1013.
      const publisher = new RawSocket(broker.port);
      publisher.socket.write('CONNECT\naccept-version:1.2\nlogin:guest\npasscode:guest\n\n\0');
      await publisher.until('CONNECTED');
      const body = 'x'.repeat(400_000);
      for (let number = 1; number <= 100; number += 1) {
        const head = `SEND\ndestination:/topic/slow\nnumber:${number}\nreceipt:${number}-is-taken\ncontent-length:${body.length}\n\n`;
        publisher.socket.write(`${head}${body}\0`);
      }
      await publisher.until('receipt-id:100-is-taken');

      slow.socket.resume();
      const numbers: number[] = [];
      let text = '';
      let length = 0;
      while (numbers.length < 100 || length < 100 * body.length) {
        const [, json = '[]'] = /^a(.*)$/s.exec(await slow.next()) ?? [];
        const part = (JSON.parse(json) as string[]).join('');
        length += part.replace(/[^x]/g, '').length;
        // A head may come in pieces.
        text = `${text}${part}`.replace(/x{2,}/g, '');
        const found = [...text.matchAll(/\nnumber:(\d+)\n/g)].map(([, number]) => Number(number));
        numbers.splice(0, numbers.length, ...found);
      }
      assert.deepEqual(
        numbers,
        Array.from({ length: 100 }, (_, i) => i + 1),
      );
    });

    it('has no connection to the broker left when the client has gone', async () => {
      const { client } = await connectStomp(origin, 'xhr-streaming');
      const [process = ''] = await broker.log(/accepting STOMP connection (<[\d.]+>)/);
      assert.match(process, /\d/);
      await client.deactivate();
      await broker.log(/closing STOMP connection/);
    });

    it('tells a client of an error of the broker', async () => {
      const connectHeaders = { login: 'guest', passcode: 'wrong' };
      const { errors } = startStompClient(origin, 'xhr-polling', { connectHeaders });
      assert.equal(await errors.next(), 'Bad CONNECT');
    });

    it('closes sessions when the broker crashes, and takes clients again once it is back', async function () {
      this.timeout(START_TIMEOUT);
      const { connects, closings } = await connectStomp(origin, 'websocket', { reconnectDelay: 100 });
      await broker.crash();
      assert.deepEqual(await closings.next(), LEFT);
      assert.deepEqual(await closings.next(), UNREACHABLE);
      await broker.start();
      await connects.next();
    });

    describeInBrowser('in Chromium', () => {
      it('shows in all pages what is typed into one, as text', async () => {
        const context = await newContext();
        const pages = [await context.newPage(), await context.newPage()];
        const problems: string[] = [];
        for (const [i, page] of pages.entries()) {
          page.setDefaultTimeout(60_000); // ms
          page.on('pageerror', (error) => problems.push(String(error)));
          await page.goto(`${origin}/${i === 0 ? '' : '?transport=xhr-streaming'}`);
          await page.waitForSelector('input:enabled');
        }
        assert.equal(await pages[0]?.textContent('output'), 'connected by websocket');
        assert.equal(await pages[1]?.textContent('output'), 'connected by xhr-streaming');
        // The subscriptions leave first, and the broker does them in order. This one shows that of the other page.
        await pages[1]?.fill('input', 'I am here');
        await pages[1]?.press('input', 'Enter');
        await pages[1]?.waitForSelector('li');
        await pages[0]?.fill('input', '<b>hällo 😀</b>');
        await pages[0]?.press('input', 'Enter');
        for (const page of pages) {
          await page.waitForFunction("document.querySelector('li')?.textContent === '<b>hällo 😀</b>'");
        }
        const { SCREENSHOTS } = process.env;
        if (SCREENSHOTS) {
          await pages[0]?.screenshot({ path: `${SCREENSHOTS}/stomp.png` });
        }
        assert.deepEqual(problems, []);
      });
    });
  });
});

/** As `Promise.withResolvers()`, which Node 20 does not have. */
function promiseOf(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = () => {};
  const promise = new Promise<void>((resolveNow) => {
    resolve = resolveNow;
  });
  return { promise, resolve };
}
