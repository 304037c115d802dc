/**
 * Bypass: reads text messages from the connection without ws.
 *
 * What: takes ws's `data` listener off the connection, and reads text messages of one frame itself, which is nearly all
 * that clients send. It hands pings and pongs to ws's listener as they are.
 *
 * Why: ws has a stream, a list of buffers and events between a frame and its message. Without them, and without
 * JSON.parse for most messages, `ws-pipelined` went from 0.32 to 0.23 times bare ws (bench/NOTES.md).
 *
 * Guard: `maxBypassBytesOf` for the engine, `bypassesWs` for the connection (direct-writer.ts), and `attach()`, which
 * does nothing where ws's listener is not the only one. `allowsDirectReads()` is asked before each message.
 *
 * Off: for good at the first frame that is anything else, or that `allowsDirectReads()` forbids: a close, a fragment,
 * binary, too long, not masked, no UTF-8. The listener of ws is put back and gets the bytes from the first of that
 * frame on. So ws judges every frame that is wrong, and finds the connection as if it had read all before itself.
 */
import { isUtf8 } from 'node:buffer';
import type { Readable } from 'node:stream';
import { FIN_TEXT, LENGTH_16, LENGTH_64, unmask } from './frame-codec.ts';

/** First bytes of control frames (RFC 6455, section 5.2). */
const PING = 0x89;
const PONG = 0x8a;

/** Parts of the second byte: whether the payload is masked; its length, or how many bits hold the length. */
const MASKED = 0x80;
const LENGTH = 0x7f;

const MASK_BYTES = 4;

/** A frame that is not whole after more chunks than this goes to ws, which has its own limit. */
const MAX_PIECES = 1024;

/** A frame whose end has not come yet. */
interface PartialFrame {
  readonly pieces: Buffer[];
  /** Bytes in `pieces`. */
  have: number;
  /** Bytes that must be there before the frame is read again: its whole head, or the whole frame. */
  readonly need: number;
  readonly onClose: () => void;
}

const READER = Symbol('express-sockjs.reader');

interface SocketWithReader extends Readable {
  [READER]?: WebSocketReader;
}

/** Gets the messages that a reader reads. */
export interface TextListener {
  /** Whether the next message may be read without ws. Called before each message. */
  allowsDirectReads(): boolean;
  /** The client has sent a message. `bytes` is its size in UTF-8. */
  onText(text: string, bytes: number): void;
}

/** Reads one connection in the place of ws, until it returns the connection to ws. */
export class WebSocketReader {
  readonly #connection: SocketWithReader;
  readonly #wsListener: (chunk: Buffer) => void;
  readonly #listener: TextListener;
  readonly #maxBytes: number;
  #partial: PartialFrame | undefined;

  private constructor(
    connection: SocketWithReader,
    wsListener: (chunk: Buffer) => void,
    listener: TextListener,
    maxBytes: number,
  ) {
    this.#connection = connection;
    this.#wsListener = wsListener;
    this.#listener = listener;
    this.#maxBytes = maxBytes;
    connection[READER] = this;
    connection.on('data', onData);
    connection.off('data', wsListener);
  }

  /**
   * Begins to read a connection, right after ws has added its listener. Does nothing where there are other listeners,
   * since nothing tells which of them is that of ws.
   *
   * @param maxBytes longer messages are left to ws
   */
  static attach(connection: Readable, listener: TextListener, maxBytes: number): void {
    const listeners = connection.listeners('data');
    const wsListener = listeners[0];
    if (wsListener !== undefined && listeners.length === 1) {
      new WebSocketReader(connection, wsListener as (chunk: Buffer) => void, listener, maxBytes);
    }
  }

  /** Reads a chunk of the connection. */
  onChunk(chunk: Buffer): void {
    const partial = this.#partial;
    if (partial === undefined) {
      this.#read(chunk);
      return;
    }
    partial.pieces.push(chunk);
    partial.have += chunk.length;
    if (partial.have >= partial.need) {
      this.#read(this.#takePieces(partial));
    } else if (partial.pieces.length > MAX_PIECES) {
      this.#returnToWs(this.#takePieces(partial));
    }
  }

  /** Reads frame by frame. `bytes` begins with the first byte of a frame. */
  #read(bytes: Buffer): void {
    const { length } = bytes;
    let offset = 0;
    while (offset < length) {
      const left = length - offset;
      if (left < 2) {
        this.#wait(bytes, offset, 2);
        return;
      }
      const first = bytes[offset];
      const second = bytes[offset + 1] ?? 0;
      const isControl = first === PING || first === PONG;
      let size = second & LENGTH;
      if ((first !== FIN_TEXT && !isControl) || second < MASKED || (isControl && size >= LENGTH_16)) {
        break;
      }
      let start = offset + 2 + MASK_BYTES;
      if (size === LENGTH_16) {
        if (left < 4) {
          this.#wait(bytes, offset, 4);
          return;
        }
        size = bytes.readUInt16BE(offset + 2);
        start += 2;
      } else if (size === LENGTH_64) {
        if (left < 10) {
          this.#wait(bytes, offset, 10);
          return;
        }
        size = Number(bytes.readBigUInt64BE(offset + 2));
        start += 8;
      }
      const end = start + size;
      if (size > this.#maxBytes || !this.#listener.allowsDirectReads()) {
        break;
      }
      if (end > length) {
        this.#wait(bytes, offset, end - offset);
        return;
      }
      if (isControl) {
        this.#wsListener.call(this.#connection, bytes.subarray(offset, end));
      } else {
        const text = readText(bytes, start, end);
        if (text === undefined) {
          break;
        }
        this.#listener.onText(text, size);
      }
      offset = end;
    }
    if (offset < length) {
      this.#returnToWs(bytes.subarray(offset));
    }
  }

  /** Keeps the frame that begins at `offset` until `need` bytes of it have come. */
  #wait(bytes: Buffer, offset: number, need: number): void {
    const piece = bytes.subarray(offset);
    // When a paused connection closes, ws reads the bytes that are left in it, which continue these.
    const onClose = () => this.#returnToWs(this.#takePieces(partial));
    const partial: PartialFrame = { pieces: [piece], have: piece.length, need, onClose };
    this.#partial = partial;
    this.#connection.prependListener('close', onClose);
  }

  #takePieces({ pieces, have, onClose }: PartialFrame): Buffer {
    this.#connection.off('close', onClose);
    this.#partial = undefined;
    return Buffer.concat(pieces, have);
  }

  /** Puts the listener of ws back for good, and gives it these bytes, which begin with the first byte of a frame. */
  #returnToWs(bytes: Buffer): void {
    this.#connection.on('data', this.#wsListener);
    this.#connection.off('data', onData);
    this.#wsListener.call(this.#connection, bytes);
  }
}

/** The listener on all connections. A closure for each would cost memory for as long as the connection lives. */
function onData(this: SocketWithReader, chunk: Buffer): void {
  this[READER]?.onChunk(chunk);
}

/** Unmasks a payload and returns its text. Where it is no UTF-8, returns undefined and leaves the bytes as they were. */
function readText(bytes: Buffer, start: number, end: number): string | undefined {
  const seen = unmask(bytes, start, end);
  if (seen < 0x80) {
    return bytes.toString('latin1', start, end);
  }
  const payload = bytes.subarray(start, end);
  if (isUtf8(payload)) {
    return payload.toString();
  }
  // Unmasking twice restores the bytes.
  unmask(bytes, start, end);
  return undefined;
}
