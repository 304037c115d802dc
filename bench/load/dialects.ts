/** The WebSocket protocols of the compared servers: their paths and their framing of messages. */
import { show } from './load.ts';
import type { DialectName } from './protocol.ts';

export interface Dialect {
  path(session: string): string;
  /** What the client answers to the first text of the server, before its session opens. Undefined where it says nothing. */
  readonly greeting?: string;
  /** Whether this is the first text of a new session. */
  isOpen(text: string): boolean;
  toServer(message: string): string;
  /**
   * What surrounds the messages in a frame of the server, and what separates them. `separator` is undefined where a
   * frame holds one message.
   */
  readonly prefix: string;
  readonly suffix: string;
  readonly separator: string | undefined;
  /** One message as it stands within a frame. */
  item(message: string): string;
}

export const DIALECTS: Readonly<Record<DialectName, Dialect>> = {
  sockjs: {
    path: (session) => `/echo/000/${session}/websocket`,
    isOpen: (text) => text === 'o',
    toServer: (message) => JSON.stringify([message]),
    prefix: 'a[',
    suffix: ']',
    separator: ',',
    item: (message) => JSON.stringify(message),
  },
  engine: {
    path: () => '/engine.io/?EIO=4&transport=websocket',
    isOpen: (text) => text.startsWith('0{'),
    toServer: (message) => `4${message}`,
    prefix: '4',
    suffix: '',
    separator: undefined,
    item: (message) => message,
  },
  socketio: {
    path: () => '/socket.io/?EIO=4&transport=websocket',
    greeting: '40',
    isOpen: (text) => text.startsWith('40{'),
    toServer: (message) => `42${JSON.stringify(['message', message])}`,
    prefix: '42["message",',
    suffix: ']',
    separator: undefined,
    item: (message) => JSON.stringify(message),
  },
  plain: {
    path: (session) => `/${session}`,
    isOpen: (text) => text === 'o',
    toServer: (message) => message,
    prefix: '',
    suffix: '',
    separator: undefined,
    item: (message) => message,
  },
};

/** Whether a frame of the server holds this message alone, with more escapes than JSON needs. */
export function isSameMessage({ prefix, suffix, item }: Dialect, payload: Buffer, message: string): boolean {
  const text = payload.toString();
  // Where a message stands as it is, there are no escapes.
  if (item(message) === message || !text.startsWith(prefix) || !text.endsWith(suffix)) {
    return false;
  }
  try {
    return JSON.parse(text.slice(prefix.length, text.length - suffix.length)) === message;
  } catch {
    return false;
  }
}

/** Returns a frame of one message as the server sends it. */
export function fromServer(dialect: Dialect, message: string): Buffer {
  return Buffer.from(dialect.prefix + dialect.item(message) + dialect.suffix);
}

export function startsWith(bytes: Buffer, start: Buffer): boolean {
  return bytes.subarray(0, start.length).equals(start);
}

/**
 * Checks a frame of messages, which the server may have joined as it likes.
 *
 * @param next returns the message that is due next, as it stands within a frame; undefined where none is due. It gets what
 *   the frame has from there on
 * @throws Error where the frame is another
 */
export function checkFrame(dialect: Dialect, payload: Buffer, next: (rest: Buffer) => Buffer | undefined): void {
  const { prefix, suffix, separator } = dialect;
  let offset = prefix.length;
  for (;;) {
    const rest = payload.subarray(offset);
    const due = next(rest);
    if (due === undefined || !startsWith(rest, due)) {
      const expected = due === undefined ? 'nothing more' : show(due);
      throw new Error(`in a frame: got ${show(rest)}, not ${expected}`);
    }
    offset += due.length;
    if (offset === payload.length - suffix.length) {
      break;
    }
    if (payload[offset] !== separator?.charCodeAt(0)) {
      throw new Error(`behind a message of a frame: got ${show(payload.subarray(offset))}`);
    }
    offset += 1;
  }
  if (payload.toString('latin1', 0, prefix.length) !== prefix || payload.toString('latin1', offset) !== suffix) {
    throw new Error(`a frame of messages: got ${show(payload)}`);
  }
}
