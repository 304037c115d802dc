/** This package as a bare request listener, without an Express app. */
import { attachUpgrade } from '../../lib/index.ts';
import { echo, runEcho } from './ours.ts';
import { createWebServer } from './web-server.ts';

const router = echo({ prefix: '/echo' });
const server = createWebServer(router);
attachUpgrade(server);
runEcho(server, router);
