/** Frames as bytes: building and unmasking them, against the simplest implementation. */
import assert from 'node:assert/strict';
import { textFrame, unmask } from '../../../../lib/transports/websocket/frame-codec.ts';
import { Random } from '../../../hostile/random.ts';

/** Sizes around the limit between bytes and words, with bytes left before and behind the words. */
const SIZES = [0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 254, 255, 256, 257, 258, 259, 260, 261, 262, 263, 1000, 65_535];

const START = 14;

/** A payload at every alignment, with bytes of others before and behind it. */
function* places(random: Random) {
  for (const size of SIZES) {
    const memory = random.bytes(START + size + 20);
    for (let alignment = 0; alignment < 8; alignment += 1) {
      const bytes = Buffer.from(new ArrayBuffer(memory.length + 8), alignment, memory.length);
      memory.copy(bytes);
      yield { bytes, memory, size, end: START + size, where: `${size} bytes at ${alignment}` };
    }
  }
}

describe('textFrame()', () => {
  for (const [size, header] of [
    [0, '8100'],
    [1, '8101'],
    [125, '817d'],
    [126, '817e007e'],
    [127, '817e007f'],
    [0x1234, '817e1234'],
    [0xffff, '817effff'],
    [0x1_0000, '817f0000000000010000'],
    [0x12_3456, '817f0000000000123456'],
  ] as const) {
    it(`begins a text of ${size} bytes with ${header}`, () => {
      const text = 'x'.repeat(size);
      assert.equal(textFrame(text).equals(Buffer.concat([Buffer.from(header, 'hex'), Buffer.from(text)])), true);
    });
  }

  it('counts the length in bytes of UTF-8', () => {
    assert.equal(textFrame('aé€😀').toString('hex'), '810a61c3a9e282acf09f9880');
    const text = 'é'.repeat(63);
    assert.equal(textFrame(text).toString('hex'), `817e007e${Buffer.from(text).toString('hex')}`);
  });
});

describe('unmask()', () => {
  it('unmasks every byte of the payload and no other, at every alignment', () => {
    for (const { bytes, memory, end, where } of places(new Random(1))) {
      const expected = memory.map((byte, i) =>
        i >= START && i < end ? byte ^ (memory[START - 4 + ((i - START) % 4)] ?? 0) : byte,
      );
      unmask(bytes, START, end);
      assert.equal(bytes.equals(expected), true, where);
    }
  });

  it('masks the payload again when called twice', () => {
    for (const { bytes, memory, end, where } of places(new Random(2))) {
      unmask(bytes, START, end);
      unmask(bytes, START, end);
      assert.equal(bytes.equals(memory), true, where);
    }
  });

  it('returns the bits that are set anywhere in the payload, and none of the bytes around it', () => {
    for (const size of [1, 5, 255, 256, 257, 258, 259, 263]) {
      for (let alignment = 0; alignment < 4; alignment += 1) {
        for (let i = 0; i < size; i += 1) {
          const bytes = Buffer.from(new ArrayBuffer(START + size + 12), alignment, START + size + 8).fill(0xff);
          // Unmasked, the payload is all zeros but for one byte.
          bytes[START + i] = 0xff ^ 0x84;
          const where = `byte ${i} of ${size} at ${alignment}`;
          assert.equal(unmask(bytes, START, START + size), 0x84, where);
        }
      }
    }
  });

  it('unmasks a payload that begins anywhere in its chunk', () => {
    const random = new Random(3);
    for (const start of [4, 5, 6, 7, 1000, 1001, 1002, 1003]) {
      for (const size of [0, 1, 2, 3, 300]) {
        const bytes = Buffer.from(new ArrayBuffer(start + size + 8));
        random.bytes(bytes.length).copy(bytes);
        const expected = bytes.map((byte, i) =>
          i >= start && i < start + size ? byte ^ (bytes[start - 4 + ((i - start) % 4)] ?? 0) : byte,
        );
        unmask(bytes, start, start + size);
        assert.equal(bytes.equals(expected), true, `${size} bytes from ${start} on`);
      }
    }
  });
});
