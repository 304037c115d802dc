/**
 * The messages of a link as bytes. Each has a length prefix of four bytes, which counts what follows: the version of the
 * link protocol, the code of the message, its fields. What comes from a peer is checked field by field.
 */
import {
  DOTTED_NAMES,
  MAX_CALLBACK_LENGTH,
  MAX_ID_LENGTH,
  MAX_REASON_BYTES,
  MAX_ROOM_LENGTH,
} from '../protocol/limits.ts';
import type { HttpFamily, HttpTransportRow } from '../protocol/transports.ts';
import { type FieldReader, type FieldWriter, LinkError } from './fields.ts';
import type { LinkMessage, OwnerMessage, Refusal, RequesterMessage } from './messages.ts';

export { LinkError } from './fields.ts';

/** The largest message in bytes, its length prefix included. A peer that announces a larger one is malformed. */
export const MAX_MESSAGE_BYTES = 128 * 1024 * 1024;

const MIN_CLOSE_CODE = 1000;
const MAX_CLOSE_CODE = 4999;

/** On the wire for good: a later release may add codes, and must not use one for something else. */
const CODES = {
  attach: 1,
  send: 2,
  written: 3,
  left: 4,
  lost: 5,
  got: 6,
  yield: 7,
  message: 8,
  close: 9,
  gap: 10,
  sync: 11,
  attached: 33,
  refused: 34,
  taken: 35,
  done: 36,
  frame: 37,
  cut: 38,
  yielded: 39,
  rooms: 40,
  ack: 41,
} as const satisfies Record<LinkMessage['type'], number>;

const TRANSPORT_CODES: Record<HttpTransportRow['name'], number> = {
  'xhr-polling': 1,
  'xhr-streaming': 2,
  eventsource: 3,
  htmlfile: 4,
  'jsonp-polling': 5,
};

const FAMILY_CODES: Record<HttpFamily, number> = { xhr: 1, jsonp: 2 };

const REFUSAL_CODES: Record<Refusal['kind'], number> = { busy: 1, foreign: 2, ended: 3, 'not-mine': 4 };

const TYPES = inverse<LinkMessage['type']>(CODES);
const TRANSPORTS = inverse(TRANSPORT_CODES);
const FAMILIES = inverse(FAMILY_CODES);
const REFUSALS = inverse(REFUSAL_CODES);

function inverse<Name extends string>(codes: Record<Name, number>): ReadonlyMap<number, Name> {
  return new Map((Object.keys(codes) as Name[]).map((name) => [codes[name], name]));
}

/**
 * Writes a message for a link of the given version.
 *
 * @throws RangeError where the message is larger than the writer allows, and leaves the writer as it was
 */
export function encode(writer: FieldWriter, message: LinkMessage, version: number): void {
  writer.begin();
  writer.byte(version);
  writer.byte(CODES[message.type]);
  writeFields(writer, message);
  writer.end();
}

function writeFields(writer: FieldWriter, message: LinkMessage): void {
  switch (message.type) {
    case 'attach':
      writer.integer(message.rid);
      writer.byte(TRANSPORT_CODES[message.transport]);
      writer.text(message.sessionId);
      writer.text(message.client);
      writer.text(message.callback);
      break;
    case 'send':
      writer.integer(message.rid);
      writer.byte(FAMILY_CODES[message.family]);
      writer.integer(message.bytes);
      writer.text(message.sessionId);
      writer.text(message.client);
      for (const text of message.messages) {
        writer.text(text);
      }
      break;
    case 'frame':
      writer.integer(message.rid);
      writer.flag(message.isLast);
      writer.rest(message.bytes);
      break;
    case 'refused':
      writer.integer(message.rid);
      writeRefusal(writer, message.refusal);
      break;
    case 'written':
      writer.integer(message.rid);
      writer.integer(message.bytes);
      break;
    case 'done':
      writer.integer(message.rid);
      writer.flag(message.accepted);
      break;
    case 'message':
    case 'close':
    case 'sync':
    case 'gap':
    case 'ack':
      writer.integer(message.seq);
      writeNumbered(writer, message);
      break;
    case 'rooms':
      writer.integer(message.count);
      writer.optionalText(message.room);
      break;
    default:
      writer.integer(message.rid);
  }
}

type NumberedMessage = Extract<LinkMessage, { readonly seq: number }>;

/** What follows the number of a message that belongs to no request. */
function writeNumbered(writer: FieldWriter, message: NumberedMessage): void {
  switch (message.type) {
    case 'message':
      writer.optionalText(message.room);
      writer.text(message.text);
      break;
    case 'close':
      writer.optionalText(message.room);
      writer.integer(message.code);
      writer.text(message.reason);
      break;
    case 'gap':
      writer.flag(message.isForAll);
      writer.flag(message.hasClose);
      break;
    case 'sync':
    case 'ack':
      break;
  }
}

function writeRefusal(writer: FieldWriter, refusal: Refusal): void {
  writer.byte(REFUSAL_CODES[refusal.kind]);
  if (refusal.kind === 'ended') {
    writer.integer(refusal.code);
    writer.text(refusal.reason);
  }
}

/** Reads a message of a requester, from its code on. Throws a `LinkError` for anything else. */
export function readRequesterMessage(reader: FieldReader): RequesterMessage {
  const type = TYPES.get(reader.byte());
  switch (type) {
    case 'attach':
      return readAttach(reader);
    case 'send':
      return readSend(reader);
    case 'written':
      return { type, rid: readRid(reader), bytes: reader.integer() };
    case 'left':
    case 'lost':
    case 'got':
    case 'yield':
      return { type, rid: readRid(reader) };
    case 'message':
      return { type, seq: reader.integer(), room: readRoom(reader), text: reader.text() };
    case 'close':
      return { type, seq: reader.integer(), room: readRoom(reader), ...readClose(reader) };
    case 'sync':
      return { type, seq: reader.integer() };
    case 'gap':
      return { type, seq: reader.integer(), isForAll: reader.flag(), hasClose: reader.flag() };
    default:
      throw new LinkError('this is no message of a requester');
  }
}

/** Reads a message of an owner, from its code on. Throws a `LinkError` for anything else. */
export function readOwnerMessage(reader: FieldReader): OwnerMessage {
  const type = TYPES.get(reader.byte());
  switch (type) {
    case 'attached':
    case 'taken':
    case 'cut':
    case 'yielded':
      return { type, rid: readRid(reader) };
    case 'refused':
      return { type, rid: readRid(reader), refusal: readRefusal(reader) };
    case 'done':
      return { type, rid: readRid(reader), accepted: reader.flag() };
    case 'frame': {
      const rid = readRid(reader);
      const isLast = reader.flag();
      return { type, rid, bytes: reader.rest(), isLast };
    }
    case 'rooms': {
      const count = reader.integer();
      return { type, room: readRoom(reader), count };
    }
    case 'ack':
      return { type, seq: reader.integer() };
    default:
      throw new LinkError('this is no message of an owner');
  }
}

function readAttach(reader: FieldReader): RequesterMessage {
  const rid = readRid(reader);
  const transport = readName(reader, TRANSPORTS);
  const sessionId = reader.text(MAX_ID_LENGTH);
  const client = reader.text();
  const callback = reader.text(MAX_CALLBACK_LENGTH);
  if (callback !== '' && !DOTTED_NAMES.test(callback)) {
    throw new LinkError('a callback is no name');
  }
  return { type: 'attach', rid, sessionId, client, transport, callback };
}

function readSend(reader: FieldReader): RequesterMessage {
  const rid = readRid(reader);
  const family = readName(reader, FAMILIES);
  const bytes = reader.integer();
  const sessionId = reader.text(MAX_ID_LENGTH);
  const client = reader.text();
  const messages: string[] = [];
  while (reader.left > 0) {
    messages.push(reader.text());
  }
  return { type: 'send', rid, sessionId, client, family, messages, bytes };
}

function readRefusal(reader: FieldReader): Refusal {
  const kind = readName(reader, REFUSALS);
  return kind === 'ended' ? { kind, ...readClose(reader) } : { kind };
}

/** The name of a room; undefined for all sessions. */
function readRoom(reader: FieldReader): string | undefined {
  return reader.optionalText(MAX_ROOM_LENGTH);
}

function readClose(reader: FieldReader): { code: number; reason: string } {
  const code = reader.integer();
  const reason = reader.text(MAX_REASON_BYTES);
  if (code < MIN_CLOSE_CODE || code > MAX_CLOSE_CODE || Buffer.byteLength(reason) > MAX_REASON_BYTES) {
    throw new LinkError('no session closes like this');
  }
  return { code, reason };
}

function readRid(reader: FieldReader): number {
  const rid = reader.integer();
  if (rid === 0) {
    throw new LinkError('0 is no request id');
  }
  return rid;
}

function readName<Name>(reader: FieldReader, names: ReadonlyMap<number, Name>): Name {
  const name = names.get(reader.byte());
  if (name === undefined) {
    throw new LinkError('a code is unknown');
  }
  return name;
}
