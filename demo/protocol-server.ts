/**
 * The services that the conformance suites of the SockJS community talk to, under the paths and with the behaviour that
 * they expect. `npm run protocol-server` runs it.
 */
import { createServer, type Server } from 'node:http';
import express from 'express';
import { attachUpgrade, type Session, type SessionHandler, sockjs } from '../lib/index.ts';
import { runProgram } from './program.ts';

/** Gives every message back to who sent it. */
const echo: SessionHandler = (session) => {
  session.on('message', (message) => session.send(message));
};

/** Sends `tick!` every second for as long as the session lives. */
const ticker: SessionHandler = (session) => {
  const timer = setInterval(() => session.send('tick!'), 1000);
  session.on('close', () => clearInterval(timer));
};

/** Gives every message to everyone, the sender included. */
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

/** Answers a number n from 1 to 18 with 2^n times `x`; anything else counts as 1. */
const amplify: SessionHandler = (session) => {
  session.on('message', (message) => {
    const n = Math.floor(Number(message));
    session.send('x'.repeat(2 ** (n >= 1 && n <= 18 ? n : 1)));
  });
};

/** The server with all the services, not yet listening. */
export function createProtocolServer(): Server {
  const app = express();
  app.disable('x-powered-by');
  app.use('/echo', sockjs({ responseLimit: 4096, rawWebsocket: true }, echo));
  app.use('/disabled_websocket_echo', sockjs({ websocket: false }, echo));
  app.use('/cookie_needed_echo', sockjs({ jsessionid: true }, echo));
  app.use(
    '/close',
    sockjs({ rawWebsocket: true }, (session) => {
      session.close(3000, 'Go away!');
    }),
  );
  app.use('/ticker', sockjs(ticker));
  app.use('/broadcast', sockjs(broadcast()));
  app.use('/amplify', sockjs(amplify));

  const server = createServer(app);
  attachUpgrade(server);
  return server;
}

runProgram(import.meta.url, createProtocolServer, 8081);
