/** How frames are written (docs/protocol.md, section 5), code unit by code unit. */
import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { closeFrame, HEARTBEAT_FRAME, messagesFrame, OPEN_FRAME, quote } from '../../../lib/protocol/frame.ts';
import { afterTest } from '../../support/cleanup.ts';
import { EDGE_CASE_TEXTS, MUST_BE_ESCAPED } from '../../support/edge-case-texts.ts';

function escaped(unit: number): string {
  return `"\\u${unit.toString(16).padStart(4, '0')}"`;
}

describe('quote()', () => {
  const SHORT = new Map([
    [0x08, '"\\b"'],
    [0x09, '"\\t"'],
    [0x0a, '"\\n"'],
    [0x0c, '"\\f"'],
    [0x0d, '"\\r"'],
    [0x22, '"\\""'],
    [0x5c, '"\\\\"'],
  ]);
  const ESCAPED: readonly [from: number, to: number][] = [
    [0x0000, 0x001f],
    [0x200c, 0x200f],
    [0x2028, 0x202f],
    [0x2060, 0x206f],
    [0xd800, 0xdfff],
    [0xfff0, 0xffff],
  ];

  it('escapes every code unit that may not travel as it is, and no other', () => {
    for (let unit = 0; unit <= 0xffff; unit++) {
      const character = String.fromCharCode(unit);
      const mustEscape = ESCAPED.some(([from, to]) => from <= unit && unit <= to);
      const expected = SHORT.get(unit) ?? (mustEscape ? escaped(unit) : `"${character}"`);
      assert.equal(quote(character), expected, `U+${unit.toString(16)}`);
    }
  });

  it('escapes every occurrence, beside others and after texts that need none', () => {
    assert.equal(quote('\u2028a\u2028\u200c'), '"\\u2028a\\u2028\\u200c"');
    assert.equal(quote('plain'), '"plain"');
    // Twice: a pattern that remembers where it was would miss the second.
    assert.equal(quote('\uffff'), '"\\uffff"');
    assert.equal(quote('\uffff'), '"\\uffff"');
  });

  it('escapes in texts of any length, wherever the code unit stands, as it does where it stands alone', () => {
    const escapedOnes = '\0\x1f"\\\u200c\u200f\u2028\u202f\u2060\u206f\ud800\udfff\ufff0\uffff';
    const neighbours = ' !#[]\x7f\u200b\u2010\u2027\u2030\u205f\u2070\ud7ff\ue000\uffef';
    // split() takes code units apart, which is what surrogates are here.
    for (const unit of `${escapedOnes}${neighbours}`.split('')) {
      for (const length of [2, 3, 100, 253, 254, 255, 256, 257, 258, 1000]) {
        for (const at of [0, 1, length >> 1, length - 1]) {
          const before = '.'.repeat(at);
          const after = '.'.repeat(length - at - 1);
          const where = `${quote(unit)} at ${at} of ${length}`;
          assert.equal(quote(`${before}${unit}${after}`), `"${before}${quote(unit).slice(1, -1)}${after}"`, where);
        }
      }
    }
  });

  it('has JSON.stringify spared with what is plain and shorter than 256 code units', () => {
    const { mock: stringify } = mock.method(JSON, 'stringify');
    afterTest(() => stringify.restore());
    for (const [text, calls] of [
      ['', 0],
      ['x'.repeat(255), 0],
      ['x'.repeat(256), 1],
      ['x'.repeat(300), 1],
      ['\n', 1],
    ] as const) {
      stringify.resetCalls();
      quote(text);
      assert.equal(stringify.callCount(), calls, `${text.length} code units`);
    }
  });

  it('gives back pairs of surrogates in texts of any length', () => {
    for (const length of [2, 3, 254, 255, 256, 257, 1000]) {
      for (const at of [0, (length >> 1) - 1, length - 2]) {
        const text = `${'.'.repeat(at)}\u{1f600}${'.'.repeat(length - at - 2)}`;
        assert.equal(JSON.parse(quote(text)), text);
        assert.doesNotMatch(quote(text), MUST_BE_ESCAPED);
      }
    }
  });

  it('escapes lone surrogates beside pairs', () => {
    assert.match(quote('\ud83d\ude00\ude00'), /^"(?:\u{1f600}|\\ud83d\\ude00)\\ude00"$/u);
    assert.match(quote('\ud83d\ud83d\ude00'), /^"\\ud83d(?:\u{1f600}|\\ud83d\\ude00)"$/u);
  });

  for (const text of EDGE_CASE_TEXTS) {
    it(`gives back what went in, and escapes what must be escaped: ${JSON.stringify(text)}`, () => {
      const json = quote(text);
      assert.equal(JSON.parse(json), text);
      assert.doesNotMatch(json, MUST_BE_ESCAPED);
    });
  }
});

describe('frames', () => {
  it('are one letter for open and heartbeat', () => {
    assert.equal(OPEN_FRAME, 'o');
    assert.equal(HEARTBEAT_FRAME, 'h');
  });

  it('hold one or more messages', () => {
    assert.equal(messagesFrame(['x']), 'a["x"]');
    assert.equal(messagesFrame(['', 'ü', '"\u2028']), 'a["","ü","\\"\\u2028"]');
  });

  it('hold messages that were quoted before as they are, beside others', () => {
    assert.equal(messagesFrame(['x', { quoted: '"quoted"' }, 'y']), 'a["x","quoted","y"]');
    assert.equal(messagesFrame([{ quoted: '"a"' }, { quoted: '"b"' }]), 'a["a","b"]');
  });

  it('hold close code and reason', () => {
    assert.equal(closeFrame(3000, 'Go away!'), 'c[3000,"Go away!"]');
    assert.equal(closeFrame(1000, ''), 'c[1000,""]');
    assert.equal(closeFrame(4999, '"\u200f\n'), 'c[4999,"\\"\\u200f\\n"]');
  });
});
