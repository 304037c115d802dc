/** socket.io with its Redis adapter, with WebSocket only, as one of several processes. */
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import { Server } from 'socket.io';
import type { MemberSettings } from './group-settings.ts';
import { run } from './program.ts';
import { connectTo } from './redis-process.ts';
import { SOCKETIO_OPTIONS } from './socketio-options.ts';

async function main({ redis }: MemberSettings): Promise<void> {
  const [publishing, subscribing] = await Promise.all([connectTo(redis), connectTo(redis)]);
  const server = createServer();
  const io = new Server(server, { ...SOCKETIO_OPTIONS, adapter: createAdapter(publishing, subscribing) });
  run(server, (message) => io.emit('message', message));
}

void main(JSON.parse(process.argv[2] ?? ''));
