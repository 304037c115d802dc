/** How many bytes of a response may be under way between two nodes, and how a larger frame travels. */

/** Bytes of one response that the owner sends before the other node reports the first of them as written. */
export const WINDOW = 65_536;

/** Bytes of a piece of a frame that is larger than the window. Two pieces can be under way. */
const PIECE = WINDOW / 2;

const LF = 0x0a;

/**
 * The pieces of a wrapped frame: the frame itself, unless it is larger than the window. Of several pieces only the last
 * ends with a line feed, as all formats end their frames.
 *
 * @param isShared whether other receivers have the same bytes. Pieces of these are views, which hold the whole frame;
 *   others are copies, so that the memory of each is free once it has left
 */
export function cutIntoPieces(wrapped: Buffer, isShared: boolean): readonly Buffer[] {
  if (wrapped.length <= WINDOW) {
    return [wrapped];
  }
  const pieces: Buffer[] = [];
  let start = 0;
  while (start < wrapped.length) {
    let end = Math.min(start + PIECE, wrapped.length);
    while (end < wrapped.length && wrapped[end - 1] === LF && end - 1 > start) {
      end -= 1;
    }
    const piece = wrapped.subarray(start, end);
    pieces.push(isShared ? piece : Buffer.from(piece));
    start = end;
  }
  return pieces;
}

/** Whether these bytes end with the end of a frame, so that another frame may follow. */
export function endsFrame(bytes: Buffer): boolean {
  return bytes.at(-1) === LF;
}
