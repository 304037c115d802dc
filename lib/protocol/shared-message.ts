/** A message for many sessions. It is quoted once, framed once, and encoded once for each transport. */

import { withHelp } from '../util/help.ts';
import { messagesFrame, quote } from './frame.ts';
import type { TransportName } from './transports.ts';

/** One message of a broadcast. Each form of it is made when the first receiver asks for it. */
export class SharedMessage {
  readonly text: string;
  /** Bytes of the text in UTF-8, without framing. */
  readonly bytes: number;
  /** The framed and wrapped bytes of this message alone, by transport. */
  readonly #encodings = new Map<TransportName, Buffer>();
  /** The same bytes in the chunked transfer coding. */
  readonly #chunks = new Map<TransportName, Buffer>();
  #quoted: string | undefined;
  #frame: string | undefined;

  constructor(text: string) {
    this.text = text;
    this.bytes = Buffer.byteLength(text);
  }

  /** The text as a JSON string, as frames with several messages hold it. */
  get quoted(): string {
    this.#quoted ??= quote(this.text);
    return this.#quoted;
  }

  /** The frame that holds this message alone. */
  get frame(): string {
    this.#frame ??= messagesFrame([this]);
    return this.#frame;
  }

  /** The bytes that a transport writes. `encode` makes them for its first receiver; the others get the same buffer. */
  encoded(name: TransportName, encode: () => Buffer): Buffer {
    return getOrCreate(this.#encodings, name, encode);
  }

  /** The same as `encoded`, as one chunk of the chunked transfer coding. */
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
 * Checks a message of the application, which JavaScript does not.
 *
 * @param call the method that the application has called, as the error names it
 * @throws TypeError for anything but a string
 */
export function assertText(call: string, message: unknown): asserts message is string {
  if (typeof message !== 'string') {
    throw withHelp(
      'a-session-takes-a-string',
      new TypeError(
        `sockjs: ${call}() takes a string, not ${message === null ? 'null' : typeof message}; ` +
          `for anything else use ${call}(JSON.stringify(value))`,
      ),
    );
  }
}
