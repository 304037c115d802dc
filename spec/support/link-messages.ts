/** Arbitrary messages of links, for property tests. */
import fc from 'fast-check';
import { FieldWriter } from '../../lib/cluster/fields.ts';
import { encode, MAX_MESSAGE_BYTES } from '../../lib/cluster/link-codec.ts';
import type { LinkMessage, OwnerMessage, Refusal, RequesterMessage } from '../../lib/cluster/messages.ts';
import { EDGE_CASE_TEXTS } from './edge-case-texts.ts';

/** Messages as the bytes that travel. */
export function encoded(messages: readonly LinkMessage[], version = 1): Buffer {
  const writer = new FieldWriter(MAX_MESSAGE_BYTES);
  for (const message of messages) {
    encode(writer, message, version);
  }
  return writer.take();
}

/** Texts with lone surrogates, too. */
export const ANY_TEXT: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...EDGE_CASE_TEXTS),
  fc.string({ unit: 'binary' }),
  fc.array(fc.nat(0xffff), { maxLength: 6 }).map((units) => String.fromCharCode(...units)),
  fc.nat(3000).map((length) => 'é'.repeat(length)),
);

const ID = ANY_TEXT.map((text) => text.slice(0, 256));
const RID = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
const NUMBER = fc.oneof(fc.nat(300), fc.maxSafeNat());
const ROOM = fc.option(
  ANY_TEXT.map((text) => text.slice(0, 1024)),
  { nil: undefined },
);
const CODE = fc.integer({ min: 1000, max: 4999 });
const REASON = ANY_TEXT.map((text) => text.slice(0, 41));
const CALLBACK = fc.constantFrom('', 'cb', '_jp.a1', 'x'.repeat(128));
const TRANSPORT = fc.constantFrom(
  ...(['xhr-polling', 'xhr-streaming', 'eventsource', 'htmlfile', 'jsonp-polling'] as const),
);

/** Objects with the prototype that decoded ones have. */
function record<T extends object>(fields: { [Name in keyof T]: fc.Arbitrary<T[Name]> }): fc.Arbitrary<T> {
  return fc.record<T>(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

/** All that a requester may send. */
export const REQUESTER_MESSAGES: fc.Arbitrary<RequesterMessage> = fc.oneof(
  record({
    type: fc.constant('attach' as const),
    rid: RID,
    sessionId: ID,
    client: ANY_TEXT,
    transport: TRANSPORT,
    callback: CALLBACK,
  }),
  record({
    type: fc.constant('send' as const),
    rid: RID,
    sessionId: ID,
    client: ANY_TEXT,
    family: fc.constantFrom('xhr' as const, 'jsonp' as const),
    messages: fc.array(ANY_TEXT, { maxLength: 5 }),
    bytes: NUMBER,
  }),
  record({ type: fc.constant('written' as const), rid: RID, bytes: NUMBER }),
  record({ type: fc.constantFrom('left' as const, 'lost' as const, 'got' as const, 'yield' as const), rid: RID }),
  record({ type: fc.constant('message' as const), seq: NUMBER, room: ROOM, text: ANY_TEXT }),
  record({ type: fc.constant('close' as const), seq: NUMBER, room: ROOM, code: CODE, reason: REASON }),
  record({ type: fc.constant('sync' as const), seq: NUMBER }),
  record({ type: fc.constant('gap' as const), seq: NUMBER, isForAll: fc.boolean(), hasClose: fc.boolean() }),
);

const REFUSAL: fc.Arbitrary<Refusal> = fc.oneof(
  record({ kind: fc.constantFrom('busy' as const, 'foreign' as const, 'not-mine' as const) }),
  record({ kind: fc.constant('ended' as const), code: CODE, reason: REASON }),
);

/** All that an owner may send. */
export const OWNER_MESSAGES: fc.Arbitrary<OwnerMessage> = fc.oneof(
  record({
    type: fc.constantFrom('attached' as const, 'taken' as const, 'cut' as const, 'yielded' as const),
    rid: RID,
  }),
  record({ type: fc.constant('refused' as const), rid: RID, refusal: REFUSAL }),
  record({ type: fc.constant('done' as const), rid: RID, accepted: fc.boolean() }),
  record({
    type: fc.constant('frame' as const),
    rid: RID,
    bytes: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    isLast: fc.boolean(),
  }),
  record({ type: fc.constant('rooms' as const), room: ROOM, count: NUMBER }),
  record({ type: fc.constant('ack' as const), seq: NUMBER }),
);
