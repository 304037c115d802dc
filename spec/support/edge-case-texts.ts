/** Texts that a transport may lose or change if it does not escape them. */

/** Code points that must be escaped (docs/protocol.md, section 5.2). Pairs of surrogates need no escape. */
// The pattern must contain control characters. The lookarounds distinguish lone surrogates from pairs.
export const MUST_BE_ESCAPED =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: see above
  /[\u0000-\u001f\u200c-\u200f\u2028-\u202f\u2060-\u206f\ufff0-\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** Returns all code units of a range, its ends included. */
export function range(from: number, to: number): string {
  return String.fromCharCode(...Array.from({ length: to - from + 1 }, (_, i) => from + i));
}

/** Each text is one message. */
export const EDGE_CASE_TEXTS: readonly string[] = [
  '',
  range(0x00, 0x1f),
  range(0x20, 0x7f),
  range(0x80, 0xff),
  range(0x200b, 0x2010),
  range(0x2027, 0x2030),
  range(0x205f, 0x2070),
  range(0xffef, 0xffff),
  '\ud800',
  '\udfff',
  'before \udbff between \udc00 after',
  // A pair in the wrong order is two lone surrogates.
  '\udc00\ud800',
  '\u{1f600}\u{10ffff} ünïcödé €',
  '100%41 %80 %25 % %u0041 %00 %0A',
  '</script><script>alert(1)</script><!-- -->',
  ']]> "quoted" \'single\' \\ \\u0041 \\\\u2028 /**/',
  'a["x"]\r\n\r\ndata: injected\n',
  '+ & = ? #; d=%5B%5D',
  '__proto__',
];
