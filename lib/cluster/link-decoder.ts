/** Reads the messages of a link from chunks that may be cut anywhere. */
import { FieldReader, LinkError, PREFIX } from './fields.ts';
import { MAX_MESSAGE_BYTES } from './link-codec.ts';

/** Version and code: the shortest message has both. */
const MIN_SIZE = 2;

const EMPTY: Buffer = Buffer.alloc(0);

/**
 * Takes chunks, and returns the messages in them one by one. A message within one chunk is not copied. Of one that is
 * spread over chunks, no more is allocated than has come, twice, and no more than its length prefix announces.
 */
export class LinkDecoder<Received> {
  readonly #version: number;
  readonly #readMessage: (reader: FieldReader) => Received;
  readonly #maxBytes: number;
  readonly #reader = new FieldReader();
  /** Not decoded yet: from `#at` to `#end`. Only a buffer of our own has room behind `#end`. */
  #bytes: Buffer = EMPTY;
  #at = 0;
  #end = 0;
  #failure: unknown;

  /**
   * @param version the version of the link protocol, which every message must have
   * @param readMessage reads a message from its code on; throws a `LinkError` for any that may not come
   * @param maxBytes bytes that a message may have, its length prefix included
   */
  constructor(version: number, readMessage: (reader: FieldReader) => Received, maxBytes = MAX_MESSAGE_BYTES) {
    this.#version = version;
    this.#readMessage = readMessage;
    this.#maxBytes = maxBytes;
  }

  /** Takes the next chunk. It must not be changed from now on: frames may be parts of it. */
  push(chunk: Buffer): void {
    if (this.#at === this.#end) {
      this.#bytes = chunk;
      this.#at = 0;
      this.#end = chunk.length;
    } else {
      this.#append(chunk);
    }
  }

  /**
   * The next message, or undefined until more chunks have come.
   *
   * @throws LinkError for anything that is no message of the peer; after that, for each call
   */
  next(): Received | undefined {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    try {
      return this.#next();
    } catch (error) {
      this.#failure = error;
      this.#forget();
      throw error;
    }
  }

  #next(): Received | undefined {
    const size = this.#announced;
    if (size === undefined || this.#end - this.#at < PREFIX + size) {
      if (this.#at === this.#end) {
        this.#forget();
      }
      return undefined;
    }
    const start = this.#at + PREFIX;
    this.#at = start + size;
    this.#reader.reset(this.#bytes, start, this.#at);
    const version = this.#reader.byte();
    if (version !== this.#version) {
      throw new LinkError(`a message has version ${version}, not ${this.#version}`);
    }
    const message = this.#readMessage(this.#reader);
    this.#reader.assertEnd();
    return message;
  }

  /** What the length prefix of the next message says; undefined where it has not come. */
  get #announced(): number | undefined {
    if (this.#end - this.#at < PREFIX) {
      return undefined;
    }
    const size = this.#bytes.readUInt32BE(this.#at);
    if (size < MIN_SIZE || PREFIX + size > this.#maxBytes) {
      throw new LinkError(`a message cannot have ${size} bytes`);
    }
    return size;
  }

  /** Puts a chunk behind the beginning of a message. */
  #append(chunk: Buffer): void {
    const waiting = this.#end - this.#at;
    const needed = waiting + chunk.length;
    if (this.#bytes.length - this.#end < chunk.length) {
      const announced = PREFIX + (waiting < PREFIX ? 0 : this.#bytes.readUInt32BE(this.#at));
      const larger = Buffer.allocUnsafe(Math.max(needed, Math.min(announced, 2 * needed)));
      this.#bytes.copy(larger, 0, this.#at, this.#end);
      this.#bytes = larger;
      this.#at = 0;
      this.#end = waiting;
    }
    chunk.copy(this.#bytes, this.#end);
    this.#end += chunk.length;
  }

  /** An idle link keeps no chunk in memory. */
  #forget(): void {
    this.#bytes = EMPTY;
    this.#at = 0;
    this.#end = 0;
    this.#reader.reset();
  }
}
