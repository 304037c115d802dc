/** WebSocket frames as bytes (RFC 6455, section 5.2), for connections on which nothing was negotiated but the text. */

const FIN_TEXT = 0x81;
/** What the 7 bits of the length say where 16 or 64 bits follow. */
const LENGTH_16 = 126;
const LENGTH_64 = 127;

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
