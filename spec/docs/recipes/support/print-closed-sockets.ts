/** Loaded before a program: prints each connection that the program had made, once it is closed. */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

subscribe('net.client.socket', (message) => {
  const { socket } = message as { readonly socket: Socket };
  socket.once('close', () => console.log('Closed: a connection'));
});
