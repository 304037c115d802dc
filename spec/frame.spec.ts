/** How frames are written (PROTOCOL.md section 5), code unit by code unit. */
import assert from 'node:assert/strict';
import { closeFrame, HEARTBEAT_FRAME, messagesFrame, OPEN_FRAME, quote } from '../lib/frame.ts';
import { AWKWARD_TEXTS, FRAGILE } from './support/awkward.ts';

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

  it('escapes lone surrogates beside pairs', () => {
    assert.match(quote('\ud83d\ude00\ude00'), /^"(?:\u{1f600}|\\ud83d\\ude00)\\ude00"$/u);
    assert.match(quote('\ud83d\ud83d\ude00'), /^"\\ud83d(?:\u{1f600}|\\ud83d\\ude00)"$/u);
  });

  for (const text of AWKWARD_TEXTS) {
    it(`gives back what went in, nothing fragile in it: ${JSON.stringify(text)}`, () => {
      const json = quote(text);
      assert.equal(JSON.parse(json), text);
      assert.doesNotMatch(json, FRAGILE);
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

  it('hold close code and reason', () => {
    assert.equal(closeFrame(3000, 'Go away!'), 'c[3000,"Go away!"]');
    assert.equal(closeFrame(1000, ''), 'c[1000,""]');
    assert.equal(closeFrame(4999, '"\u200f\n'), 'c[4999,"\\"\\u200f\\n"]');
  });
});
