/** Floor of idle sessions: `ws` for WebSockets, and responses of bare `node:http` for the other transports. */
import { holdPoll, holdStream, runHeld } from './held-sessions.ts';
import { createWebServer } from './web-server.ts';

runHeld(
  createWebServer((req, res) => {
    const [, , , session = '', endpoint] = (req.url ?? '').split('/');
    if (endpoint === 'xhr') {
      holdPoll(session, req, res);
    } else if (endpoint === 'xhr_streaming') {
      holdStream(req, res);
    } else {
      res.writeHead(404).end();
    }
  }),
);
