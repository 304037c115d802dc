/** What `compat/` has of its own: `pause()` and `resume()`, the option `safe`, and errors that are heard of. */
import { deepEqual } from 'node:assert/strict';
import { fetchText, post } from '../support/http.ts';
import { command, opened } from './support/difference.ts';
import { build, COMPAT, Driven } from './support/driven.ts';

describe('compat: a connection that is paused', () => {
  before(build);

  it('keeps messages, and emits them when it is resumed', async () => {
    const server = await Driven.start(COMPAT, { before: true });
    await post(`${server.origin}/echo/000/aaaa/xhr`);
    await post(`${server.origin}/echo/000/aaaa/xhr_send`, command('halt'));
    await post(`${server.origin}/echo/000/aaaa/xhr_send`, '["a","b"]');
    await fetchText(`${server.origin}/resume`);
    deepEqual(await server.events(5), [
      ['connection', 1],
      ['halt', null, 1],
      ['before', '/resume'],
      ['data', 'a'],
      ['data', 'b'],
    ]);
  });
});

describe('compat: a connection that is paused while its client leaves', () => {
  before(build);

  it('emits what was kept before its end', async () => {
    const server = await Driven.start(COMPAT);
    const client = await opened(server);
    client.send(command('halt'));
    client.send('["a"]');
    client.send('["b","c"]');
    client.socket.close(1000);
    deepEqual((await server.events(6)).slice(1), [
      ['data', 'a'],
      ['data', 'b'],
      ['data', 'c'],
      ['end', 3],
      ['close', 3],
    ]);
  });
});

describe('compat: without the option safe', () => {
  before(build);

  it('has the process hear of a listener whose promise rejects, as npm sockjs', async () => {
    const server = await Driven.start(COMPAT);
    const client = await opened(server);
    client.send(command('reject'));
    deepEqual(await server.events(1), [['unhandled', 'of the listener']]);
    client.send('["on"]');
    deepEqual(await server.events(1), [['data', 'on']]);
  });

  it('logs what a replaced decorateConnection throws at a later poll', async () => {
    const server = await Driven.start(COMPAT, { misdecorates: true, log: true });
    await post(`${server.origin}/echo/000/aaaa/xhr`);
    const poll = post(`${server.origin}/echo/000/aaaa/xhr`);
    for (let event = ''; !/^log,error,.*of decorateConnection/.test(event); ) {
      event = String((await server.events(1)).at(0));
    }
    await post(`${server.origin}/echo/000/aaaa/xhr_send`, command('write', 'x'));
    deepEqual((await poll).body, 'a["x"]\n');
  });
});

describe('compat: with the option safe', () => {
  before(build);

  it('closes the session of a listener whose promise rejects with 1011', async () => {
    const client = await opened(await start());
    client.send(command('reject'));
    deepEqual(await client.next(), 'c[1011,"Internal error"]');
  });

  const start = () => Driven.start(COMPAT, { options: { safe: true }, log: false });

  it('closes the session of a listener that throws with 1011, and serves all others', async () => {
    const server = await start();
    const client = await opened(server);
    client.send(command('throw'));
    deepEqual(await client.next(), 'c[1011,"Internal error"]');
    deepEqual(await server.events(2), [
      ['end', 3],
      ['close', 3],
    ]);
    deepEqual((await fetchText(`${server.origin}/echo/info`)).status, 200);
  });

  it('closes a WebSocket whose message is larger than 1 MiB with 1009, which it reads otherwise', async () => {
    const large = JSON.stringify(['x'.repeat(2 ** 20 + 1)]);
    const client = await opened(await start());
    client.send(large);
    deepEqual((await client.closed).code, 1009);
    const server = await Driven.start(COMPAT);
    const second = await opened(server);
    second.send(large);
    second.send('["on"]');
    deepEqual((await server.events(2)).at(1), ['data', 'on']);
  });
});
