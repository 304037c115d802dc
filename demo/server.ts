/**
 * The demo: a page that talks to this server over any SockJS transport, one with its statistics, and the
 * map of the documents.
 */
import { createServer, type Server } from 'node:http';
import express from 'express';
import { attachUpgrade } from '../lib/index.ts';
import { createChat } from './chat.ts';
import { pages } from './pages.ts';
import { runProgram, withEndpoints } from './program.ts';
import { createStatsFeed } from './stats.ts';

/** Returns the demo's server. It does not listen yet. `npm start` runs it. */
export function createDemo(): Server {
  const chat = createChat({ sockjsUrl: '/sockjs-client/sockjs.min.js' });
  const stats = createStatsFeed(chat);

  const app = express();
  app.disable('x-powered-by');
  app.use('/sockjs', chat);
  app.use('/stats', stats);

  // After the endpoints: SockJS sets its own policy on its pages.
  app.use(pages());

  const server = createServer(app);
  attachUpgrade(server);
  return withEndpoints(server, [chat, stats]);
}

runProgram(import.meta.url, createDemo, 8080, { Chat: '', Statistics: 'stats.html', Documents: 'documents.html' });
