/** Floor: the routes of `floor.ts` on a Router that is mounted in an Express 5 app. */
import { createServer } from 'node:http';
import express, { Router } from 'express';
import { info, poll, send } from './floor.ts';
import { run } from './program.ts';

const router = Router();
router.get('/info', info);
router.post('/:server/:session/xhr', (req, res) => poll(req.params.session, res));
router.post('/:server/:session/xhr_send', (req, res) => send(req.params.session, req, res));
const app = express();
app.use('/echo', router);
run(createServer(app));
