/**
 * webpack-dev-server with SockJS, in a folder that the test writes. Arguments: the name under which it is installed, the
 * folder, and its options as JSON, with those of its SockJS server as `sockjs`.
 */
const { once } = require('node:events');
const { load, main, print } = require('./support/both-ends.cjs');

const PAGE = '<!doctype html><link rel="icon" href="data:,"><body><script src="/main.js"></script></body>';

main(async (name, context, json) => {
  const webpack = load('webpack');
  const WebpackDevServer = load(name);
  const { sockjs, ...options } = JSON.parse(json);
  const compiler = webpack({
    mode: 'development',
    context,
    entry: './index.js',
    stats: 'none',
    infrastructureLogging: { level: 'error' },
    // Not every file system tells of changes.
    watchOptions: { poll: 100 },
  });
  const server = new WebpackDevServer(
    {
      host: '127.0.0.1',
      port: 0,
      static: false,
      setupExitSignals: false,
      webSocketServer: { type: 'sockjs', options: sockjs },
      client: { webSocketTransport: 'sockjs', overlay: false },
      setupMiddlewares: (middlewares, { app }) => {
        app.get('/', (_req, res) => res.type('html').send(PAGE));
        return middlewares;
      },
      ...options,
    },
    compiler,
  );
  await server.start();
  print('origin', `http://127.0.0.1:${server.server.address().port}`);
  await once(process, 'SIGTERM');
  await server.stop();
});
