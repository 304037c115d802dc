/**
 * Bypass: writes text messages to the connection without ws.
 *
 * What: a message becomes one buffer, header and payload, and one write. ws writes header and payload apart, by way of
 * `WebSocket.send`, `Sender.send`, `Sender.dispatch`, `Sender.frame` and `Sender.sendFrame`. A message of a broadcast
 * becomes a buffer once for all WebSockets.
 *
 * Why: in ws, the two writes cost more than all else of a send. Asking the connection instead of ws how many bytes
 * wait, with one reading of the clock for all sessions of a flush, took `ws-broadcast` from 1.38 to 1.06 times a server
 * that writes a prepared frame (bench/NOTES.md).
 *
 * Guard: `bypassesWs` when a WebSocket opens, and `isSendPristine` for every message.
 *
 * Off: ws sends every message of a WebSocket for which `bypassesWs` is false. Once monitoring has replaced one of the
 * methods above, or where the source text of ws is another, ws sends from the next message on.
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { HEARTBEAT_FRAME, OPEN_FRAME } from '../../protocol/frame.ts';
import type { SharedMessage } from '../../protocol/shared-message.ts';
import type { TransportName } from '../../session/ports.ts';
import { textFrame } from './frame-codec.ts';
import { isSendPristine } from './pristine-websocket.ts';

/**
 * Whether messages of a WebSocket that has just opened may be written, and read, without ws. Not where an extension has
 * been negotiated, a stream stands between ws and the connection, or the class of the WebSocket has its own `send`.
 *
 * @param stream the stream that ws has been given for the handshake
 * @param socket the connection
 */
export function bypassesWs(webSocket: WebSocket, stream: Duplex, socket: Socket): boolean {
  return stream === socket && webSocket.extensions === '' && isSendPristine(webSocket);
}

/** Writes a text as one message. The kernel has taken it when `callback` is called. */
export function writeText(socket: Socket, text: string, callback: (() => void) | undefined): void {
  socket.write(frameOf(text), callback);
}

function frameOf(text: string): Buffer {
  switch (text) {
    case OPEN_FRAME:
      return OPEN;
    case HEARTBEAT_FRAME:
      return HEARTBEAT;
    default:
      return textFrame(text);
  }
}

/** All WebSockets share these. */
const OPEN = textFrame(OPEN_FRAME);
const HEARTBEAT = textFrame(HEARTBEAT_FRAME);

/** Writes a message of a broadcast. `textOf` returns its text, which is the same for all WebSockets of one `name`. */
export function writeShared(
  socket: Socket,
  message: SharedMessage,
  name: TransportName,
  textOf: (message: SharedMessage) => string,
  callback: (() => void) | undefined,
): void {
  const frame = message.encoded(name, () => textFrame(textOf(message)));
  socket.write(frame, callback);
}
