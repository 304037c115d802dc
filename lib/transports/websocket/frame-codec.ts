/** WebSocket frames as bytes (RFC 6455, section 5), for connections without extensions. */
import { encodingOf } from '../../util/ascii.ts';

/** First byte of a frame that holds a whole text message. */
export const FIN_TEXT = 0x81;
/** Values of the 7-bit length that announce a length of 16 bits, and of 64 bits. */
export const LENGTH_16 = 126;
export const LENGTH_64 = 127;

/** Returns a frame that holds a whole text message, not masked: header and payload in one buffer, for one write. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const start = length < LENGTH_16 ? 2 : length < 0x1_0000 ? 4 : 10;
  const frame = Buffer.allocUnsafe(start + length);
  frame[0] = FIN_TEXT;
  if (start === 2) {
    frame[1] = length;
  } else if (start === 4) {
    frame[1] = LENGTH_16;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = LENGTH_64;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(length, 6);
  }
  frame.write(text, start, encodingOf(text, length));
  return frame;
}

/** Payloads of this many bytes and more are unmasked word by word. For shorter ones, that costs more than it saves. */
const LONG = 256;

/**
 * Unmasks the payload from `start` to `end` in place. The mask is the 4 bytes before it (section 5.3). A second call
 * masks the payload again.
 *
 * @returns all bits that are set in any byte of the unmasked payload: below 0x80 where all of it is ASCII
 */
export function unmask(bytes: Buffer, start: number, end: number): number {
  if (end - start < LONG) {
    return unmaskBytes(bytes, start, start, end);
  }
  // Int32Array needs 4-byte alignment, so the mask is rotated to the first aligned byte.
  const first = start + (-(bytes.byteOffset + start) & 3);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + first, (end - first) >> 2);
  const mask = new Int32Array(Uint8Array.from([0, 1, 2, 3], (i) => maskAt(bytes, start, first + i)).buffer)[0] ?? 0;
  let bits = 0;
  for (let i = 0; i < words.length; i += 1) {
    const word = (words[i] ?? 0) ^ mask;
    words[i] = word;
    bits |= word;
  }
  bits |= bits >>> 16;
  bits = (bits | (bits >>> 8)) & 0xff;
  return bits | unmaskBytes(bytes, start, start, first) | unmaskBytes(bytes, start, first + words.length * 4, end);
}

/** Unmasks the bytes from `from` to `to` of the payload that begins at `start`. */
function unmaskBytes(bytes: Buffer, start: number, from: number, to: number): number {
  let bits = 0;
  for (let i = from; i < to; i += 1) {
    const byte = (bytes[i] ?? 0) ^ maskAt(bytes, start, i);
    bytes[i] = byte;
    bits |= byte;
  }
  return bits;
}

/** The byte of the mask for the byte at `i`. */
function maskAt(bytes: Buffer, start: number, i: number): number {
  return bytes[start - 4 + ((i - start) & 3)] ?? 0;
}
