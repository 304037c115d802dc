/**
 * Reads what nearly every client sends nearly always, whole text messages, straight from the connection. All else is left
 * to ws, which knows all of RFC 6455, and for that has a stream, buffers and events between a frame and its message.
 */
import { isUtf8 } from 'node:buffer';
import type { Readable } from 'node:stream';
import { FIN_TEXT, LENGTH_16, LENGTH_64, unmask } from './frame-codec.ts';

/** First bytes of control frames (RFC 6455, section 5.2). */
const PING = 0x89;
const PONG = 0x8a;

/** In the second byte: whether the payload is masked, and its length, or how many bits hold that. */
const MASKED = 0x80;
const LENGTH = 0x7f;

const MASK_BYTES = 4;

/** Pieces that one frame may come in; ws bounds more of them in its own way. */
const MAX_PIECES = 1024;

/** The beginning of a frame whose end has not come yet. */
interface PartialFrame {
  readonly pieces: Buffer[];
  /** How many bytes of it there are. */
  have: number;
  /** How many there must be before it is worth another look. */
  readonly need: number;
  readonly onClose: () => void;
}

const READER = Symbol('express-sockjs.reader');

/** A connection that a reader reads. */
interface SocketWithReader extends Readable {
  [READER]?: WebSocketReader;
}

/** Who wants the messages. */
export interface TextListener {
  /** Whether messages are to be read without ws: not once the WebSocket has begun to close. Asked before each. */
  takesTexts(): boolean;
  /** `bytes` is the size of the message in UTF-8. */
  onText(text: string, bytes: number): void;
}

/**
 * Stands in the place of the listener by which ws takes what a connection brings. It reads text messages of one frame,
 * and hands pings and pongs to ws as they are. At the first frame that is anything else (a close, a fragment, binary, too
 * long, not masked, no UTF-8) it gives the connection back for good: ws then stands at the beginning of that frame, as if
 * nobody had been there, so that what is wrong with a frame is ws's to say.
 */
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
   * Begins to read a connection that ws has just begun to listen to. Where somebody else listens as well, all is left to
   * ws, since nothing tells which listener is whose.
   *
   * @param maxBytes messages longer than that are left to ws
   */
  static attach(connection: Readable, listener: TextListener, maxBytes: number): void {
    const [wsListener, ...others] = connection.listeners('data');
    if (wsListener !== undefined && others.length === 0) {
      new WebSocketReader(connection, wsListener as (chunk: Buffer) => void, listener, maxBytes);
    }
  }

  /** Takes what the connection has brought. */
  take(chunk: Buffer): void {
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

  /** Reads frame by frame. `bytes` begins with one. */
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
      if (size > this.#maxBytes || !this.#listener.takesTexts()) {
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

  /** Keeps the beginning of a frame until there are so many bytes of it. */
  #wait(bytes: Buffer, offset: number, need: number): void {
    const piece = bytes.subarray(offset);
    // When a paused connection closes, ws still reads what it holds, which goes on from here.
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

  /** Has ws go on, with these bytes, which begin a frame. */
  #returnToWs(bytes: Buffer): void {
    this.#connection.on('data', this.#wsListener);
    this.#connection.off('data', onData);
    this.#wsListener.call(this.#connection, bytes);
  }
}

/** A listener of all connections, which finds the reader of each: a closure for each would be kept as long as it lives. */
function onData(this: SocketWithReader, chunk: Buffer): void {
  this[READER]?.take(chunk);
}

/** The text of a masked payload, which the mask precedes; undefined where it is no UTF-8, the bytes then as they came. */
function readText(bytes: Buffer, start: number, end: number): string | undefined {
  const seen = unmask(bytes, start, end);
  if (seen < 0x80) {
    return bytes.toString('latin1', start, end);
  }
  const payload = bytes.subarray(start, end);
  if (isUtf8(payload)) {
    return payload.toString();
  }
  // The mask undoes itself.
  unmask(bytes, start, end);
  return undefined;
}
