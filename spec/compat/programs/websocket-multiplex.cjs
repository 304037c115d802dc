/** Channels of websocket-multiplex over one session. Argument: the transport of the client. */
const { once } = require('node:events');
const { createRequire } = require('node:module');
const { readFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { PassThrough } = require('node:stream');
const { runInThisContext } = require('node:vm');
const { connect, listen, load, main, print } = require('./support/both-ends.cjs');

const { MultiplexServer } = load('websocket-multiplex');
const sockjs = createRequire(load.resolve('websocket-multiplex'))('sockjs');

/** The client is a script for pages, which sets a variable. */
const path = load.resolve('websocket-multiplex/multiplex_client.js');
runInThisContext(`${readFileSync(path, 'utf8')}; globalThis.Multiplex = WebSocketMultiplex;`);

/** Prints what a channel gets; the function that it returns settles with the next of it. */
function follow(name, channel) {
  const events = new PassThrough({ objectMode: true });
  channel.onmessage = ({ data }) => events.write(data);
  channel.onclose = () => events.write('closed');
  const iterator = events[Symbol.asyncIterator]();
  return async () => print('client', name, (await iterator.next()).value);
}

main(async (transport) => {
  const server = createServer();
  const service = sockjs.createServer({ log: () => {} });
  const multiplexer = new MultiplexServer(service);
  const ends = new Map();
  for (const name of ['red', 'blue', 'green']) {
    const over = new Promise((resolve) => {
      multiplexer.registerChannel(name).on('connection', (channel) => {
        print(name, 'connection');
        channel.on('data', (data) => {
          print(name, 'data', data);
          if (data === 'end') {
            channel.end('last');
          } else {
            channel.write(`${name} ${data}`);
          }
        });
        channel.on('close', () => resolve(print(name, 'close')));
      });
    });
    ends.set(name, over);
  }
  service.installHandlers(server, { prefix: '/multiplex' });
  const client = connect(`${await listen(server)}/multiplex`, transport);
  const multiplexed = new globalThis.Multiplex(client);
  const [red, blue, green] = [...ends.keys()].map((name) => multiplexed.channel(name));
  const [redNext, blueNext, greenNext] = [red, blue, green].map((channel) => follow(channel.name, channel));
  await new Promise((resolve) => green.addEventListener('open', resolve));
  for (const [channel, next] of [
    [red, redNext],
    [blue, blueNext],
    [green, greenNext],
  ]) {
    channel.send('hello, all');
    await next();
  }
  // The client leaves one channel, the server ends another one.
  red.close();
  await redNext();
  await ends.get('red');
  blue.send('end');
  await blueNext();
  await blueNext();
  await ends.get('blue');
  green.send('still there');
  await greenNext();
  client.close();
  await Promise.all([once(client, 'close'), ends.get('green')]);
});
