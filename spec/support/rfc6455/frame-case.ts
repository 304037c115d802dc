/** A conversation of the RFC 6455 specs as data, and functions that build such data. */

import { type FrameShape, frame } from '../frame-peer.ts';
import { closePayload } from '../upgrade-client.ts';
import type { Difference } from './differences.ts';

/**
 * How a conversation ends at the ws server:
 *
 * - `open`: the server accepts all segments, and answers one more message
 * - a number: the code of the server's close frame; 1005 where that frame is empty
 * - `cut`: the server closes the connection without a close frame
 * - `refused`: the server does not upgrade
 */
export type Outcome = 'open' | 'cut' | 'refused' | number;

export interface FrameCase {
  readonly name: string;
  /** What the client sends after its handshake. The server reads each segment as a separate chunk. */
  readonly segments: readonly Buffer[];
  /**
   * `any` to compare the package with ws only.
   * @default 'open'
   */
  readonly outcome?: Outcome | 'any';
  /**
   * The client ends its side of the connection instead of sending one more message.
   *
   * - `read`: once the server has read the last segment
   * - `at once`: with the last segment, so that the server finds both together
   */
  readonly halfCloses?: 'read' | 'at once';
  /** Intended differences of the package. Everything else must be as in ws. */
  readonly differs?: readonly Difference[];
  /**
   * Whether control frames and answers are compared separately, for pings in the same segment as messages. RFC 6455
   * leaves the order between the two kinds open. A close must stay behind both.
   */
  readonly anyControlOrder?: boolean;
  /** Further header lines of the handshake. */
  readonly headers?: readonly string[];
  /** Whether the client sends the first segment together with the handshake. */
  readonly withHandshake?: boolean;
}

/** Cases with the same result, which the title states. */
export interface CaseGroup {
  readonly title: string;
  readonly cases: readonly FrameCase[];
}

/** First bytes of frames (RFC 6455, section 5.2). */
export const TEXT = 0x81;
export const BINARY = 0x82;
export const CLOSE = 0x88;
export const PING = 0x89;
export const PONG = 0x8a;
/** First bytes of fragments: the first of a text, the first of a binary message, one in between, and the last. */
export const FIRST = 0x01;
export const FIRST_BINARY = 0x02;
export const NEXT = 0x00;
export const LAST = 0x80;

/** Returns a text message in one frame. */
export function text(payload: string | Buffer, shape: FrameShape = {}): Buffer {
  return frame(TEXT, payload, shape);
}

/** Returns a close frame. It is empty if there is no code. */
export function close(code?: number, reason: string | Buffer = ''): Buffer {
  const body = code === undefined ? [] : [Buffer.from(closePayload(code), 'latin1'), Buffer.from(reason)];
  return frame(CLOSE, Buffer.concat(body));
}

/** Returns ASCII text of that length, in which adjacent characters differ. */
export function ascii(length: number): string {
  return ALPHABET.repeat(Math.ceil(length / ALPHABET.length)).slice(0, length);
}

/** Returns that many bytes. Two or more of them are no UTF-8. */
export function nonUtf8(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 151) & 0xff));
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789-';

/** Returns one segment of all frames. */
export function together(...frames: readonly Buffer[]): Buffer[] {
  return [Buffer.concat(frames)];
}

/** Returns one segment for each byte. */
export function eachByte(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.from([byte]));
}

/** Returns segments that begin at 0 and at these offsets. */
export function cut(bytes: Buffer, ...offsets: readonly number[]): Buffer[] {
  return [0, ...offsets].map((from, i) => bytes.subarray(from, offsets[i] ?? bytes.length));
}

/** Returns one case for each place to cut the bytes in two segments. */
export function cutAtEachByte({ name, segments, ...rest }: FrameCase, to = Number.POSITIVE_INFINITY): FrameCase[] {
  const bytes = Buffer.concat(segments);
  const cases: FrameCase[] = [];
  for (let at = 1; at < Math.min(bytes.length, to); at += 1) {
    cases.push({ name: `${name}, cut at ${at}`, segments: cut(bytes, at), ...rest });
  }
  return cases;
}

/** Returns a case with all bytes in one segment, and a case with one segment for each byte. */
export function wholeAndBytewise({ name, segments, ...rest }: FrameCase): FrameCase[] {
  const bytes = Buffer.concat(segments);
  return [
    { name: `${name}, whole`, segments: [bytes], ...rest },
    { name: `${name}, byte by byte`, segments: eachByte(bytes), ...rest },
  ];
}

/** Returns cases with a frame alone, in a segment after a message, and in the segment of a message. */
export function aloneAndBehind(name: string, bytes: Buffer, outcome: Outcome): FrameCase[] {
  return [
    { name, segments: [bytes], outcome },
    { name: `${name}, behind a message`, segments: [text('good'), bytes], outcome },
    { name: `${name}, in the segment of a message`, segments: [Buffer.concat([text('good'), bytes])], outcome },
  ];
}
