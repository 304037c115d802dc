/** This package in an Express 5 app. */
import { createServer } from 'node:http';
import express from 'express';
import { attachUpgrade } from '../../lib/index.ts';
import { echo, runEcho } from './ours.ts';

const router = echo();
const app = express();
app.use('/echo', router);
const server = createServer(app);
attachUpgrade(server);
runEcho(server, router);
