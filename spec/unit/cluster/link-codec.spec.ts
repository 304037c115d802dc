/** The messages of a link as bytes: there and back at any cut, and what is refused. */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import fc from 'fast-check';
import { FieldReader, FieldWriter, LinkError } from '../../../lib/cluster/fields.ts';
import { encode, readOwnerMessage, readRequesterMessage } from '../../../lib/cluster/link-codec.ts';
import { LinkDecoder } from '../../../lib/cluster/link-decoder.ts';
import type { LinkMessage, OwnerMessage, RequesterMessage } from '../../../lib/cluster/messages.ts';
import { readCallback } from '../../../lib/http/callback.ts';
import { EDGE_CASE_TEXTS } from '../../support/edge-case-texts.ts';
import { encoded, OWNER_MESSAGES, REQUESTER_MESSAGES } from '../../support/link-messages.ts';
import { property } from '../../support/property.ts';

const VERSION = 1;

/** A message as one buffer. */
function bytesOf(message: LinkMessage, version = VERSION): Buffer {
  return encoded([message], version);
}

/** Reads a message of either side. */
function readAny(reader: FieldReader): LinkMessage {
  const code = reader.byte();
  const rest = reader.rest();
  const again = new FieldReader();
  again.reset(Buffer.concat([Buffer.of(code), rest]));
  const message = code < 32 ? readRequesterMessage(again) : readOwnerMessage(again);
  again.assertEnd();
  return message;
}

/** Decodes chunks. */
function decode<Received>(chunks: readonly Buffer[], read: (reader: FieldReader) => Received): Received[] {
  const decoder = new LinkDecoder(VERSION, read);
  const messages: Received[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk);
    for (let message = decoder.next(); message !== undefined; message = decoder.next()) {
      messages.push(message);
    }
  }
  return messages;
}

/** Cuts bytes at some places, in proportion to their length. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => Math.floor(place * bytes.length)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => Buffer.from(bytes.subarray(ends[i - 1] ?? 0, end)));
}

/** A message with the given bytes for its fields. Numbers below 128 are one byte each. */
function raw(code: number, ...fields: number[]): Buffer {
  return Buffer.from([0, 0, 0, fields.length + 2, VERSION, code, ...fields]);
}

const ATTACH: RequesterMessage = {
  type: 'attach',
  rid: 1,
  sessionId: 'id',
  client: '',
  transport: 'jsonp-polling',
  callback: 'cb',
};

const CALLBACKS = fc.string({ unit: fc.constantFrom('a', 'Z', '_', '.', '0', '(', '$', ' ', '\n', 'é'), maxLength: 8 });

const PLACES = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 });

function testCuts<Message extends LinkMessage>(
  whose: string,
  messages: fc.Arbitrary<Message>,
  read: (reader: FieldReader) => Message,
): void {
  const cases = fc.tuple(fc.array(messages, { maxLength: 5 }), PLACES);
  property(`${whose} are the same behind the wire, wherever the chunks are cut`, 500, cases, ([sent, places]) => {
    const bytes = encoded(sent);
    assert.deepEqual(decode(cut(bytes, places), read), sent);
  });
}

describe('link messages', () => {
  testCuts('of a requester', REQUESTER_MESSAGES, readRequesterMessage);
  testCuts('of an owner', OWNER_MESSAGES, readOwnerMessage);

  property('are the same when they come byte by byte', 100, REQUESTER_MESSAGES, (sent) => {
    const chunks = Array.from(bytesOf(sent), (byte) => Buffer.of(byte));
    assert.deepEqual(decode(chunks, readRequesterMessage), [sent]);
  });

  it('keep texts that UTF-8 cannot hold', () => {
    for (const text of EDGE_CASE_TEXTS) {
      const sent: RequesterMessage = {
        type: 'send',
        rid: 1,
        sessionId: text.slice(0, 256),
        client: text,
        family: 'xhr',
        messages: [text, ''],
        bytes: 0,
      };
      assert.deepEqual(decode([bytesOf(sent)], readRequesterMessage), [sent]);
    }
  });

  it('keep numbers up to the largest safe integer', () => {
    for (const seq of [0, 127, 128, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const sent: OwnerMessage = { type: 'ack', seq };
      assert.deepEqual(decode([bytesOf(sent)], readOwnerMessage), [sent]);
    }
  });

  it('hold a frame in the memory in which it came, unless it would keep much more than itself', () => {
    const large = { type: 'frame', rid: 1, bytes: Buffer.alloc(100_000, 'x'), isLast: false } as const;
    const small = { type: 'frame', rid: 2, bytes: Buffer.from('small'), isLast: true } as const;
    // Larger than the pools of Node, so it has memory of its own.
    const chunk = encoded([large, small]);
    const [first, second] = decode([chunk], readOwnerMessage);
    assert.ok(first?.type === 'frame' && second?.type === 'frame');
    assert.equal(first.bytes.buffer === chunk.buffer, true);
    assert.equal(second.bytes.buffer === chunk.buffer, false);
  });
});

describe('a link decoder', () => {
  for (const [what, bytes] of [
    ['a length of 0', Buffer.from('00000000', 'hex')],
    ['a length of 1', Buffer.from('0000000101', 'hex')],
    ['a length of 4 GiB', Buffer.from('ffffffff', 'hex')],
    ['a length of 128 MiB', Buffer.from('07fffffd', 'hex')],
    ['another version', bytesOf(ATTACH, 2)],
    ['an unknown message', raw(99)],
    ['a message of an owner', bytesOf({ type: 'ack', seq: 1 })],
    ['bytes behind the fields', raw(4, 1, 1)],
    ['too few fields', raw(3, 1)],
    ['the request id 0', raw(4, 0)],
    ['a number above the safe integers', raw(4, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10)],
    ['a number of nine bytes', raw(4, ...Array<number>(8).fill(0x81), 0)],
    ['a number with a superfluous byte', raw(4, 0x81, 0)],
    ['an unknown transport', raw(1, 1, 6, 0, 0, 0)],
    ['a transport by its index', raw(1, 1, 0, 0, 0, 0)],
    ['a callback that is script', attachWith({ callback: 'alert(1)' })],
    ['a callback of 129 characters', attachWith({ callback: 'x'.repeat(129) })],
    ['a session id of 257 characters', attachWith({ sessionId: 'x'.repeat(257) })],
    ['a room of 1025 characters', encoded([{ type: 'message', seq: 1, room: 'x'.repeat(1025), text: '' }])],
    ['text that is no UTF-8', raw(8, 1, 0, 2, 0xff)],
    ['text with a surrogate as UTF-8', raw(8, 1, 0, 6, 0xed, 0xa0, 0x80)],
    ['half a character of UTF-16', raw(8, 1, 0, 3, 0x41)],
    ['text beyond the end', raw(8, 1, 0, 0x7e, 0x41)],
    ['a flag of 2', raw(8, 1, 2)],
    ['the close code 999', closed(999, '')],
    ['the close code 5000', closed(5000, '')],
    ['a close reason of 124 bytes', closed(1000, 'é'.repeat(62))],
    ['an unknown family', raw(2, 1, 3)],
  ] as const) {
    it(`refuses ${what}, now and later`, () => {
      const decoder = new LinkDecoder(VERSION, readRequesterMessage);
      decoder.push(bytes);
      assert.throws(() => decoder.next(), LinkError);
      decoder.push(bytesOf(ATTACH));
      assert.throws(() => decoder.next(), LinkError);
    });
  }

  it('refuses an unknown reason for a refusal', () => {
    const bytes = raw(34, 1, 5);
    assert.throws(() => decode([bytes], readOwnerMessage), LinkError);
  });

  it('takes the largest message that it may, and no larger one', () => {
    const frame = bytesOf({ type: 'frame', rid: 1, bytes: Buffer.alloc(100), isLast: false });
    const read = (maxBytes: number) => {
      const decoder = new LinkDecoder(VERSION, readOwnerMessage, maxBytes);
      decoder.push(frame);
      return decoder.next();
    };
    assert.equal(read(frame.length)?.type, 'frame');
    assert.throws(() => read(frame.length - 1), LinkError);
  });

  it('allocates for what has come, not for what is announced', () => {
    const decoder = new LinkDecoder(VERSION, readOwnerMessage);
    const before = process.memoryUsage().arrayBuffers;
    // 128 MiB but one byte, of which 40 come.
    decoder.push(Buffer.from('07fffffb', 'hex'));
    for (let i = 0; i < 40; i += 1) {
      decoder.push(Buffer.of(1));
      assert.equal(decoder.next(), undefined);
    }
    assert.equal(process.memoryUsage().arrayBuffers - before < 1_000_000, true);
  });

  property(
    'throws nothing but a LinkError for random bytes',
    1000,
    fc.tuple(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }), fc.nat(45)),
    ([chunks, code]) => {
      // Half of the cases begin like a message, so that they come to the fields.
      const [first = new Uint8Array()] = chunks;
      const begun = Buffer.concat([Buffer.of(0, 0, 0, first.length + 2, VERSION, code), first]);
      for (const bytes of [[begun], chunks.map((chunk) => Buffer.from(chunk))]) {
        assertOnlyLinkErrors(() => decode(bytes, readAny));
      }
    },
  );

  property(
    'throws nothing but a LinkError for a message with a changed byte',
    1000,
    fc.tuple(fc.oneof<fc.Arbitrary<LinkMessage>[]>(REQUESTER_MESSAGES, OWNER_MESSAGES), fc.nat(), fc.nat(255)),
    ([message, place, byte]) => {
      const bytes = bytesOf(message);
      bytes[place % bytes.length] = byte;
      assertOnlyLinkErrors(() => decode([bytes], readAny));
    },
  );

  property('takes as callbacks what requests may name, and nothing else', 500, CALLBACKS, (callback) => {
    const url = `/?c=${encodeURIComponent(callback)}`;
    const res = { writeHead() {}, end() {}, setHeader() {}, getHeaderNames: () => [] } as unknown as ServerResponse;
    let allowed = false;
    try {
      allowed = readCallback({ url, method: 'GET', headers: {} } as IncomingMessage, res) !== undefined;
    } catch {
      // The fake response is not complete. It is only used for a refusal.
    }
    const read = () => decode([attachWith({ callback })], readRequesterMessage);
    if (allowed) {
      assert.equal(read().length, 1);
    } else if (callback !== '') {
      assert.throws(read, LinkError);
    }
  });
});

describe('encode()', () => {
  it('throws a RangeError for a message that is too large, and leaves the others as they are', () => {
    const frame = (size: number): OwnerMessage => ({ type: 'frame', rid: 1, bytes: Buffer.alloc(size), isLast: false });
    const maxBytes = bytesOf(frame(100)).length;
    const writer = new FieldWriter(maxBytes);
    encode(writer, frame(100), VERSION);
    assert.throws(() => encode(writer, frame(101), VERSION), RangeError);
    assert.throws(() => encode(writer, { type: 'rooms', room: 'x'.repeat(100), count: 1 }, VERSION), RangeError);
    encode(writer, { type: 'ack', seq: 1 }, VERSION);
    assert.deepEqual(writer.take(), encoded([frame(100), { type: 'ack', seq: 1 }]));
    assert.equal(writer.length, 0);
  });

  property(
    'writes the same bytes after any other messages',
    200,
    fc.tuple(fc.array(OWNER_MESSAGES, { maxLength: 4 }), OWNER_MESSAGES),
    ([others, message]) => {
      const writer = new FieldWriter(10_000_000);
      for (const other of others) {
        encode(writer, other, VERSION);
      }
      writer.take();
      encode(writer, message, VERSION);
      assert.deepEqual(writer.take(), bytesOf(message));
    },
  );
});

function attachWith(fields: Partial<typeof ATTACH>): Buffer {
  return bytesOf({ ...ATTACH, ...fields } as RequesterMessage);
}

function closed(code: number, reason: string): Buffer {
  return bytesOf({ type: 'close', seq: 1, room: undefined, code, reason });
}

function assertOnlyLinkErrors(call: () => unknown): void {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof LinkError, String(error));
  }
}
