/** Frames that are larger than the window. */
import assert from 'node:assert/strict';
import { cutIntoPieces, endsFrame, WINDOW } from '../../../lib/cluster/pieces.ts';
import { TRANSPORTS } from '../../../lib/protocol/transports.ts';

describe('cutIntoPieces()', () => {
  it('leaves a frame as it is that fits into the window', () => {
    const frame = Buffer.alloc(WINDOW, 'x');
    for (const isShared of [false, true]) {
      assert.deepEqual(cutIntoPieces(frame, isShared), [frame]);
      assert.equal(cutIntoPieces(frame, isShared)[0], frame);
    }
  });

  it('cuts a larger one into pieces of half a window, which make the frame up', () => {
    const frame = Buffer.from(`${'x'.repeat(2 * WINDOW)}\n`);
    const pieces = cutIntoPieces(frame, false);
    assert.deepEqual(
      pieces.map(({ length }) => length),
      [WINDOW / 2, WINDOW / 2, WINDOW / 2, WINDOW / 2, 1],
    );
    assert.deepEqual(Buffer.concat([...pieces]), frame);
  });

  for (const transport of Object.values(TRANSPORTS)) {
    if (transport.family !== 'websocket') {
      it(`shows where a frame of ${transport.name} ends`, () => {
        for (const size of [20, WINDOW / 2 - 20, WINDOW, 2 * WINDOW]) {
          for (const shift of [0, 1, 2, 3, 4, 5, 6, 7, 8]) {
            const frame: Buffer = Buffer.from(transport.format.wrap('x'.repeat(size - shift + 1), 'callback'));
            assert.deepEqual(
              cutIntoPieces(frame, false).map((piece) => endsFrame(piece)),
              cutIntoPieces(frame, false).map((_, index, { length }) => index === length - 1),
            );
          }
        }
      });
    }
  }

  it('gives each piece memory of its own, unless other receivers have the same frame', () => {
    const frame = Buffer.from(`${'x'.repeat(2 * WINDOW)}\n`);
    for (const piece of cutIntoPieces(frame, true)) {
      assert.equal(piece.buffer, frame.buffer);
    }
    const memory = cutIntoPieces(frame, false).map(({ buffer }) => buffer);
    assert.equal(new Set(memory).size, memory.length);
    assert.ok(!memory.includes(frame.buffer));
  });

  it('ends no piece with a line feed in the middle of a frame', () => {
    for (const shift of [0, 1, 2, 3]) {
      const frame = Buffer.from(`${'x'.repeat(WINDOW / 2 - shift)}\n\r\n${'y'.repeat(WINDOW)}\r\n\r\n`);
      const pieces = cutIntoPieces(frame, false);
      assert.deepEqual(
        pieces.map((piece) => endsFrame(piece)),
        pieces.map((piece) => piece === pieces.at(-1)),
      );
      assert.deepEqual(Buffer.concat([...pieces]), frame);
    }
  });
});
