/** Floor of idle sessions: `ws` for WebSockets, and routes in an Express 5 app for the other transports. */
import express, { Router } from 'express';
import { holdPoll, holdStream, runHeld } from './held-sessions.ts';
import { createWebServer } from './web-server.ts';

const router = Router();
router.post('/:server/:session/xhr', (req, res) => holdPoll(req.params.session, req, res));
router.post('/:server/:session/xhr_streaming', holdStream);
const app = express();
app.use('/echo', router);
runHeld(createWebServer(app));
