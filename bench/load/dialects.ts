/** How the WebSockets of the servers are addressed, and how messages look on them. */
import type { DialectName } from './protocol.ts';

export interface Dialect {
  path(session: string): string;
  /** Whether this is what a new session says first. */
  isOpen(text: string): boolean;
  toServer(message: string): string;
  /** What surrounds messages from the server, and what separates them where one frame may hold many. */
  readonly prefix: string;
  readonly suffix: string;
  readonly separator: string | undefined;
  /** One message within. */
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

/** A frame of one message, as it comes from the server. */
export function fromServer(dialect: Dialect, message: string): Buffer {
  return Buffer.from(dialect.prefix + dialect.item(message) + dialect.suffix);
}
