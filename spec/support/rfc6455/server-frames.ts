/** Parses what a server sends on an upgraded connection. */
import { constants, inflateRawSync } from 'node:zlib';

/** A frame of a server. */
export interface ServerFrame {
  /** FIN, reserved bits and opcode. */
  readonly first: number;
  readonly payload: Buffer;
  /** The whole frame. */
  readonly bytes: Buffer;
}

export function isControl({ first }: ServerFrame): boolean {
  return (first & 0x08) !== 0;
}

export function isClose({ first }: ServerFrame): boolean {
  return (first & 0x0f) === 0x08;
}

/** Returns the code of a close frame, 1005 if it is empty. */
export function codeOf({ payload }: ServerFrame): number {
  return payload.length < 2 ? 1005 : payload.readUInt16BE(0);
}

const RSV1 = 0x40;
/** permessage-deflate removes these bytes from the end of each message (RFC 7692, section 7.2.1). */
const TAIL = Buffer.from('0000ffff', 'hex');

/** The head of the response, and the frames after it. */
export class ServerStream {
  /** Status line and headers. Undefined until the empty line has arrived. */
  head: string | undefined;
  readonly frames: ServerFrame[] = [];
  /** Bytes that are no complete frame. If the server refused the upgrade, they are the body. */
  rest: Buffer = Buffer.alloc(0);
  readonly #deflated: Buffer[] = [];

  push(chunk: Buffer): void {
    this.rest = Buffer.concat([this.rest, chunk]);
    if (this.head === undefined) {
      const end = this.rest.indexOf('\r\n\r\n');
      if (end < 0) {
        return;
      }
      this.head = this.rest.toString('latin1', 0, end);
      this.rest = this.rest.subarray(end + 4);
    }
    if (this.isUpgraded) {
      this.#takeFrames();
    }
  }

  get isUpgraded(): boolean {
    return this.head?.startsWith('HTTP/1.1 101 ') === true;
  }

  /** Whether the last message is this text, compressed or not. */
  endsWith(text: string): boolean {
    const last = this.frames.findLast((frame) => !isControl(frame));
    if (last === undefined) {
      return false;
    }
    if ((last.first & RSV1) === 0) {
      return last.payload.equals(Buffer.from(text));
    }
    // The payloads of all messages form one deflate stream, with or without context takeover.
    const stream = Buffer.concat(this.#deflated);
    return inflateRawSync(stream, { finishFlush: constants.Z_SYNC_FLUSH }).toString().endsWith(text);
  }

  #takeFrames(): void {
    for (;;) {
      const { rest } = this;
      const short = (rest[1] ?? 0) & 0x7f;
      const start = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (rest.length < start) {
        return;
      }
      const size = start === 10 ? Number(rest.readBigUInt64BE(2)) : start === 4 ? rest.readUInt16BE(2) : short;
      if (rest.length < start + size) {
        return;
      }
      const frame = {
        first: rest[0] ?? 0,
        payload: rest.subarray(start, start + size),
        bytes: rest.subarray(0, start + size),
      };
      this.frames.push(frame);
      if ((frame.first & RSV1) !== 0) {
        this.#deflated.push(frame.payload, TAIL);
      }
      this.rest = rest.subarray(start + size);
    }
  }
}
