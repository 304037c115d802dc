/** What the transports over HTTP do as those of npm sockjs 0.3.24: frames, limits, second receivers, and ends. */
import { deepEqual, equal } from 'node:assert/strict';
import { fetchText, post, Stream } from '../support/http.ts';
import { CLIENTS, type Client, untilReceived } from './support/clients.ts';
import { COMPAT, Driven, GENUINE, prepare, type Settings } from './support/driven.ts';

const STREAMS = ['xhr-streaming', 'eventsource', 'htmlfile'];
const POLLS = ['xhr-polling', 'jsonp-polling'];

/** What is escaped by one of the transports, or by JSON. */
const TEXT = 'a%\u2028\r\n\u0000é"\\';
const MESSAGES = 'a["a%\\u2028\\r\\n\\u0000é\\"\\\\"]';

/** The response to a receiving request, whose last frame has the text. */
const RESPONSES: Readonly<Record<string, { method: string; route: string; type: string; frame: string }>> = {
  'xhr-streaming': {
    method: 'POST',
    route: 'xhr_streaming',
    type: 'application/javascript; charset=UTF-8',
    frame: `\n${MESSAGES}\n`,
  },
  eventsource: {
    method: 'GET',
    route: 'eventsource',
    type: 'text/event-stream',
    frame: `\r\n\r\ndata: ${MESSAGES.replace('%', '%25')}\r\n\r\n`,
  },
  htmlfile: {
    method: 'GET',
    route: 'htmlfile?c=cb',
    type: 'text/html; charset=UTF-8',
    frame: `\r\n<script>\np(${JSON.stringify(MESSAGES)});\n</script>\r\n`,
  },
  'xhr-polling': {
    method: 'POST',
    route: 'xhr',
    type: 'application/javascript; charset=UTF-8',
    frame: `${MESSAGES}\n`,
  },
  'jsonp-polling': {
    method: 'GET',
    route: 'jsonp?c=cb',
    type: 'application/javascript; charset=UTF-8',
    frame: `/**/cb(${JSON.stringify(MESSAGES)});\r\n`,
  },
};

function connect(transport: string, server: Driven): Client {
  const client = CLIENTS[transport]?.(server);
  if (client === undefined) {
    throw new Error(`no client of ${transport}`);
  }
  return client;
}

for (const [name, module] of [
  ['sockjs-compat', COMPAT],
  ['npm sockjs 0.3.24', GENUINE],
] as const) {
  const start = (settings?: Settings) => Driven.start(module, settings);

  describe(`compat: transports over HTTP, on ${name}`, () => {
    before(prepare);

    for (const [transport, { method, route, type, frame }] of Object.entries(RESPONSES)) {
      it(`frames a message, and says what it is, by ${transport}`, async () => {
        const server = await start();
        const isPoll = POLLS.includes(transport);
        const write = JSON.stringify(['write', TEXT]);
        let stream: Stream;
        if (isPoll) {
          const client = connect(transport, server);
          equal(await client.next(), 'o');
          await client.send(write);
          stream = new Stream(`${server.origin}/echo/000/${client.path.split('/')[3]}/${route}`, method);
        } else {
          stream = new Stream(`${server.origin}/echo/000/gggg/${route}`, method);
          await server.events(1);
          equal((await post(`${server.origin}/echo/000/gggg/xhr_send`, JSON.stringify([write]))).status, 204);
        }
        const text = await stream.until(frame);
        equal(isPoll ? text : text.slice(-frame.length), frame);
        const { headers } = await stream.response;
        equal(headers['content-type'], type);
        equal(headers['cache-control'], 'no-store, no-cache, no-transform, must-revalidate, max-age=0');
      });

      it(`sends a heartbeat by ${transport}`, async () => {
        const client = connect(transport, await start({ options: { heartbeat_delay: 50 } }));
        deepEqual([await client.next(), await client.next()], ['o', 'h']);
      });

      it(`ends the session at once where the client breaks off ${transport}`, async () => {
        const server = await start({ options: { disconnect_delay: 60_000 } });
        const client = connect(transport, server);
        await client.next();
        await server.events(1);
        if (POLLS.includes(transport)) {
          client.next().catch(() => {});
          await untilReceived(server, client);
        }
        client.abort();
        deepEqual(await server.events(2), [
          ['end', 3],
          ['close', 3],
        ]);
      });
    }

    for (const transport of STREAMS) {
      it(`refuses a second stream by ${transport} with 2010, and goes on with the first`, async () => {
        const server = await start();
        const client = connect(transport, server);
        equal(await client.next(), 'o');
        equal(await connect(transport, server).next(), 'c[2010,"Another connection still open"]');
        await client.send('["write","on"]');
        equal(await client.next(), 'a["on"]');
      });

      for (const limit of [100, 1, -1]) {
        it(`goes on in the next stream by ${transport} once response_limit is reached: ${limit}`, async () => {
          const server = await start({ options: { response_limit: limit } });
          const client = connect(transport, server);
          equal(await client.next(), 'o');
          const text = 'x'.repeat(100);
          if (limit === 100) {
            await client.send(JSON.stringify(['write', text]));
            equal(await client.next(), `a["${text}"]`);
          }
          const second = connect(transport, server);
          await second.send('["write","on"]');
          equal(await second.next(), 'a["on"]');
        });
      }
    }

    for (const transport of POLLS) {
      it(`refuses a second poll by ${transport} with 2010, and goes on with the first`, async () => {
        const server = await start();
        const client = connect(transport, server);
        await client.next();
        const polls = [client.next(), client.next()];
        equal(await Promise.race(polls), 'c[2010,"Another connection still open"]');
        await client.send('["write","on"]');
        deepEqual((await Promise.all(polls)).sort(), ['a["on"]', 'c[2010,"Another connection still open"]']);
      });

      it(`ends the session where no poll by ${transport} comes for disconnect_delay`, async () => {
        const server = await start({ options: { disconnect_delay: 50 } });
        await connect(transport, server).next();
        deepEqual((await server.events(3)).slice(1), [
          ['end', 3],
          ['close', 3],
        ]);
      });

      it(`has no receiver between two polls by ${transport}`, async () => {
        const server = await start();
        const client = connect(transport, server);
        await client.next();
        await client.send('["receiver"]');
        deepEqual((await server.events(2)).at(1), ['receiver', null, 1]);
        const poll = client.next();
        await untilReceived(server, client);
        await client.send('["write","on"]');
        await poll;
      });
    }

    it('takes session ids as they are in the URL', async () => {
      const server = await start();
      for (const id of ['%2e%2e', '%zz', 'a%2fb', '%41']) {
        equal((await post(`${server.origin}/echo/000/${id}/xhr`)).body, 'o\n', id);
        equal((await post(`${server.origin}/echo/000/${id}/xhr_send`, '["x"]')).status, 204, id);
      }
      equal((await post(`${server.origin}/echo/000/A/xhr_send`, '["x"]')).status, 404);
    });

    it('takes options of other types', async () => {
      const server = await start({
        install: [{ prefix: '(?<route>/x)' }],
        options: { response_limit: '100', heartbeat_delay: '60000', disconnect_delay: null, base_url: 7 },
      });
      const { base_url: url } = JSON.parse((await fetchText(`${server.origin}/x/info`)).body);
      equal(String(url), '7');
    });
  });
}
