/** WebSocket frames as bytes (RFC 6455, section 5), for connections on which nothing was negotiated but the text. */

/** First byte of a text message that is whole in one frame. */
export const FIN_TEXT = 0x81;
/** What the 7 bits of the length say where 16 or 64 bits follow. */
export const LENGTH_16 = 126;
export const LENGTH_64 = 127;

/** A whole text message in one frame, unmasked as a server sends it: header and payload in one piece, for one write. */
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
  frame.write(text, start, 'utf8');
  return frame;
}

/** Payloads from here on are unmasked by words; for shorter ones that costs more than it saves. */
const LONG = 256;

/**
 * Takes the mask off a payload, in place; the mask is the 4 bytes before it (section 5.3). Done again, it puts it back.
 *
 * @returns the bits that are set in any byte of the payload, so below 0x80 where all of it is ASCII
 */
export function unmask(bytes: Buffer, start: number, end: number): number {
  if (end - start < LONG) {
    return unmaskBytes(bytes, start, start, end);
  }
  // Words begin where the memory says, and there the mask may be in the midst of itself.
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

/** `start` is where the payload begins, and `from` and `to` the part of it. */
function unmaskBytes(bytes: Buffer, start: number, from: number, to: number): number {
  let bits = 0;
  for (let i = from; i < to; i += 1) {
    const byte = (bytes[i] ?? 0) ^ maskAt(bytes, start, i);
    bytes[i] = byte;
    bits |= byte;
  }
  return bits;
}

/** The byte of the mask that falls on the one at `i`. */
function maskAt(bytes: Buffer, start: number, i: number): number {
  return bytes[start - 4 + ((i - start) & 3)] ?? 0;
}
