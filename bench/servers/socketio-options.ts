/** Options of socket.io in the benchmark: as its defaults, but with WebSocket only, and without heartbeats. */
import { LONG } from './program.ts';

export const SOCKETIO_OPTIONS = {
  transports: ['websocket'],
  serveClient: false,
  perMessageDeflate: false,
  httpCompression: false,
  pingInterval: LONG,
  pingTimeout: LONG,
};
