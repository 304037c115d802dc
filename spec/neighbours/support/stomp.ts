/** A small STOMP 1.2 broker on SockJS sessions: destinations in memory, receipts, heart-beats, errors. */
import type { Session } from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';

interface Frame {
  readonly command: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

const ESCAPES = new Map([
  ['\\r', '\r'],
  ['\\n', '\n'],
  ['\\c', ':'],
  ['\\\\', '\\'],
]);

function unescapeHeader(text: string): string {
  return text.replace(/\\[rnc\\]/g, (escaped) => ESCAPES.get(escaped) ?? escaped);
}

function escapeHeader(text: string): string {
  return text.replace(/[\r\n:\\]/g, (char) => [...ESCAPES].find(([, plain]) => plain === char)?.[0] ?? char);
}

function encode(command: string, headers: Readonly<Record<string, string>> = {}, body = ''): string {
  // CONNECTED is not escaped, for clients of older versions, and needs no escapes here.
  const lines = Object.entries(headers).map(([name, value]) => `${escapeHeader(name)}:${escapeHeader(value)}`);
  return `${[command, ...lines, `content-length:${Buffer.byteLength(body)}`, ''].join('\n')}\n${body}\0`;
}

/** Parses frames. A message may hold a part of a frame, or several. */
class Parser {
  #bytes = Buffer.alloc(0);

  /** Yields the frames that this text completes, and null for each heart-beat. */
  *read(text: string): Generator<Frame | null> {
    this.#bytes = Buffer.concat([this.#bytes, Buffer.from(text)]);
    for (;;) {
      if (this.#bytes[0] === 0x0a) {
        this.#bytes = this.#bytes.subarray(1);
        yield null;
        continue;
      }
      const head = this.#bytes.indexOf('\n\n');
      if (head === -1) {
        return;
      }
      const [command = '', ...lines] = this.#bytes.subarray(0, head).toString().split('\n');
      const headers = new Map<string, string>();
      for (const line of lines) {
        const colon = line.indexOf(':');
        headers.set(unescapeHeader(line.slice(0, colon)), unescapeHeader(line.slice(colon + 1)));
      }
      const length = headers.get('content-length');
      const start = head + 2;
      const end = length === undefined ? this.#bytes.indexOf(0, start) : start + Number(length);
      if (end === -1 || end >= this.#bytes.length) {
        return;
      }
      const body = this.#bytes.subarray(start, end).toString();
      this.#bytes = this.#bytes.subarray(end + 1);
      yield { command, headers, body };
    }
  }
}

/** The connection of one client. */
export interface StompConnection {
  readonly session: Session;
  /** Heart-beats that have arrived. */
  readonly heartbeats: AsyncQueue<void>;
}

/** The state that all sessions of an endpoint share. */
export class StompBroker {
  /** Subscribers by destination. */
  readonly #subscriptions = new Map<string, Set<(body: string, headers: Record<string, string>) => void>>();
  readonly connections = new AsyncQueue<StompConnection>();
  /** Sessions whose client has sent DISCONNECT. */
  readonly disconnects = new AsyncQueue<Session>();
  /** ms between heart-beats, in both directions. 0 for none. */
  readonly #heartbeat: number;
  #lastMessage = 0;

  constructor({ heartbeat = 0 }: { heartbeat?: number } = {}) {
    this.#heartbeat = heartbeat;
  }

  /** The session handler for `sockjs()`. */
  readonly onSession = (session: Session): void => {
    const parser = new Parser();
    const heartbeats = new AsyncQueue<void>();
    const own = new Map<string, () => void>();
    let timer: NodeJS.Timeout | undefined;
    session.on('message', (text) => {
      for (const frame of parser.read(text)) {
        if (frame === null) {
          heartbeats.push();
          continue;
        }
        switch (frame.command) {
          case 'STOMP':
          case 'CONNECT': {
            const [, wanted] = (frame.headers.get('heart-beat') ?? '0,0').split(',').map(Number);
            if (wanted && this.#heartbeat) {
              timer = setInterval(() => session.send('\n'), Math.max(wanted, this.#heartbeat));
            }
            session.send(
              encode('CONNECTED', { version: '1.2', 'heart-beat': `${this.#heartbeat},${this.#heartbeat}` }),
            );
            this.connections.push({ session, heartbeats });
            break;
          }
          case 'SUBSCRIBE':
            own.set(frame.headers.get('id') ?? '', this.#subscribe(session, frame));
            break;
          case 'UNSUBSCRIBE':
            own.get(frame.headers.get('id') ?? '')?.();
            break;
          case 'SEND': {
            const { receipt, 'content-length': _length, ...headers } = Object.fromEntries(frame.headers);
            for (const tell of this.#subscriptions.get(frame.headers.get('destination') ?? '') ?? []) {
              tell(frame.body, headers);
            }
            break;
          }
          case 'DISCONNECT':
            break;
          default:
            session.send(encode('ERROR', { message: `no such command: ${frame.command}` }));
            session.close(3000, 'STOMP error');
            return;
        }
        const receipt = frame.headers.get('receipt');
        if (receipt !== undefined) {
          session.send(encode('RECEIPT', { 'receipt-id': receipt }));
        }
        if (frame.command === 'DISCONNECT') {
          forget();
          session.close(1000, 'Disconnected');
          this.disconnects.push(session);
        }
      }
    });
    const forget = () => {
      clearInterval(timer);
      for (const unsubscribe of own.values()) {
        unsubscribe();
      }
    };
    session.on('close', forget);
  };

  #subscribe(session: Session, { headers }: Frame): () => void {
    const destination = headers.get('destination') ?? '';
    const subscription = headers.get('id') ?? '';
    const tell = (body: string, sent: Record<string, string>) => {
      this.#lastMessage += 1;
      session.send(encode('MESSAGE', { ...sent, subscription, 'message-id': String(this.#lastMessage) }, body));
    };
    const all = this.#subscriptions.get(destination) ?? new Set();
    this.#subscriptions.set(destination, all.add(tell));
    return () => all.delete(tell);
  }

  /** Returns the number of subscribers. */
  subscribers(destination: string): number {
    return this.#subscriptions.get(destination)?.size ?? 0;
  }
}
