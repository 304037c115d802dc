/**
 * A server on npm sockjs or on this package, which the test drives by messages, and which prints what happens.
 *
 * Arguments: the path of the module, and options as JSON. A message `["close", 3000, "x"]` calls `conn.close(3000, 'x')`.
 */
const { createServer } = require('node:http');

const [, , path, json] = process.argv;
const settings = JSON.parse(json);
const sockjs = require(path);

const print = (...event) => console.log(JSON.stringify(event));

process.on('uncaughtException', (error) => print('uncaught', error.message));
process.on('unhandledRejection', (error) => print('unhandled', error.message));

const { Session } = require(`${path.replace(/[\\/](dist[\\/]index\.cjs|index\.js)$/, '')}/lib/transport`);

/** Replaces `decorateConnection`, as programs do. `replace` gets the one before, and returns the next. */
function redecorate(replace) {
  Session.prototype.decorateConnection = replace(Session.prototype.decorateConnection);
}

/** What a test has the program do beside: options that are functions, and listeners of its own. */
const hook = settings.hook && require('./hooks.cjs')[settings.hook]({ print, redecorate, sessions: Session });

if (settings.misdecorates) {
  let calls = 0;
  redecorate(
    (decorate) =>
      function (req) {
        calls += 1;
        if (calls > 1) {
          throw new Error('of decorateConnection');
        }
        return decorate.call(this, req);
      },
  );
}

if (settings.extraHeader) {
  redecorate(
    (decorate) =>
      function (req) {
        const result = decorate.call(this, req);
        this.connection.headers[settings.extraHeader] = req.headers[settings.extraHeader];
        return result;
      },
  );
}

/** The connection that the request `/resume` resumes. */
let paused;

/** What a test may ask of a connection, beside its methods. */
const QUERIES = {
  state: (conn) => [conn.readyState, conn.readable, conn.writable],
  where: (conn) => [conn.url, conn.pathname, conn.prefix, conn.protocol],
  headers: (conn) => conn.headers,
  peer: (conn) => {
    const { connection, response } = conn._session.recv;
    return [conn.remoteAddress, conn.remotePort === (connection ?? response.connection).remotePort];
  },
  own: (conn) => [conn.address.address, conn.address.port === server.address().port],
  text: (conn) => [/^[0-9a-f-]{36}$/.test(conn.id), String(conn) === `<SockJSConnection ${conn.id}>`],
  stream: (conn) => [conn instanceof require('node:stream').Stream, typeof conn.pipe],
  timeout: (conn) => typeof conn._session.recv.connection.setTimeout(60_000),
  receiver: (conn) =>
    conn._session.recv && [
      typeof (conn._session.recv.connection ?? conn._session.recv.response.connection),
      conn._session.recv.protocol,
    ],
  closing: (conn) => {
    conn.close();
    return [conn.write('x'), conn.close()];
  },
  pauses: (conn) => [typeof conn.pause, typeof conn.resume],
  halt: (conn) => {
    paused = conn.pause();
  },
  throw: () => {
    throw new Error('of the listener');
  },
  reject: () => Promise.reject(new Error('of the listener')),
  // npm sockjs reads the property each time a receiver ends. The session of `compat/` ends without a delay.
  hasten: (conn) => {
    conn._session.disconnect_delay = 50;
  },
};

function run(conn, message) {
  if (typeof message !== 'string') {
    print('data', typeof message);
    return undefined;
  }
  if (!message.startsWith('[')) {
    print('data', message);
    return undefined;
  }
  const [name, ...args] = JSON.parse(message);
  const answer = QUERIES[name] === undefined ? conn[name](...args) : QUERIES[name](conn);
  if (answer instanceof Promise) {
    return answer;
  }
  print(name, answer === conn ? 'itself' : (answer ?? null), conn.readyState);
  return undefined;
}

const echo = sockjs.createServer({
  log: (severity, line) => settings.log && print('log', severity, line.replace(/v\d+\.\d+\.\d+|\d+ms/, '#')),
  // No test depends on how long it takes from one poll to the next.
  disconnect_delay: 60_000,
  ...settings.options,
  ...hook?.options,
});
hook?.start?.(echo);
echo.on('connection', (conn) => {
  print('connection', conn.readyState);
  conn.on('data', (message) => run(conn, message));
  conn.on('end', () => print('end', conn.readyState));
  conn.on('close', () => print('close', conn.readyState));
});

const server = createServer();
const other = (name) => (req, res) => {
  print(name, req.url);
  if (req.url === '/resume') {
    paused.resume();
  }
  if (typeof res.writeHead === 'function') {
    res.end(name);
  } else {
    res.end('HTTP/1.1 418 Teapot\r\nConnection: close\r\n\r\n');
  }
};
if (settings.before) {
  server.on('request', other('before')).on('upgrade', other('before'));
}
for (const options of settings.install ?? (settings.middleware ? [] : [{ prefix: '/echo' }])) {
  print('installed', echo.installHandlers(server, options));
}
if (settings.middleware) {
  const middleware = echo.middleware({ prefix: '/middle' });
  server.on('request', (req, res) => middleware(req, res) || res.end('not SockJS'));
  server.on('upgrade', middleware.upgrade);
}
if (settings.requestKeys) {
  server.on('request', (req) =>
    print(
      'request',
      settings.requestKeys.filter((key) => req[key] !== undefined),
    ),
  );
}
if (settings.after) {
  server.on('request', (req) => print('after', req.url));
}
if (settings.rewrite) {
  // As Meteor does: once the handlers are there, all listeners get another URL.
  for (const event of ['request', 'upgrade']) {
    const listeners = server.listeners(event);
    server.removeAllListeners(event);
    server.on(event, (req, ...rest) => {
      req.url = req.url.replace(settings.rewrite.from, settings.rewrite.to);
      for (const listener of listeners) {
        listener.call(server, req, ...rest);
      }
    });
  }
}
server.listen(0, '127.0.0.1', () => print('listening', server.address().port));
