/** One conversation of the RFC 6455 spec as data, and the functions that build its tables. */

import { type FrameShape, frame } from '../frame-peer.ts';
import { closePayload } from '../upgrade-client.ts';
import type { Difference } from './differences.ts';

/**
 * How a conversation ends at the ws server:
 *
 * - `open`: the server takes all of it, and answers one more message behind it
 * - a number: the code of the server's close frame; 1005 where that frame is empty
 * - `cut`: the server closes the connection without a close frame
 * - `refused`: the server does not upgrade
 */
export type Outcome = 'open' | 'cut' | 'refused' | number;

export interface FrameCase {
  readonly name: string;
  /** What the client sends after its handshake. The server reads each of them as a chunk of its own. */
  readonly segments: readonly Buffer[];
  /** `any` where the outcome at ws is the only measure. @default 'open' */
  readonly outcome?: Outcome | 'any';
  /**
   * The client ends its side of the connection instead of sending one more message: once the server has read the last
   * segment, or at once, so that the server finds both together.
   */
  readonly halfCloses?: 'read' | 'at once';
  /** Intended differences of the package. In all else it must do as ws does. */
  readonly differs?: readonly Difference[];
  /**
   * Whether pongs and answers are compared separately, for pings in the segment of messages. RFC 6455 leaves the order
   * between the two kinds open. A close must stay behind both.
   */
  readonly anyControlOrder?: boolean;
  /** Further header lines of the handshake. */
  readonly headers?: readonly string[];
  /** Whether the first segment travels with the handshake. */
  readonly withHandshake?: boolean;
}

/** Cases whose title says what comes of them. */
export interface CaseGroup {
  readonly title: string;
  readonly cases: readonly FrameCase[];
}

/** First bytes of frames (section 5.2). */
export const TEXT = 0x81;
export const BINARY = 0x82;
export const CLOSE = 0x88;
export const PING = 0x89;
export const PONG = 0x8a;
/** The first fragment of a text and of a binary message, one between, and the last. */
export const FIRST = 0x01;
export const FIRST_BINARY = 0x02;
export const NEXT = 0x00;
export const LAST = 0x80;

/** A whole text message in one frame. */
export function text(payload: string | Buffer, shape: FrameShape = {}): Buffer {
  return frame(TEXT, payload, shape);
}

/** A close frame; empty where no code is given. */
export function close(code?: number, reason: string | Buffer = ''): Buffer {
  const body = code === undefined ? [] : [Buffer.from(closePayload(code), 'latin1'), Buffer.from(reason)];
  return frame(CLOSE, Buffer.concat(body));
}

/** A text of that many bytes, all of them ASCII, no two neighbours alike. */
export function ascii(length: number): string {
  return ALPHABET.repeat(Math.ceil(length / ALPHABET.length)).slice(0, length);
}

/** That many bytes, which are not UTF-8 where there are more than one. */
export function nonUtf8(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 151) & 0xff));
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789-';

/** One segment of all these frames. */
export function together(...frames: readonly Buffer[]): Buffer[] {
  return [Buffer.concat(frames)];
}

/** One segment for each byte. */
export function eachByte(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.from([byte]));
}

/** Segments that begin at these offsets, and at 0. */
export function cut(bytes: Buffer, ...offsets: readonly number[]): Buffer[] {
  return [0, ...offsets].map((from, i) => bytes.subarray(from, offsets[i] ?? bytes.length));
}

/** The same bytes in two segments, once for each place to cut them. */
export function cutAtEachByte({ name, segments, ...rest }: FrameCase, to = Number.POSITIVE_INFINITY): FrameCase[] {
  const bytes = Buffer.concat(segments);
  const cases: FrameCase[] = [];
  for (let at = 1; at < Math.min(bytes.length, to); at += 1) {
    cases.push({ name: `${name}, cut at ${at}`, segments: cut(bytes, at), ...rest });
  }
  return cases;
}

/** The same bytes in one segment, and in one for each byte. */
export function wholeAndBytewise({ name, segments, ...rest }: FrameCase): FrameCase[] {
  const bytes = Buffer.concat(segments);
  return [
    { name: `${name}, whole`, segments: [bytes], ...rest },
    { name: `${name}, byte by byte`, segments: eachByte(bytes), ...rest },
  ];
}

/** A frame alone, in a segment of its own behind a message, and in the same segment. */
export function aloneAndBehind(name: string, bytes: Buffer, outcome: Outcome): FrameCase[] {
  return [
    { name, segments: [bytes], outcome },
    { name: `${name}, behind a message`, segments: [text('good'), bytes], outcome },
    { name: `${name}, in the segment of a message`, segments: [Buffer.concat([text('good'), bytes])], outcome },
  ];
}
