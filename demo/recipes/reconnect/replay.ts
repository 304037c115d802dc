/** Delivery that survives a reconnect: messages have numbers, and the last ones are kept for a client that comes back. */
import { randomUUID } from 'node:crypto';
import type { Session } from 'express-sockjs';

export interface ReplayLimits {
  /** Messages that are kept for each client. */
  readonly maxMessages: number;
  /** UTF-16 code units that are kept for each client. They must fit into the `maxSendBuffer` of the endpoint. */
  readonly maxLength: number;
  /** Clients that are away and for whom messages are kept. */
  readonly maxAway: number;
  /** ms for which messages are kept for a client that is away. */
  readonly keepFor: number;
}

/** What a log uses of a session. */
interface Connection extends Pick<Session, 'send' | 'close' | 'state'> {
  once(event: 'close', listener: () => void): unknown;
}

/** The messages for one client. Its session changes, the log stays. Who knows the id gets the messages: keep it secret. */
class ReplayLog {
  readonly id = randomUUID();
  readonly #limits: ReplayLimits;
  readonly #onAway: (log: ReplayLog) => void;
  readonly #kept: string[] = [];
  #keptLength = 0;
  /** The number of the last message. */
  #last = 0;
  #session: Connection | undefined;

  constructor(limits: ReplayLimits, onAway: (log: ReplayLog) => void) {
    this.#limits = limits;
    this.#onAway = onAway;
  }

  /** Sends a value at once, or when the client is back. */
  send(data: unknown): void {
    this.#last += 1;
    const text = JSON.stringify({ number: this.#last, data });
    this.#kept.push(text);
    this.#keptLength += text.length;
    while (this.#kept.length > this.#limits.maxMessages || this.#keptLength > this.#limits.maxLength) {
      this.#keptLength -= this.#kept.shift()?.length ?? 0;
    }
    this.#session?.send(text);
  }

  /** Goes on with another session, with what the client has missed. The first message says whether some of that is lost. */
  resume(session: Connection, seen: number, isLost: boolean): void {
    const before = this.#session;
    this.#session = session;
    // A client may be back before the server has noticed that its connection is gone.
    before?.close(4409, 'Continued by another session');
    const missed = Math.max(0, this.#last - seen);
    session.send(JSON.stringify({ log: this.id, isLost: isLost || missed > this.#kept.length }));
    for (const text of this.#kept.slice(Math.max(0, this.#kept.length - missed))) {
      session.send(text);
    }
    const leave = () => {
      if (this.#session === session) {
        this.#session = undefined;
        this.#onAway(this);
      }
    };
    session.state === 'closed' ? leave() : session.once('close', leave);
  }
}

/** The logs of all clients. */
export class ReplayLogs {
  readonly #limits: ReplayLimits;
  readonly #logs = new Map<string, ReplayLog>();
  /** Those without a session, the one that waits longest first, and what ends the wait. */
  readonly #away = new Map<ReplayLog, NodeJS.Timeout>();

  constructor(limits: ReplayLimits) {
    this.#limits = limits;
  }

  /** Sends a value to all clients, those included that are away. */
  broadcast(data: unknown): void {
    for (const log of this.#logs.values()) {
      log.send(data);
    }
  }

  /** Takes the first message of a client, `{ seen: 0 }` or `{ log, seen }`. Undefined where it is neither. */
  open(session: Connection, hello: string): ReplayLog | undefined {
    const { log: id, seen = 0 } = parse(hello) ?? { seen: null };
    if (typeof seen !== 'number' || seen < 0) {
      return undefined;
    }
    const known = typeof id === 'string' ? this.#logs.get(id) : undefined;
    const log = known ?? new ReplayLog(this.#limits, (away) => this.#keep(away));
    this.#logs.set(log.id, log);
    clearTimeout(this.#away.get(log));
    this.#away.delete(log);
    // A client whose log is gone has lost all that it would hold.
    log.resume(session, known ? seen : 0, id !== undefined && known === undefined);
    return log;
  }

  #keep(log: ReplayLog): void {
    this.#away.set(log, setTimeout(() => this.#delete(log), this.#limits.keepFor).unref());
    const [longest] = this.#away.keys();
    if (longest !== undefined && this.#away.size > this.#limits.maxAway) {
      this.#delete(longest);
    }
  }

  #delete(log: ReplayLog): void {
    clearTimeout(this.#away.get(log));
    this.#away.delete(log);
    this.#logs.delete(log.id);
  }
}

/** The object in a text, or undefined. */
function parse(text: string): { readonly log?: unknown; readonly seen?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
