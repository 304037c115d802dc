/** This package as a bare request listener, without an Express app. */
import { createServer } from 'node:http';
import { attachUpgrade } from '../../lib/index.ts';
import { echo, runEcho } from './ours.ts';

const router = echo({ prefix: '/echo' });
const server = createServer(router);
attachUpgrade(server);
runEcho(server, router);
