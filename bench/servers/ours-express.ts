/** This package in an Express 5 app. */
import express from 'express';
import { attachUpgrade } from '../../lib/index.ts';
import { echo, runEcho } from './ours.ts';
import { createWebServer } from './web-server.ts';

const router = echo();
const app = express();
app.use('/echo', router);
const server = createWebServer(app);
attachUpgrade(server);
runEcho(server, router);
