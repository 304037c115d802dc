/** Texts on their way: what goes out comes back unchanged, and frames are those that ws would make. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import * as ws from 'ws';
import { closeFrame, messagesFrame, quote } from '../../lib/protocol/frame.ts';
import { PayloadError, parsePayload, parseWebSocketPayload, TooManyMessagesError } from '../../lib/protocol/payload.ts';
import { SharedMessage } from '../../lib/protocol/shared-message.ts';
import { textFrame, unmask } from '../../lib/transports/websocket/frame-codec.ts';
import { property } from '../support/property.ts';

/** Around what is escaped, and around what changes the length in UTF-8. */
const CODE_UNIT = fc.oneof(
  fc.integer({ min: 0, max: 0xffff }),
  fc.integer({ min: 0x20, max: 0x7e }),
  fc.constantFrom(
    ...[0, 0x1f, 0x22, 0x2f, 0x5c, 0x7f, 0x80, 0x7ff, 0x800, 0x200b, 0x200c, 0x200f, 0x2010, 0x2027, 0x2028, 0x202f],
    ...[0x2030, 0x205f, 0x2060, 0x206f, 0x2070, 0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000, 0xffef, 0xfff0, 0xffff],
  ),
);

/** Any UTF-16, lone surrogates among it; now and then so long that it is quoted in another way. */
const TEXT = fc
  .tuple(
    fc.array(CODE_UNIT, { maxLength: 20 }),
    fc.constantFrom('', '', '', '.'.repeat(250), '"'.repeat(300), '\\'.repeat(2100)),
  )
  .map(([units, more]) => String.fromCharCode(...units) + more);

const TEXTS = fc.array(TEXT, { maxLength: 6 });

/** Something long before, within or behind what is drawn: from 2048 on a text is looked at before JSON.parse gets it. */
const PADDING = fc.constantFrom(
  '',
  '',
  ' \t\r\n'.repeat(600),
  'x'.repeat(2100),
  '\\"'.repeat(1100),
  '\\\\'.repeat(1100),
);

/** Characters that must be escaped in a frame (docs/protocol.md, section 5.2), besides control characters. */
const FORBIDDEN = /[\u200c-\u200f\u2028-\u202f\u2060-\u206f\ufff0-\uffff\p{Surrogate}]/u;

function assertSafe(frame: string): void {
  assert.doesNotMatch(frame, FORBIDDEN);
  for (let i = 0; i < frame.length; i += 1) {
    assert.ok(frame.charCodeAt(i) >= 0x20, `U+00${frame.charCodeAt(i).toString(16)} in a frame`);
  }
}

/** The part of ws that frames what is sent; its types leave it out. */
const { Sender } = ws as unknown as { readonly Sender: { frame(data: Buffer, options: object): Buffer[] } };

const ERRORS: [expected: string, broken: string, tooMany: string] = [
  'PayloadError: Payload expected.',
  'PayloadError: Broken JSON encoding.',
  'TooManyMessagesError: Too many messages (see the maxMessagesPerRequest option).',
];

/** What a call gives, or the name of what it throws. */
function outcome<T>(call: () => T): T | string {
  try {
    return call();
  } catch (error) {
    assert.ok(error instanceof PayloadError, String(error));
    return `${error.name}: ${error.message}`;
  }
}

describe('any text', () => {
  property('is one JSON string when quoted, with nothing in it that is lost on the way', 500, TEXT, (text) => {
    const quoted = quote(text);
    assert.equal(JSON.parse(quoted), text);
    assertSafe(quoted);
    assert.doesNotMatch(quoted.replace(/\\(?:u[0-9a-f]{4}|["\\bfnrt])/g, ''), /\\/, 'an escape of another kind');
    assert.equal(new SharedMessage(text).quoted, quoted);
  });

  property('arrives unchanged among others in a frame, shared or not', 300, TEXTS, (texts) => {
    const frame = messagesFrame(texts.map((text, i) => (i % 2 === 0 ? text : new SharedMessage(text))));
    assert.equal(frame[0], 'a');
    assert.deepEqual(JSON.parse(frame.slice(1)), texts);
    assertSafe(frame);
    // Over the wire, which carries UTF-8.
    assert.deepEqual(JSON.parse(Buffer.from(frame).toString().slice(1)), texts);
  });

  property('arrives unchanged as the reason of a close', 100, TEXT, (reason) => {
    assert.deepEqual(JSON.parse(closeFrame(3000, reason).slice(1)), [3000, reason]);
  });

  property('comes back as the client has sent it', 300, TEXTS, (texts) => {
    const payload = Buffer.from(JSON.stringify(texts)).toString();
    assert.deepEqual(parsePayload(payload, texts.length), texts);
    assert.deepEqual(parseWebSocketPayload(payload, texts.length), texts);
    // As the server quotes it, in which less is left as it is.
    const strict = `[${texts.map(quote).join()}]`;
    assert.deepEqual(parsePayload(strict, texts.length), texts);
    assert.deepEqual(parseWebSocketPayload(strict, texts.length), texts);
    if (texts.length > 0) {
      assert.throws(() => parsePayload(payload, texts.length - 1), TooManyMessagesError);
      assert.throws(() => parseWebSocketPayload(payload, texts.length - 1), TooManyMessagesError);
    }
  });

  property(
    'is a payload where JSON.parse finds an array of strings in it, on a WebSocket also a string',
    700,
    payloads(),
    (text) => {
      const asRequest = outcome(() => parsePayload(text, 2));
      const asWebSocket = outcome(() => parseWebSocketPayload(text, 2));
      const value = parsed(text);
      const isList = Array.isArray(value) && value.every(isString);
      const isFit = isList && value.length <= 2;
      assert.deepEqual(Array.isArray(asRequest) ? asRequest : undefined, isFit ? value : undefined);
      assert.deepEqual(
        Array.isArray(asWebSocket) ? asWebSocket : undefined,
        typeof value === 'string' ? [value] : isFit ? value : undefined,
      );
      if (!isFit) {
        assert.ok(expectedErrors(text, value, isList).includes(String(asRequest)), String(asRequest));
      }
      if (!isFit && typeof value !== 'string') {
        assert.ok(expectedErrors(text, value, isList).includes(String(asWebSocket)), String(asWebSocket));
      }
    },
  );

  property('is framed for a WebSocket as by ws', 200, lengths(), (text) => {
    const expected = Buffer.concat(
      Sender.frame(Buffer.from(text), { fin: true, opcode: 1, rsv1: false, mask: false, readOnly: true }),
    );
    assert.deepEqual(textFrame(text), expected);
  });

  property(
    'is masked again when unmasked twice, and nothing around it',
    300,
    masked(),
    ([memory, start, alignment]) => {
      const bytes = Buffer.from(new ArrayBuffer(memory.length + 8), alignment, memory.length);
      bytes.set(memory);
      const end = memory.length - 5;
      const seen = unmask(bytes, start, end);
      const payload = memory.subarray(start, end).map((byte, i) => byte ^ (memory[start - 4 + (i & 3)] ?? 0));
      assert.deepEqual([...bytes], [...memory.subarray(0, start), ...payload, ...memory.subarray(end)]);
      assert.equal(
        seen,
        payload.reduce((bits, byte) => bits | byte, 0),
      );
      unmask(bytes, start, end);
      assert.deepEqual([...bytes], [...memory]);
    },
  );
});

/** What JSON.parse makes of a text; undefined where it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What may be said of a text that is no payload. Where a long one has more faults than one, the first decides. */
function expectedErrors(text: string, value: unknown, isList: boolean): string[] {
  const [expected, broken, tooMany] = ERRORS;
  if (isList) {
    return [tooMany];
  }
  if (text.length > 2048 && (value === undefined || Array.isArray(value))) {
    return ERRORS;
  }
  return [value === undefined && text !== '' ? broken : expected];
}

function isString(value: unknown): boolean {
  return typeof value === 'string';
}

/** JSON of any kind, cut and changed. */
function payloads(): fc.Arbitrary<string> {
  const json = fc.oneof(TEXTS, TEXT, fc.jsonValue()).map((value) => JSON.stringify(value));
  const pieces = fc.array(fc.constantFrom('["', '"]', '"', '[', ']', ',', '\\', 'a', ' ', '\n', 'null', '1', '\ud800'));
  const spaces = fc.array(fc.constantFrom('', ' ', '\n', '\t', '\r', '\u00a0', ' \n'.repeat(1100)), {
    minLength: 8,
    maxLength: 8,
  });
  const spaced = fc.tuple(fc.array(TEXT, { maxLength: 3 }), spaces).map(([texts, gaps]) => {
    const tokens = ['[', ...texts.flatMap((text, i) => (i === 0 ? [quote(text)] : [',', quote(text)])), ']'];
    return tokens.map((token, i) => `${gaps[i]}${token}`).join('') + gaps[7];
  });
  return fc.oneof(
    json,
    spaced,
    pieces.map((all) => all.join('')),
    fc.tuple(json, fc.nat(), TEXT).map(([text, at, other]) => {
      const index = at % (text.length + 1);
      return text.slice(0, index) + other + text.slice(index + 1);
    }),
    fc
      .tuple(
        fc.oneof(
          json,
          pieces.map((all) => all.join('')),
        ),
        fc.nat(),
        PADDING,
      )
      .map(([text, at, padding]) => {
        const index = at % (text.length + 1);
        return text.slice(0, index) + padding + text.slice(index);
      }),
  );
}

/** Texts whose bytes are around those from which on a length takes more room. */
function lengths(): fc.Arbitrary<string> {
  return fc
    .tuple(TEXT, fc.constantFrom(0, 110, 125, 126, 65_500, 65_535, 65_536))
    .map(([text, more]) => text + 'x'.repeat(more));
}

/** A payload in the midst of other bytes, with its mask before it: ASCII but for a few bytes. */
function masked(): fc.Arbitrary<[memory: Uint8Array, start: number, alignment: number]> {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  return fc
    .tuple(
      fc.integer({ min: 4, max: 14 }).chain(bytes),
      fc.tuple(fc.constantFrom(0, 10, 250, 270), fc.nat(12)).map(([some, more]) => some + more),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 0xff })), { maxLength: 3 }),
      bytes(5),
      fc.nat(7),
    )
    .map(([before, length, others, behind, alignment]) => {
      const payload = new Uint8Array(length).fill(0x20);
      for (const [at, byte] of others) {
        payload[at % (length || 1)] = byte;
      }
      const mask = before.subarray(-4);
      const hidden = payload.map((byte, i) => byte ^ (mask[i & 3] ?? 0));
      return [Uint8Array.from([...before, ...hidden, ...behind]), before.length, alignment];
    });
}
