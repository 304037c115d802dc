/** The demo: a page that talks to this server over any SockJS transport, and a page with the server's statistics. */
import { createServer, type Server } from 'node:http';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { attachUpgrade } from '../lib/index.ts';
import { createChat } from './chat.ts';
import { runProgram, withEndpoints } from './program.ts';
import { createStatsFeed } from './stats.ts';

const fileOf = (specifier: string) => fileURLToPath(import.meta.resolve(specifier));

/** The pages load only files of this server, and nothing inline. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  // For the iframe transports, and for the forms by which jsonp-polling sends.
  "frame-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Returns the demo's server. It does not listen yet. `npm start` runs it. */
export function createDemo(): Server {
  const chat = createChat({ sockjsUrl: '/sockjs-client/sockjs.min.js' });
  const stats = createStatsFeed(chat);

  const app = express();
  app.disable('x-powered-by');
  app.use('/sockjs', chat);
  app.use('/stats', stats);

  // After the endpoints: SockJS sets its own policy on its pages.
  app.use((_req, res, next) => {
    res.set({
      'Content-Security-Policy': CONTENT_SECURITY_POLICY,
      'Referrer-Policy': 'same-origin',
      'X-Content-Type-Options': 'nosniff',
    });
    next();
  });
  app.use('/sockjs-client', express.static(dirname(fileOf('sockjs-client/dist/sockjs.min.js'))));
  app.use(express.static(fileOf('./public')));

  const server = createServer(app);
  attachUpgrade(server);
  return withEndpoints(server, [chat, stats]);
}

runProgram(import.meta.url, createDemo, 8080);
