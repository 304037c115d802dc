/** Details of sessions, closes and handshakes: those of `compat/` beside those of npm sockjs 0.3.24. */
import { deepEqual, equal } from 'node:assert/strict';
import { handshake, post, RawSocket, Stream } from '../support/http.ts';
import { command, eventsBefore, opened, openedRaw } from './support/difference.ts';
import { COMPAT, Driven, GENUINE, prepare } from './support/driven.ts';

const HANDSHAKES = ['/echo/websocket', '/echo/000/aaaa/websocket'];

for (const [name, module] of [
  ['sockjs-compat', COMPAT],
  ['npm sockjs 0.3.24', GENUINE],
] as const) {
  describe(`compat: details, on ${name}`, () => {
    before(prepare);

    for (const [args, code, reason] of [
      [[3000, ''], 3000, ''],
      [[3000, 0], 3000, ''],
      [[3000, false], 3000, ''],
      [[3000, null], 3000, 'Normal closure'],
      [[3000, 5], 3000, '5'],
      [[3000, [65]], 3000, 'A'],
      [['4000', 'x'], 4000, 'x'],
      [[null, 'x'], 1000, 'x'],
    ] as const) {
      it(`closes a raw WebSocket by close(${JSON.stringify(args).slice(1, -1)}) with ${code} and "${reason}"`, async () => {
        const client = await openedRaw(await Driven.start(module));
        client.send(JSON.stringify(['close', ...args]));
        deepEqual(await client.closed, { code, reason });
      });
    }

    it('closes a raw WebSocket by close(NaN, "x") with 1000 and "x"', async () => {
      const server = await Driven.start(module, { hook: 'closing' });
      deepEqual(await server.webSocket('/echo/websocket').closed, { code: 1000, reason: 'x' });
    });

    it('opens WebSockets of version 13, and of no other', async () => {
      const server = await Driven.start(module);
      for (const path of HANDSHAKES) {
        for (const [version, status] of [
          ['13', '101'],
          ['8', '400'],
          ['7', '400'],
          ['13, 8', '400'],
        ]) {
          const lines = handshake(path).map((line) =>
            line.replace(/^(sec-websocket-version: ).*/i, (_line, header) => `${header}${version}`),
          );
          const socket = new RawSocket(server.port).send(...lines);
          deepEqual([version, (await socket.until('\r\n\r\n')).slice(9, 12)], [version, status]);
        }
      }
    });

    it('logs an upgrade that is no GET once', async () => {
      const server = await Driven.start(module, { log: true });
      const socket = new RawSocket(server.port).send(
        'POST /echo/000/aaaa/websocket HTTP/1.1',
        'Host: localhost',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Content-Length: 0',
        '',
        '',
      );
      equal((await socket.until('\r\n\r\n')).slice(9, 12), '405');
      const lines = (await eventsBefore(server, 'bbbb')).filter((event) => event.includes('POST'));
      equal(lines.length, 1, String(lines));
    });

    it('has a session let go of its connection and its id when it is over', async () => {
      const server = await Driven.start(module, { hook: 'references' });
      const stream = new Stream(`${server.origin}/echo/000/aaaa/xhr_streaming`, 'POST');
      await stream.until('o\n');
      deepEqual(await server.events(2), [
        ['open', true, 'aaaa'],
        ['connection', 1],
      ]);
      stream.abort();
      deepEqual(await server.events(3), [
        ['end', 3],
        ['close', 3],
        ['over', null, null],
      ]);
    });

    it('has no limit by a maxLength that is no number', async () => {
      const server = await Driven.start(module, { options: { faye_server_options: { maxLength: 'none' } } });
      (await opened(server)).send('["x"]');
      deepEqual(await server.events(1), [['data', 'x']]);
    });
  });
}

describe('compat: details of its own', () => {
  before(prepare);

  for (const reason of [{ a: 1 }, true]) {
    it(`a raw WebSocket stays open where the reason is ${JSON.stringify(reason)}, since close() throws`, async () => {
      const server = await Driven.start(COMPAT);
      const client = await openedRaw(server);
      client.send(JSON.stringify(['close', 3000, reason]));
      client.send('["state"]');
      deepEqual((await server.events(2)).map(String).sort(), [
        'state,1,true,true,1',
        `uncaught,the reason for a raw WebSocket is a string, not of the type ${typeof reason}`,
      ]);
    });
  }

  it('a session keeps no response between two polls', async () => {
    const server = await Driven.start(COMPAT, { hook: 'collected', options: { disconnect_delay: 60_000 } });
    await post(`${server.origin}/echo/000/aaaa/xhr`);
    await server.events(1);
    const poll = post(`${server.origin}/echo/000/aaaa/xhr`, '', { connection: 'close' });
    await post(`${server.origin}/echo/000/aaaa/xhr_send`, command('write', 'x'));
    await poll;
    deepEqual((await server.events(2)).map(String).sort(), ['collected', 'write,true,1']);
  });
});
