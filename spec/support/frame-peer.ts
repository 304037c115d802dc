/** WebSocket clients that say what travels, byte by byte and chunk by chunk. */
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import type { Session, SessionCloseEvent } from '../../lib/index.ts';
import type { RawSocket } from './http.ts';
import { parseAnswer } from './upgrade-client.ts';
import type { TransportServer, WireTransport } from './wire-transports.ts';

export interface FrameShape {
  /** 4 bytes; `undefined` for a frame without a mask, which no client may send. */
  readonly mask?: Buffer | undefined;
  /** How long the field for the length is; the shortest that will do unless given. */
  readonly lengthBits?: 7 | 16 | 64;
}

/** That of the examples in RFC 6455, section 5.7. */
const MASK = Buffer.from('37fa213d', 'hex');

/** A frame of any kind: its first byte as it is, then length, mask and the payload under it. */
export function frame(first: number, payload: string | Buffer, shape: FrameShape = {}): Buffer {
  const bytes = Buffer.from(payload);
  const mask = 'mask' in shape ? shape.mask : MASK;
  const masked = mask === undefined ? bytes : bytes.map((byte, i) => byte ^ (mask[i & 3] ?? 0));
  return Buffer.concat([frameHead(first, bytes.length, { mask, ...shape }), masked]);
}

/** What comes before a payload of that length, which may be more than there is memory. */
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

/** What a whole conversation came to. */
export interface Outcome {
  /** What the application was given. */
  readonly messages: readonly string[];
  /** What the client was sent after the handshake, as latin1. */
  readonly received: string;
  /** What the application was told in the end. */
  readonly event: SessionCloseEvent;
}

/** A client whose every write is a chunk of its own to the server, and what its session is given. */
export class FramePeer {
  readonly raw: RawSocket;
  readonly session: Session;
  /** Filled as the session is given messages, where a listener was asked for. */
  readonly messages: string[] = [];
  readonly #event: Promise<SessionCloseEvent>;
  #sent: number;

  constructor(raw: RawSocket, session: Session, { listens = true } = {}) {
    this.raw = raw;
    this.session = session;
    this.#sent = session.request.socket.bytesRead;
    this.#event = once(session, 'close').then(([event]) => event as SessionCloseEvent);
    this.#event.catch(() => {});
    // Small writes go out at once, whether or not those before have been acknowledged.
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

  /** Writes, and settles when the server has read it; at once where the connection is over. */
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

  /** What has come of it all, once the connection is over. */
  async outcome(): Promise<Outcome> {
    const event = await this.#event;
    return { messages: this.messages, received: parseAnswer(await this.raw.closed).rest, event };
  }
}
