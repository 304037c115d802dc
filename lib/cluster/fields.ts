/** The fields of link messages as bytes: numbers and texts. */
import { isUtf8 } from 'node:buffer';

/** A peer has sent what no node sends. The link ends. */
export class LinkError extends Error {
  override readonly name = 'LinkError';
}

/** Bytes of the length prefix, which counts what follows it. */
export const PREFIX = 4;

/** Matches text that UTF-8 cannot hold: with the flag `u`, the halves of a pair do not count. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** What a decoder of UTF-8 puts in the place of bytes that are none. */
const REPLACEMENT = '\ufffd';

/** Bits of a number in each of its bytes, and the bytes of the largest. */
const BASE = 128;
const MAX_NUMBER_BYTES = 8;

/** Texts of up to so many characters, such as session ids, are written without the help of Node. */
const SHORT_TEXT = 32;

/** Bounds of the first buffer of a writer. */
const MIN_BUFFER = 512;
const MAX_EXPECTED = 1024 * 1024;

const EMPTY: Buffer = Buffer.alloc(0);

/** Writes messages, one behind the other: for each a length prefix, then its fields. */
export class FieldWriter {
  readonly #maxBytes: number;
  #bytes: Buffer = EMPTY;
  #length = 0;
  /** Where the present message begins. */
  #start = 0;
  /** Bytes of the next first buffer: as many as the last messages together had. */
  #expected = MIN_BUFFER;

  /** @param maxBytes bytes that a message may have, its length prefix included */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that were written and not taken. */
  get length(): number {
    return this.#length;
  }

  /** Begins a message. */
  begin(): void {
    this.#start = this.#length;
    this.#reserve(PREFIX);
    this.#length += PREFIX;
  }

  /** Ends a message. */
  end(): void {
    this.#bytes.writeUInt32BE(this.#length - this.#start - PREFIX, this.#start);
  }

  /** Returns the messages so far, and begins anew. A small part of a buffer is copied: it may wait for a slow peer. */
  take(): Buffer {
    const part = this.#bytes.subarray(0, this.#length);
    const bytes = 4 * part.length < this.#bytes.length ? Buffer.from(part) : part;
    this.#expected = Math.min(Math.max(this.#length, MIN_BUFFER), MAX_EXPECTED);
    this.#bytes = EMPTY;
    this.#length = 0;
    return bytes;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  flag(value: boolean): void {
    this.byte(value ? 1 : 0);
  }

  /** Writes an integer from 0 to 2^53 - 1: seven bits a byte, the lowest first. The high bit says that more follow. */
  integer(value: number): void {
    let rest = value;
    while (rest >= BASE) {
      this.byte((rest % BASE) + BASE);
      rest = Math.floor(rest / BASE);
    }
    this.byte(rest);
  }

  /** Writes text of any kind: as UTF-16 where it has lone surrogates, else as UTF-8. */
  text(value: string): void {
    if (this.#shortText(value)) {
      return;
    }
    const isUtf16 = LONE_SURROGATE.test(value);
    const size = isUtf16 ? value.length * 2 : Buffer.byteLength(value);
    this.integer(size * 2 + (isUtf16 ? 1 : 0));
    this.#reserve(size);
    this.#length += this.#bytes.write(value, this.#length, isUtf16 ? 'utf16le' : 'utf8');
  }

  optionalText(value: string | undefined): void {
    this.flag(value !== undefined);
    if (value !== undefined) {
      this.text(value);
    }
  }

  /** Writes bytes that end the message. */
  rest(bytes: Buffer): void {
    this.#reserve(bytes.length);
    bytes.copy(this.#bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Writes a text of some ASCII characters. The general way asks Node three times, which costs more than the loop. */
  #shortText(value: string): boolean {
    const { length } = value;
    if (length > SHORT_TEXT) {
      return false;
    }
    this.#reserve(1 + length);
    const start = this.#length + 1;
    for (let i = 0; i < length; i += 1) {
      const code = value.charCodeAt(i);
      if (code >= BASE) {
        return false;
      }
      this.#bytes[start + i] = code;
    }
    this.#bytes[start - 1] = length * 2;
    this.#length = start + length;
    return true;
  }

  /** Makes room. Takes the present message back where it becomes too large, and throws a `RangeError`. */
  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed - this.#start > this.#maxBytes) {
      this.#length = this.#start;
      throw new RangeError(`sockjs: a message for another node may have at most ${this.#maxBytes} bytes`);
    }
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length, this.#expected));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
  }
}

/** Reads the fields of one message. Every method throws a `LinkError` where the bytes do not hold such a field. */
export class FieldReader {
  #bytes: Buffer = EMPTY;
  #at = 0;
  #end = 0;

  /** Begins with other bytes: those of `bytes` from `start` to `end`. */
  reset(bytes: Buffer = EMPTY, start = 0, end = bytes.length): void {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** How many bytes have not been read. */
  get left(): number {
    return this.#end - this.#at;
  }

  byte(): number {
    const value = this.#at < this.#end ? this.#bytes[this.#at] : undefined;
    if (value === undefined) {
      throw new LinkError('a message is too short');
    }
    this.#at += 1;
    return value;
  }

  flag(): boolean {
    const value = this.byte();
    if (value > 1) {
      throw new LinkError(`${value} is no flag`);
    }
    return value === 1;
  }

  integer(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < MAX_NUMBER_BYTES; i += 1) {
      const byte = this.byte();
      if (byte < BASE) {
        value += byte * factor;
        if ((byte === 0 && i > 0) || !Number.isSafeInteger(value)) {
          break;
        }
        return value;
      }
      value += (byte - BASE) * factor;
      factor *= BASE;
    }
    throw new LinkError('a number is too large, or longer than it need be');
  }

  /** @param maxLength UTF-16 code units that the text may have */
  text(maxLength = Number.POSITIVE_INFINITY): string {
    const header = this.integer();
    if (header === 0) {
      return '';
    }
    const isUtf16 = header % 2 === 1;
    const size = Math.floor(header / 2);
    const start = this.#at;
    if (size > this.left || size > 3 * maxLength || (isUtf16 && size % 2 === 1)) {
      throw new LinkError(`a text cannot have ${size} bytes`);
    }
    this.#at += size;
    const text = this.#bytes.toString(isUtf16 ? 'utf16le' : 'utf8', start, this.#at);
    // Most texts have no replacement character, and need no second look.
    if (!isUtf16 && text.includes(REPLACEMENT) && !isUtf8(this.#bytes.subarray(start, this.#at))) {
      throw new LinkError('a text is no UTF-8');
    }
    if (text.length > maxLength) {
      throw new LinkError(`a text has ${text.length} characters`);
    }
    return text;
  }

  optionalText(maxLength?: number): string | undefined {
    return this.flag() ? this.text(maxLength) : undefined;
  }

  /**
   * Reads all that is left, without a copy where it is a quarter or more of the memory that it lies in. A small part of
   * a large chunk is copied: while it waits for a slow client, it would keep all of the chunk in memory.
   */
  rest(): Buffer {
    const bytes = this.#bytes.subarray(this.#at, this.#end);
    this.#at = this.#end;
    return 4 * bytes.length < bytes.buffer.byteLength ? Buffer.from(bytes) : bytes;
  }

  /** Throws unless everything was read. */
  assertEnd(): void {
    if (this.left > 0) {
      throw new LinkError(`a message is ${this.left} bytes too long`);
    }
  }
}
