/**
 * What the programs of this folder share. Each runs in the folder of a project that has installed the packages, with a
 * server and its client in one process, and prints what happens at either end as `["server","data","x"]`.
 */
const { createServer } = require('node:http');
const { createRequire } = require('node:module');

/** Loads packages of the project. */
const load = createRequire(`${process.cwd()}/`);

/** Prints ASCII: a line of the test ends at U+2028, too. */
function print(...event) {
  console.log(
    JSON.stringify(event).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}

/** Runs a program, then ends the process. A failure prints the reason below what has happened so far. */
function main(run) {
  const fail = (error) => {
    console.error(error);
    process.exit(1);
  };
  // The test would else end without a word about what has happened.
  const timer = setTimeout(() => fail(new Error('not over after 100 s')), 100_000);
  process.on('uncaughtException', fail);
  Promise.resolve(run(...process.argv.slice(2))).then(() => {
    clearTimeout(timer);
    process.stdout.write('["over"]\n', () => process.exit(0));
  }, fail);
}

/** Listens on a free port; settles with the origin. */
function listen(server = createServer()) {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}

/** A client that prints its events. */
function connect(url, transport) {
  const SockJS = load('sockjs-client');
  const client = new SockJS(url, undefined, { transports: [transport] });
  client.addEventListener('open', () => print('client', 'open', client.transport));
  client.addEventListener('close', ({ code, reason }) => print('client', 'close', code, reason));
  return client;
}

module.exports = { connect, load, print, main, listen };
