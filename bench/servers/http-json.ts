/**
 * Floor: bare `node:http` with the responses of `floor-sessions.ts`. It parses the bodies of sends and quotes what it
 * answers, as any SockJS server must.
 */
import { EVENT_SOURCE, HTML_FILE, JSONP_POLLING, XHR_STREAMING } from '../load/http-formats.ts';
import { SCRIPT } from './floor.ts';
import { type FrameOf, poll, send, sendForm, stream } from './floor-sessions.ts';
import { run } from './program.ts';
import { createWebServer } from './web-server.ts';

const frameOf: FrameOf = (messages) => `a${JSON.stringify(JSON.parse(messages))}`;

run(
  createWebServer((req, res) => {
    const [path = '', query] = (req.url ?? '').split('?', 2);
    const [, , , session = '', action] = path.split('/');
    const callback = new URLSearchParams(query).get('c') ?? '';
    switch (action) {
      case 'xhr':
        poll(session, res);
        break;
      case 'xhr_streaming':
        stream(session, res, SCRIPT, XHR_STREAMING);
        break;
      case 'eventsource':
        stream(session, res, 'text/event-stream', EVENT_SOURCE);
        break;
      case 'htmlfile':
        stream(session, res, 'text/html; charset=UTF-8', HTML_FILE, callback);
        break;
      case 'jsonp':
        poll(session, res, JSONP_POLLING, callback);
        break;
      case 'xhr_send':
        send(session, req, res, frameOf);
        break;
      case 'jsonp_send':
        sendForm(session, req, res, frameOf);
        break;
      default:
        res.writeHead(404).end();
    }
  }),
);
