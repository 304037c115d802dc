/** The demo: a page that talks to this server over any SockJS transport, to itself or to everyone. `npm start` runs it. */
import { createServer, type Server } from 'node:http';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { attachUpgrade, type Session, sockjs } from '../lib/index.ts';
import { runProgram, withEndpoints } from './program.ts';

const fileOf = (specifier: string) => fileURLToPath(import.meta.resolve(specifier));

/** What the page sends; it gets it back, `broadcast` with everyone else who is connected. */
interface Message {
  readonly type: 'echo' | 'broadcast';
  /** By which the page knows its own messages, and so measures how long they took. */
  readonly id: string;
  readonly text: string;
}

/** The demo's server, not yet listening. */
export function createDemo(): Server {
  const app = express();
  app.disable('x-powered-by');

  const sessions = new Set<Session>();
  const sendToAll = (message: object) => {
    for (const session of sessions) {
      session.send(JSON.stringify(message));
    }
  };

  const sockjsUrl = '/sockjs-client/sockjs.min.js';
  const endpoint = sockjs({ sockjsUrl }, (session) => {
    sessions.add(session);
    sendToAll({ type: 'people', count: sessions.size });
    session.on('message', (text) => {
      const message = parse(text);
      if (message === undefined) {
        session.close(4000, 'Not a message of this demo');
      } else if (message.type === 'broadcast') {
        sendToAll(message);
      } else {
        session.send(JSON.stringify(message));
      }
    });
    session.on('close', () => {
      sessions.delete(session);
      sendToAll({ type: 'people', count: sessions.size });
    });
  });
  app.use('/sockjs', endpoint);

  // The page runs no inline script or style. After the SockJS endpoint, whose own pages must.
  app.use((_req, res, next) => {
    res.set(
      'Content-Security-Policy',
      "default-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
    );
    next();
  });
  app.use('/sockjs-client', express.static(dirname(fileOf('sockjs-client/dist/sockjs.min.js'))));
  app.use(express.static(fileOf('./public')));

  const server = createServer(app);
  attachUpgrade(server);
  return withEndpoints(server, [endpoint]);
}

function parse(text: string): Message | undefined {
  try {
    const { type, id, text: body } = JSON.parse(text);
    if ((type === 'echo' || type === 'broadcast') && typeof id === 'string' && typeof body === 'string') {
      return { type, id, text: body };
    }
  } catch {
    // Not JSON: no message either.
  }
  return undefined;
}

runProgram(import.meta.url, createDemo, 8080);
