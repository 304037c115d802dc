/** Which encoding a text gets. */
import assert from 'node:assert/strict';
import { encodingOf } from '../../../lib/util/ascii.ts';

describe('encodingOf()', () => {
  for (const [text, expected] of [
    ['', 'latin1'],
    ['a\x00\x7f', 'latin1'],
    ['\x80', 'utf8'],
    ['ü', 'utf8'],
    ['\u2028', 'utf8'],
    ['😀', 'utf8'],
    ['\ud800', 'utf8'],
  ] as const) {
    it(`gives ${JSON.stringify(text)} ${expected}, with the same bytes`, () => {
      const encoding = encodingOf(text, Buffer.byteLength(text));
      assert.equal(encoding, expected);
      assert.deepEqual(Buffer.from(text, encoding), Buffer.from(text));
    });
  }
});
