/** A WebSocket between two nodes before they have proved who they are. */
import type { Duplex } from 'node:stream';
import type { WebSocket } from '../util/ws.ts';

/** Bytes that a peer may send before both proofs. */
export const MAX_HANDSHAKE_BYTES = 1024;

/** Hears what happens before both proofs. */
export interface HandshakeListener {
  /** A binary message has come. */
  onMessage(bytes: Buffer): void;
  /** The peer has sent too much, or what is no binary message. Called at most once, and nothing after it. */
  onMalformed(): void;
  /**
   * The connection has ended. Called at most once, and nothing after it.
   *
   * @param code the close code of the peer; 1006 without one
   */
  onClose(code: number): void;
}

/**
 * Reads the messages of a handshake from an open WebSocket, and gives up a peer that sends more than 1 KiB. The chunk
 * that exceeds it is still parsed, since messages may follow the last of the handshake in the same chunk.
 *
 * @returns a function that takes all listeners off the WebSocket
 */
export function readHandshake(webSocket: WebSocket, socket: Duplex, listener: HandshakeListener): () => void {
  let received = 0;
  const onMessage = (data: unknown, isBinary: boolean) => {
    if (isBinary && Buffer.isBuffer(data)) {
      listener.onMessage(data);
    } else {
      onMalformed();
    }
  };
  const onData = (chunk: Buffer) => {
    received += chunk.length;
    if (received > MAX_HANDSHAKE_BYTES) {
      onMalformed();
    }
  };
  const onMalformed = () => {
    stop();
    listener.onMalformed();
  };
  const onClose = (code: number) => {
    stop();
    listener.onClose(code);
  };
  const stop = () => {
    socket.off('data', onData);
    webSocket.off('message', onMessage).off('error', onMalformed).off('close', onClose);
    // ws reports an error of the peer even after the handshake has been given up.
    webSocket.on('error', () => {});
  };
  // Behind the listener of ws: the messages in a chunk are heard before its bytes count.
  socket.on('data', onData);
  webSocket.on('message', onMessage).on('error', onMalformed).on('close', onClose);
  return stop;
}
