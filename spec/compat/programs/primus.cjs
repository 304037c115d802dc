/** Primus with the transformer `sockjs`. Arguments: the scenario, and the transport of the client. */
const { once } = require('node:events');
const { createServer } = require('node:http');
const { setImmediate } = require('node:timers/promises');
const { listen, load, main, print } = require('./support/both-ends.cjs');

const Primus = load('primus');

const SCENARIOS = {
  /** Messages both ways, then the client ends. */
  async 'client ends'(primus, client, { receives }) {
    primus.on('connection', (spark) => spark.on('data', (data) => spark.write({ echo: data })));
    client.on('open', () => client.write({ n: 1 }));
    client.on('data', async (data) => {
      if (data.echo?.n === 1) {
        client.write('ä\u2028€');
      } else {
        // Between two polls the session would wait for `disconnect_delay`.
        await receives();
        client.end();
      }
    });
    client.open();
    await once(primus, 'disconnection');
  },

  /** A message from each side, then the server ends. The client must not connect once more. */
  async 'server ends'(primus, client, { hasten, transport }) {
    primus.on('connection', (spark) => {
      spark.on('data', (data) => {
        // A client that polls gets the close frame by the poll behind that of the last value.
        if (transport !== 'xhr-polling') {
          hasten();
        }
        spark.end({ last: data });
      });
      spark.write('welcome');
    });
    client.on('data', (data) => (data === 'welcome' ? client.write('bye') : hasten()));
    client.open();
    await Promise.all([once(primus, 'disconnection'), new Promise((resolve) => client.on('end', resolve))]);
  },

  /** Serves clients of the test. */
  serve: () => new Promise(() => {}),
};

main(async (scenario, transport) => {
  const server = createServer();
  const primus = new Primus(server, {
    transformer: 'sockjs',
    compression: true,
    // An option of sockjs. No test depends on how long it takes from one poll to the next.
    transport: { disconnect_delay: 60_000 },
  });
  let session;
  primus.transformer.service.on('connection', ({ _session }) => {
    session = _session;
  });
  /** Called where a scenario only waits for the end: npm sockjs reads the property when a receiver ends. */
  const hasten = () => {
    session.disconnect_delay = 50;
  };
  /** Settles once the client receives: it may be between two polls. */
  const receives = async () => {
    while (session.recv === null) {
      await setImmediate();
    }
  };
  primus.on('connection', (spark) => {
    const { cookie, via, authorization } = spark.headers;
    print('server', 'connection', spark.query.token, spark.address.ip, typeof spark.address.port, typeof spark.id);
    print('server', 'headers', { cookie, via, authorization });
    spark.on('data', (data) => print('server', 'data', data));
    spark.on('end', () => print('server', 'end'));
  });
  const origin = await listen(server);
  print('origin', origin);
  const client = new primus.Socket(`${origin}?token=secret`, {
    manual: true,
    transport: { transports: [transport] },
  });
  client.on('open', () => print('client', 'open', client.socket.transport));
  client.on('data', (data) => print('client', 'data', data));
  client.on('reconnect scheduled', () => print('client', 'reconnects'));
  client.on('error', (error) => print('client', 'error', error.message));
  client.on('end', () => print('client', 'end'));
  await SCENARIOS[scenario](primus, client, { hasten, receives, transport });
});
