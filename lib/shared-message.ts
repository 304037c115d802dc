/** A message for many sessions: quoted once, framed once, and encoded once for each transport. */
import { messagesFrame, quote } from './frame.ts';

/** One message of a broadcast. Everything is made when the first receiver asks for it. */
export class SharedMessage {
  readonly text: string;
  /** Its size in UTF-8, without framing. */
  readonly bytes: number;
  /** What each transport writes for this message alone, by the name of the transport. */
  readonly #encodings = new Map<string, Buffer>();
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

  /** What `encode` makes of it, which is kept under that name. */
  encoded(name: string, encode: (message: SharedMessage) => Buffer): Buffer {
    let bytes = this.#encodings.get(name);
    if (bytes === undefined) {
      bytes = encode(this);
      this.#encodings.set(name, bytes);
    }
    return bytes;
  }
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
