/** A message for many sessions: quoted once, framed once, and encoded once for each transport. */
import { messagesFrame, quote } from './frame.ts';
import type { TransportName } from './transports.ts';

/** One message of a broadcast. Everything is made when the first receiver asks for it. */
export class SharedMessage {
  readonly text: string;
  /** Its size in UTF-8, without framing. */
  readonly bytes: number;
  /** What each transport writes for this message alone. */
  readonly #encodings = new Map<TransportName, Buffer>();
  readonly #chunks = new Map<TransportName, Buffer>();
  #quoted: string | undefined;
  #frame: string | undefined;

  constructor(text: string) {
    this.text = text;
    this.bytes = Buffer.byteLength(text);
  }

  /** As it stands in a frame, among others. */
  get quoted(): string {
    this.#quoted ??= quote(this.text);
    return this.#quoted;
  }

  /** The frame that holds this message alone. */
  get frame(): string {
    this.#frame ??= messagesFrame([this]);
    return this.#frame;
  }

  /** What a transport writes: made by `encode` for the first of its kind, and kept for the others. */
  encoded(name: TransportName, encode: () => Buffer): Buffer {
    return getOrCreate(this.#encodings, name, encode);
  }

  /** The same as a chunk of the chunked transfer coding, with what that puts around it. */
  chunkCoded(name: TransportName, encode: () => Buffer): Buffer {
    return getOrCreate(this.#chunks, name, encode);
  }
}

function getOrCreate<K, V>(kept: Map<K, V>, key: K, make: () => V): V {
  const before = kept.get(key);
  if (before !== undefined) {
    return before;
  }
  const made = make();
  kept.set(key, made);
  return made;
}

/**
 * What JavaScript callers may get wrong.
 *
 * @throws TypeError for anything but a string
 */
export function assertText(call: string, message: unknown): asserts message is string {
  if (typeof message !== 'string') {
    throw new TypeError(
      `sockjs: ${call}() takes a string, not ${message === null ? 'null' : typeof message}; ` +
        `for anything else use ${call}(JSON.stringify(value))`,
    );
  }
}
