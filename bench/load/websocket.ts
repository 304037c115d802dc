/** A minimal WebSocket client: a handshake, precomputed masked frames out, parsed frames in. */
import type { Socket } from 'node:net';
import { dial } from './dial.ts';
import type { Dialect } from './dialects.ts';
import { show } from './load.ts';
import type { Port } from './protocol.ts';
import { Unread } from './unread.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const MASK = Buffer.from([0x12, 0x34, 0x56, 0x78]);

const TEXT = 0x81;
const CLOSE = 0x88;
const PING = 0x89;
const PONG = 0x8a;

/** Returns a masked frame, as clients send them. */
export function clientFrame(payload: string | Buffer, opcode = TEXT): Buffer {
  const masked = Buffer.from(payload);
  for (let i = 0; i < masked.length; i += 1) {
    masked[i] = (masked[i] ?? 0) ^ (MASK[i & 3] ?? 0);
  }
  return Buffer.concat([headOf(masked.length, opcode), MASK, masked]);
}

function headOf(length: number, opcode: number): Buffer {
  if (length < 126) {
    return Buffer.from([opcode, 0x80 | length]);
  }
  const head = Buffer.alloc(length < 65_536 ? 4 : 10);
  head[0] = opcode;
  if (length < 65_536) {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return head;
}

/** Close code 1000, no reason. */
const CLOSE_FRAME = clientFrame(Buffer.from([0x03, 0xe8]), CLOSE);

/** The answer to a ping without payload. */
export const PONG_FRAME = clientFrame('', PONG);

export class WebSocketConnection {
  readonly socket: Socket;
  /** Called with the payload of each text message. */
  onText: (payload: Buffer) => void = (payload) => {
    throw new Error(`a WebSocket got ${show(payload)} when nothing was due`);
  };
  /** Called with the payload of each ping. */
  onPing: (payload: Buffer) => void = (payload) => {
    throw new Error(`a WebSocket got a ping with ${show(payload)} when none was due`);
  };
  readonly #unread = new Unread();
  /** Bytes that the frame takes which is incomplete. */
  #need = 0;
  #onOpen: (() => void) | undefined;
  #onClosed: (() => void) | undefined;
  #isUpgraded = false;
  #isClosing = false;
  #isGreeted = false;
  readonly #dialect: Dialect;

  private constructor(socket: Socket, dialect: Dialect) {
    this.socket = socket;
    this.#dialect = dialect;
    socket.setNoDelay();
    socket.on('data', (chunk: Buffer) => this.#feed(chunk));
    socket.on('close', () => {
      if (!this.#isClosing) {
        throw new Error('the server closed a WebSocket');
      }
      this.#onClosed?.();
    });
  }

  /**
   * Connects, and settles when the open frame of the session has arrived.
   *
   * @param prepare called before: a ping may come in one piece with the open frame
   */
  static open(
    port: Port,
    dialect: Dialect,
    session: string,
    prepare?: (connection: WebSocketConnection) => void,
  ): Promise<WebSocketConnection> {
    return new Promise((resolve) => {
      const connection = new WebSocketConnection(dial(port), dialect);
      prepare?.(connection);
      connection.#onOpen = () => resolve(connection);
      connection.socket.write(
        `GET ${dialect.path(session)} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      );
    });
  }

  /** Does the closing handshake, and settles when the connection has ended. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#isClosing = true;
      this.#onClosed = resolve;
      this.socket.write(CLOSE_FRAME);
    });
  }

  #feed(chunk: Buffer): void {
    const bytes = this.#unread.add(chunk);
    if (bytes === undefined) {
      return;
    }
    let offset = this.#isUpgraded ? 0 : this.#readHead(bytes);
    if (!this.#isUpgraded) {
      this.#unread.keep(bytes, 0);
      return;
    }
    while (offset < bytes.length) {
      const next = this.#readFrame(bytes, offset);
      if (next === offset) {
        this.#unread.keep(bytes.subarray(offset), this.#need);
        return;
      }
      offset = next;
    }
  }

  /** Returns the offset at which the head of the response ends. */
  #readHead(bytes: Buffer): number {
    const end = bytes.indexOf('\r\n\r\n');
    if (end !== -1) {
      const head = bytes.toString('latin1', 0, end);
      if (!head.startsWith('HTTP/1.1 101 ') || !head.includes(ACCEPT)) {
        throw new Error(`no WebSocket but ${show(bytes)}`);
      }
      this.#isUpgraded = true;
    }
    return end + 4;
  }

  /** Returns the offset at which the frame ends, or `offset` if the frame is incomplete. */
  #readFrame(bytes: Buffer, offset: number): number {
    this.#need = 0;
    if (bytes.length < offset + 2) {
      return offset;
    }
    let start = offset + 2;
    let length = bytes[offset + 1] ?? 0;
    if (length === 126) {
      if (bytes.length < offset + 4) {
        return offset;
      }
      length = bytes.readUInt16BE(offset + 2);
      start = offset + 4;
    } else if (length === 127) {
      if (bytes.length < offset + 10) {
        return offset;
      }
      length = Number(bytes.readBigUInt64BE(offset + 2));
      start = offset + 10;
    }
    const end = start + length;
    if (bytes.length < end) {
      this.#need = end - offset;
      return offset;
    }
    this.#take(bytes[offset] ?? 0, bytes.subarray(start, end));
    return end;
  }

  #take(opcode: number, payload: Buffer): void {
    if (opcode === TEXT && this.#dialect.greeting !== undefined && !this.#isGreeted) {
      this.#isGreeted = true;
      this.socket.write(clientFrame(this.#dialect.greeting));
    } else if (opcode === TEXT && this.#onOpen !== undefined) {
      if (!this.#dialect.isOpen(payload.toString())) {
        throw new Error(`a session opened with ${show(payload)}`);
      }
      this.#onOpen();
      this.#onOpen = undefined;
    } else if (opcode === TEXT) {
      this.onText(payload);
    } else if (opcode === PING) {
      this.onPing(payload);
    } else if (opcode === CLOSE && this.#isClosing) {
      if (payload.length !== 2 || payload.readUInt16BE() !== 1000) {
        throw new Error(`closed with ${payload.toString('hex')}`);
      }
    } else {
      throw new Error(`a frame 0x${opcode.toString(16)} with ${show(payload)}`);
    }
  }
}
