/** A stream of shoe. Arguments: the scenario, and the transport of the client. */
const { once } = require('node:events');
const { createServer } = require('node:http');
const { Transform } = require('node:stream');
const { connect, listen, load, main, print } = require('./support/both-ends.cjs');

const shoe = load('shoe');

const SCENARIOS = {
  /** The stream is piped both ways, until the client closes. */
  async 'client closes'(origin, transport, connected) {
    connected.then(([stream]) => {
      const upper = new Transform({ transform: (chunk, _encoding, done) => done(null, String(chunk).toUpperCase()) });
      stream.pipe(upper).pipe(stream);
    });
    const client = connect(`${origin}/echo`, transport);
    const closed = once(client, 'close');
    client.onopen = () => client.send('one');
    client.onmessage = ({ data }) => {
      print('client', 'data', data);
      if (data === 'ONE') {
        client.send('two');
      } else {
        client.close();
      }
    };
    const [stream] = await connected;
    await Promise.all([closed, once(stream, 'close')]);
  },

  /** A message each way, then the server ends the stream with a last one. */
  async 'server closes'(origin, transport, connected) {
    const client = connect(`${origin}/echo`, transport);
    const closed = once(client, 'close');
    client.onmessage = ({ data }) => {
      print('client', 'data', data);
      if (data === 'welcome') {
        client.send('bye');
      }
    };
    const [stream] = await connected;
    stream.on('data', (data) => stream.end(`last ${data}`));
    stream.write('welcome');
    await Promise.all([closed, once(stream, 'close')]);
  },
};

main(async (scenario, transport) => {
  const server = createServer((_req, res) => res.end('page'));
  const sock = shoe((stream) => {
    print('server', 'connection', stream.pathname.split('/').at(-1), stream.readable, stream.writable);
    for (const event of ['data', 'end', 'close']) {
      stream.on(event, (...args) => print('server', event, ...args));
    }
  });
  const logged = once(sock, 'log');
  const connected = once(sock, 'connection');
  // With the default of 5 s npm sockjs has the test wait for that.
  sock.install(server, { prefix: '/echo', disconnect_delay: 1_500 });
  print('log', (await logged)[1].replace(/v[\d.]+/, ''));
  await SCENARIOS[scenario](await listen(server), transport, connected);
});
