/** This package as a bare request listener, without an Express app. */
import { createServer } from 'node:http';
import { attachUpgrade } from '../../lib/index.ts';
import { echo } from './ours.ts';
import { run } from './program.ts';

const router = echo({ prefix: '/echo' });
const server = createServer(router);
attachUpgrade(server);
run(server, (message) => router.broadcast(message));
