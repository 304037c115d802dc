/** WebSocket clients that control every byte and every chunk of what they send. */
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import type { Session, SessionCloseEvent } from '../../lib/index.ts';
import type { RawSocket } from './http.ts';
import { parseAnswer } from './upgrade-client.ts';
import type { TransportServer, WireTransport } from './wire-transports.ts';

export interface FrameShape {
  /** 4 bytes. `undefined` for a frame without a mask, which RFC 6455 forbids to clients. */
  readonly mask?: Buffer | undefined;
  /**
   * Bits of the length field.
   * @default the shortest that can hold the length
   */
  readonly lengthBits?: 7 | 16 | 64;
}

/** The mask of the examples in RFC 6455, section 5.7. */
const MASK = Buffer.from('37fa213d', 'hex');

/** Returns a frame with any first byte, then length, mask and masked payload. */
export function frame(first: number, payload: string | Buffer, shape: FrameShape = {}): Buffer {
  const bytes = Buffer.from(payload);
  const mask = 'mask' in shape ? shape.mask : MASK;
  const masked = mask === undefined ? bytes : bytes.map((byte, i) => byte ^ (mask[i & 3] ?? 0));
  return Buffer.concat([frameHead(first, bytes.length, { mask, ...shape }), masked]);
}

/** Returns the head of a frame. The length may exceed the memory of the machine. */
export function frameHead(first: number, length: number | bigint, shape: FrameShape = {}): Buffer {
  const mask = 'mask' in shape ? shape.mask : MASK;
  const { lengthBits = length < 126 ? 7 : length < 0x1_0000 ? 16 : 64 } = shape;
  const isMasked = mask === undefined ? 0 : 0x80;
  let head: Buffer;
  if (lengthBits === 7) {
    head = Buffer.from([first, isMasked | Number(length)]);
  } else if (lengthBits === 16) {
    head = Buffer.from([first, isMasked | 126, 0, 0]);
    head.writeUInt16BE(Number(length), 2);
  } else {
    head = Buffer.from([first, isMasked | 127, 0, 0, 0, 0, 0, 0, 0, 0]);
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, mask ?? Buffer.alloc(0)]);
}

/** The result of a whole conversation. */
export interface Outcome {
  /** The messages that the application got. */
  readonly messages: readonly string[];
  /** The bytes that the client got after the handshake, as latin1. */
  readonly received: string;
  /** The `close` event that the application got. */
  readonly event: SessionCloseEvent;
}

/** A client, and the session at the server. Each write arrives at the server as a separate chunk. */
export class FramePeer {
  readonly raw: RawSocket;
  readonly session: Session;
  /** The messages of the session, if the client was opened with a listener. */
  readonly messages: string[] = [];
  readonly #event: Promise<SessionCloseEvent>;
  #sent: number;

  constructor(raw: RawSocket, session: Session, { listens = true } = {}) {
    this.raw = raw;
    this.session = session;
    this.#sent = session.request.socket.bytesRead;
    this.#event = once(session, 'close').then(([event]) => event as SessionCloseEvent);
    this.#event.catch(() => {});
    // Without this, TCP holds small writes back until earlier ones are acknowledged.
    raw.socket.setNoDelay();
    if (listens) {
      session.on('message', (message) => {
        this.messages.push(message);
      });
    }
  }

  static async open(
    on: TransportServer,
    transport: WireTransport,
    options: { listens?: boolean } = {},
  ): Promise<FramePeer> {
    const { raw, session } = await on.open(transport);
    return new FramePeer(raw, session, options);
  }

  /** The server's end of the connection. */
  get connection() {
    return this.session.request.socket;
  }

  /** Writes, and settles when the server has read it, or when the connection has ended. */
  async send(...frames: readonly Buffer[]): Promise<void> {
    const bytes = Buffer.concat(frames);
    const { connection } = this;
    if (!this.raw.socket.writable) {
      return;
    }
    this.#sent += bytes.length;
    this.raw.socket.write(bytes);
    while (connection.bytesRead < this.#sent && !connection.destroyed) {
      await turn();
    }
  }

  /** Settles with the result once the connection has ended. */
  async outcome(): Promise<Outcome> {
    const event = await this.#event;
    return { messages: this.messages, received: parseAnswer(await this.raw.closed).rest, event };
  }
}
