/**
 * A server that uses sockjs as Meteor's stream server does. Meteor is no package of npm, so this is written after what
 * `packages/ddp-server` and `packages/webapp` of its repository do. Arguments: `allowed` or `disabled`, for WebSockets.
 */
const { createServer } = require('node:http');
const { createRequire } = require('node:module');
const { listen, load, main, print } = require('./support/both-ends.cjs');

const sockjs = createRequire(load.resolve('shoe'))('sockjs');

/** Watches each request, and takes the listeners of its response away for a moment. */
function adjustTimeout(req, res) {
  req.setTimeout(120_000);
  const listeners = res.listeners('finish');
  res.removeAllListeners('finish');
  res.on('finish', () => {
    print('adjusted', req.url);
    res.setTimeout(5_000);
  });
  for (const listener of listeners) {
    res.on('finish', listener);
  }
}

/** Has `/websocket` answered as `/sockjs/websocket`: sockjs is in front of all listeners that were there before it. */
function redirect(server) {
  for (const event of ['request', 'upgrade']) {
    const listeners = server.listeners(event).slice(0);
    server.removeAllListeners(event);
    server.addListener(event, function (request) {
      const url = new URL(request.url, 'http://localhost');
      if (/^\/websocket\/?$/.test(url.pathname)) {
        request.url = `/sockjs/websocket${url.search}`;
      }
      for (const listener of listeners) {
        // biome-ignore lint/complexity/noArguments: as Meteor does.
        listener.apply(server, arguments);
      }
    });
  }
}

main(async (webSockets) => {
  // The application, and what it does with upgrades, were there before.
  const server = createServer((req, res) => res.end(`page ${req.url}`));
  server.on('upgrade', (req, socket) => {
    if (req.url === '/hot') {
      socket.end('HTTP/1.1 418 Teapot\r\nConnection: close\r\n\r\n');
    }
  });
  server.on('request', adjustTimeout);

  const service = sockjs.createServer({
    prefix: '/sockjs',
    log: () => {},
    heartbeat_delay: 45_000,
    disconnect_delay: 60_000,
    disable_cors: webSockets === 'disabled',
    jsessionid: webSockets === 'disabled',
    ...(webSockets === 'disabled'
      ? { websocket: false }
      : { faye_server_options: { extensions: [load('permessage-deflate')] } }),
  });
  server.removeListener('request', adjustTimeout);
  service.installHandlers(server);
  server.addListener('request', adjustTimeout);
  redirect(server);

  service.on('connection', (socket) => {
    /** As the method of Meteor that is called with 45 s at first, and with 0 after its own handshake. */
    socket.setWebsocketTimeout = (ms) => {
      if (/^websocket(-raw)?$/.test(socket.protocol) && socket._session.recv) {
        socket._session.recv.connection.setTimeout(ms);
      }
    };
    socket.setWebsocketTimeout(45_000);
    socket.send = (data) => socket.write(data);
    print('connection', socket.protocol, socket.url);
    socket.on('close', () => print('close', socket.url));
    // Node closes no WebSocket of either package by its timeout. This shows that it is the socket itself.
    socket._session.recv?.connection?.on('timeout', () => print('timeout', socket.url));
    socket.on('data', (data) => {
      print('data', data);
      if (data === 'hurry' || data === 'connect') {
        socket.setWebsocketTimeout(50);
      }
      if (data === 'connect') {
        socket.setWebsocketTimeout(0);
      }
      socket.send(`${data}, ${socket.headers['x-forwarded-for']}`);
    });
  });
  print('origin', await listen(server));
  await new Promise(() => {});
});
