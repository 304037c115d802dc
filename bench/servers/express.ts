/** Floor: the responses of `floor.ts` and `floor-sessions.ts` by routes of a Router that is mounted in an Express 5 app. */
import express, { type Request, Router } from 'express';
import { EVENT_SOURCE, HTML_FILE, JSONP_POLLING, XHR_STREAMING } from '../load/http-formats.ts';
import { info, SCRIPT } from './floor.ts';
import { poll, send, sendForm, stream } from './floor-sessions.ts';
import { run } from './program.ts';
import { createWebServer } from './web-server.ts';

const router = Router();
router.get('/info', info);
router.post('/:server/:session/xhr', (req, res) => poll(req.params.session, res));
router.post('/:server/:session/xhr_send', (req, res) => send(req.params.session, req, res));
router.post('/:server/:session/xhr_streaming', (req, res) => stream(req.params.session, res, SCRIPT, XHR_STREAMING));
router.get('/:server/:session/eventsource', (req, res) =>
  stream(req.params.session, res, 'text/event-stream', EVENT_SOURCE),
);
router.get('/:server/:session/htmlfile', (req, res) =>
  stream(req.params.session, res, 'text/html; charset=UTF-8', HTML_FILE, callbackOf(req)),
);
router.get('/:server/:session/jsonp', (req, res) => poll(req.params.session, res, JSONP_POLLING, callbackOf(req)));
router.post('/:server/:session/jsonp_send', (req, res) => sendForm(req.params.session, req, res));
const app = express();
app.use('/echo', router);
run(createWebServer(app));

function callbackOf({ query }: Pick<Request, 'query'>): string {
  const { c } = query;
  return String(c);
}
