/**
 * The services that the conformance suites of the SockJS community expect, under the expected paths. `npm run
 * protocol-server` runs it.
 */
import { createServer, type Server } from 'node:http';
import express from 'express';
import { attachUpgrade, type Session, type SessionHandler, type SockjsOptions, sockjs } from '../lib/index.ts';
import { runProgram, withEndpoints } from './program.ts';

/** Sends every message back to its sender. */
const echo: SessionHandler = (session) => {
  session.on('message', (message) => session.send(message));
};

/** Sends `tick!` every second until the session ends. */
const ticker: SessionHandler = (session) => {
  const timer = setInterval(() => session.send('tick!'), 1000);
  session.on('close', () => clearInterval(timer));
};

/** Sends every message to all sessions, the sender included. */
function broadcast(): SessionHandler {
  const sessions = new Set<Session>();
  return (session) => {
    sessions.add(session);
    session.on('message', (message) => {
      for (const receiver of sessions) {
        receiver.send(message);
      }
    });
    session.on('close', () => sessions.delete(session));
  };
}

/** Answers a number n from 1 to 18 with 2^n times `x`. Other messages count as 1. */
const amplify: SessionHandler = (session) => {
  session.on('message', (message) => {
    const n = Math.floor(Number(message));
    session.send('x'.repeat(2 ** (n >= 1 && n <= 18 ? n : 1)));
  });
};

/** Closes every session when it opens. */
const goAway: SessionHandler = (session) => {
  session.close(3000, 'Go away!');
};

/**
 * Returns the server with all services. It does not listen yet.
 *
 * @param clusterOf the option `cluster` of each service, where several processes serve them
 */
export function createProtocolServer(
  clusterOf: (service: string) => SockjsOptions['cluster'] = () => undefined,
): Server {
  const serve = (name: string, onSession: SessionHandler, options: SockjsOptions = {}) =>
    sockjs({ ...options, cluster: clusterOf(name) }, onSession);
  const services = {
    echo: serve('echo', echo, { responseLimit: 4096, rawWebsocket: true }),
    disabled_websocket_echo: serve('disabled_websocket_echo', echo, { websocket: false }),
    cookie_needed_echo: serve('cookie_needed_echo', echo, { jsessionid: true }),
    close: serve('close', goAway, { rawWebsocket: true }),
    ticker: serve('ticker', ticker),
    broadcast: serve('broadcast', broadcast()),
    amplify: serve('amplify', amplify),
  };
  const app = express();
  app.disable('x-powered-by');
  for (const [name, router] of Object.entries(services)) {
    app.use(`/${name}`, router);
  }

  const server = createServer(app);
  attachUpgrade(server);
  return withEndpoints(server, Object.values(services));
}

runProgram(import.meta.url, () => createProtocolServer(), 8081);
