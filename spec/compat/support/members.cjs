/**
 * Prints the names of all members of npm sockjs or of this package: of what it exports, and of what one WebSocket, one raw
 * WebSocket and one stream have. Arguments: the path of the module, and that of ws for the clients.
 */
const { createServer, request } = require('node:http');
const { join } = require('node:path');

const [, , path, ws] = process.argv;
const sockjs = require(path);
const transport = require(join(path.replace(/(dist[\\/]index\.cjs|index\.js)$/, ''), 'lib/transport'));
const { WebSocket } = require(ws);

/** Own and inherited members, without those of Node. */
function membersOf(value) {
  const ends = [
    Object.prototype,
    Function.prototype,
    require('node:stream').Stream,
    require('node:stream').Stream.prototype,
    require('node:events').prototype,
  ];
  const names = new Set();
  for (let at = value; at !== null && !ends.includes(at); at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) {
      names.add(name);
    }
  }
  const ofNode = new Set([
    ...Object.getOwnPropertyNames(() => {}),
    ...Object.getOwnPropertyNames(class {}),
    ...Object.keys(new (require('node:events'))()),
    'arguments',
    'caller',
    'constructor',
    '__super__',
  ]);
  return [...names].filter((name) => !ofNode.has(name)).sort();
}

const echo = sockjs.createServer({ log: () => {}, prefix: '/echo' });
const members = {
  'the module': membersOf(sockjs),
  'lib/transport': membersOf(transport),
  Session: membersOf(transport.Session),
  'readyState values': Object.entries(transport.Transport),
  'a server': membersOf(echo),
  'a listener': membersOf(echo.listener()),
  'what middleware() returns': membersOf(echo.middleware()),
  'options of a server': Object.keys(echo.options).sort(),
};

let awaited = 3;
echo.on('connection', (conn) => {
  members[`a connection by ${conn.protocol}`] = membersOf(conn);
  members[`_session by ${conn.protocol}`] = membersOf(conn._session);
  members[`_session.recv by ${conn.protocol}`] = membersOf(conn._session.recv);
  awaited -= 1;
  if (awaited === 0) {
    console.log(JSON.stringify(members));
    process.exit();
  }
});

const server = createServer();
echo.installHandlers(server);
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  for (const route of ['/000/aaaa/websocket', '/websocket']) {
    new WebSocket(`ws://127.0.0.1:${port}/echo${route}`);
  }
  request({ port, method: 'POST', path: '/echo/000/bbbb/xhr_streaming' }).end();
});
