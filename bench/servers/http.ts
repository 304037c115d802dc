/** Floor: bare `node:http` with the same responses and no SockJS logic. */
import { info } from './floor.ts';
import { poll, send } from './floor-sessions.ts';
import { run } from './program.ts';
import { createWebServer } from './web-server.ts';

run(
  createWebServer((req, res) => {
    const [, , first, session, endpoint] = (req.url ?? '').split('/');
    if (first === 'info') {
      info(req, res);
    } else if (session !== undefined && endpoint === 'xhr') {
      poll(session, res);
    } else if (session !== undefined && endpoint === 'xhr_send') {
      send(session, req, res);
    } else {
      res.writeHead(404).end();
    }
  }),
);
