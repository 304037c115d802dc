/** Primus 8.0.9 with the transformer `sockjs`, which hides all headers in the header `via`. */
import { deepEqual, match } from 'node:assert/strict';
import { post } from '../../support/http.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';
import { describeOnBothSides, Program } from '../support/projects.ts';

const CONNECTION = ['connection', 'secret', '127.0.0.1', 'number', 'string'];

describeOnBothSides('Primus', (project) => {
  /** What has happened at either end, without the address. */
  const run = async (scenario: string, transport: string) => {
    const { server, client } = await Program.run(project(), 'primus.cjs', scenario, transport);
    return { server, client };
  };

  for (const transport of ['websocket', 'xhr-streaming', 'xhr-polling']) {
    it(`exchanges values by ${transport}, and ends when the client ends`, async () => {
      deepEqual(await run('client ends', transport), {
        server: [CONNECTION, ['headers', {}], ['data', { n: 1 }], ['data', 'ä\u2028€'], ['end']],
        client: [['open', transport], ['data', { echo: { n: 1 } }], ['data', { echo: 'ä\u2028€' }], ['end']],
      });
    });

    it(`sends the last value by ${transport} when the server ends, and the client does not reconnect`, async () => {
      deepEqual(await run('server ends', transport), {
        server: [CONNECTION, ['headers', {}], ['data', 'bye'], ['end']],
        client: [['open', transport], ['data', 'welcome'], ['data', { last: 'bye' }], ['end']],
      });
    });
  }

  it('has all headers, address and query of a WebSocket in its spark, and compresses', async () => {
    const program = new Program(project(), 'primus.cjs', ['serve', 'websocket']);
    const headers = { cookie: 'sid=1', via: '1.1 proxy', authorization: 'Basic eA==' };
    const path = '/primus/000/aaaa/websocket?token=secret';
    const client = new WebSocketClient(await program.origin(), path, { headers });
    deepEqual(await program.event(), ['server', ...CONNECTION]);
    deepEqual(await program.event(), ['server', 'headers', headers]);
    await client.opened;
    match(client.socket.extensions, /permessage-deflate/);
  });

  it('has all headers, address and query of a poll in its spark', async () => {
    const program = new Program(project(), 'primus.cjs', ['serve', 'xhr-polling']);
    const headers = { cookie: 'sid=1', via: '1.1 proxy', authorization: 'Basic eA==' };
    const url = `${await program.origin()}/primus/000/aaaa/xhr?token=secret`;
    await post(url, '', headers);
    deepEqual(await program.event(), ['server', ...CONNECTION]);
    deepEqual(await program.event(), ['server', 'headers', headers]);
  });
});
