/** The sessions of one mount; whatever finds, makes or ends them goes through here. */
import type { IncomingMessage } from 'node:http';
import { DeadlineTimer } from '../util/timer-queue.ts';
import type { TransportName } from './ports.ts';
import { Rooms } from './rooms.ts';
import { Session, type SessionCloseEvent, type SessionEnvironment, type SessionIdentity } from './session.ts';

/** How many ended sessions are remembered at most; beyond that the oldest are forgotten first. */
export const MAX_REMEMBERED = 10_000;

/** What the store knows of an id that a request names. */
export type Found<Data, Req extends IncomingMessage> =
  /** A session that this request may have. */
  | { readonly kind: 'live'; readonly session: Session<Data, Req> }
  /** One that has ended not long ago. */
  | { readonly kind: 'ended'; readonly code: number; readonly reason: string }
  /** One that somebody else is just opening, or this client by another request. */
  | { readonly kind: 'pending' }
  /** One of another client or another family of transports: as if it were not there, but the id is taken. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'unknown' };

/** Why no further session may be opened. */
export type RefusalReason = 'closing' | 'sessions' | 'client-sessions';

/** How many sessions there may be. */
export interface RegistryLimits {
  readonly maxSessions: number;
  readonly maxSessionsPerClient: number;
}

/** How `router.close()` went. */
export interface CloseResult {
  /** Sessions that were live and have ended. */
  readonly closed: number;
  /** Those of them that got everything queued for them, and the close frame. */
  readonly flushed: number;
  /** Those that did not: nobody came for it, the client broke off, or the time was up. */
  readonly dropped: number;
}

/** How to close all sessions. */
export interface CloseOptions {
  /**
   * Close code for every session, as for `session.close()`.
   * @default 1001
   */
  readonly code?: number | undefined;
  /**
   * Reason for every session, as for `session.close()`.
   * @default 'Server shutting down'
   */
  readonly reason?: string | undefined;
  /**
   * ms after which what has not left by then is given up, and connections are cut.
   * @default 5_000 // 5 seconds
   */
  readonly timeout?: number | undefined;
}

/** The live sessions of a mount, as `router.sessions` shows them. */
export interface LiveSessions<Data = unknown, Req extends IncomingMessage = IncomingMessage>
  extends Iterable<Session<Data, Req>> {
  /** How many there are, those that are closing included. */
  readonly size: number;
  /** The session of that id, the newest where several WebSockets use the same; undefined where there is none. */
  get(id: string): Session<Data, Req> | undefined;
}

/** What remains of a session that has ended: enough to answer a late request. */
interface EndedSession {
  readonly code: number;
  readonly reason: string;
  readonly identity: SessionIdentity;
  /** By the clock of `performance.now()`, which no change of the system's date moves. */
  readonly until: number;
}

/** Makes, finds, counts and closes sessions. Maps throughout, so that no id a client thinks of means anything special. */
export class SessionRegistry<Data, Req extends IncomingMessage> implements LiveSessions<Data, Req> {
  readonly #environment: SessionEnvironment<Data, Req>;
  readonly #limits: RegistryLimits;
  readonly #live = new Set<Session<Data, Req>>();
  /** Those that later requests may ask for. */
  readonly #byId = new Map<string, Session<Data, Req>>();
  /**
   * WebSockets, which no request can ask for, but an application may. Those of one id are a set, in the order they came,
   * so that many do not make each close a search; nearly all have an id of their own, and a set takes 170 bytes.
   */
  readonly #webSocketsById = new Map<string, Session<Data, Req> | Set<Session<Data, Req>>>();
  /** Ids that wait for `authorize`, by whom they are opened. */
  readonly #pending = new Map<string, SessionIdentity>();
  /** In the order they ended, which is the order they are forgotten in. */
  readonly #ended = new Map<string, EndedSession>();
  /** How many sessions, pending ones included, each client has; kept only where there is a limit. */
  readonly #perQuotaKey = new Map<string, number>();
  #reserved = 0;
  readonly rooms = new Rooms<Session<Data, Req>>();
  /** What turns away those that wait for `authorize`, when shutdown begins. */
  readonly whenClosing = new Set<() => void>();
  #isClosing = false;
  #closed: Promise<CloseResult> | undefined;
  #onEnd: ((event: SessionCloseEvent) => void) | undefined;

  constructor(environment: Omit<SessionEnvironment<Data, Req>, 'onEnd' | 'rooms'>, limits: RegistryLimits) {
    this.#environment = { ...environment, rooms: this.rooms, onEnd: (session, event) => this.#remove(session, event) };
    this.#limits = limits;
  }

  get size(): number {
    return this.#live.size;
  }

  get(id: string): Session<Data, Req> | undefined {
    const webSockets = this.#webSocketsById.get(id);
    return this.#byId.get(id) ?? (webSockets instanceof Set ? lastOf(webSockets) : webSockets);
  }

  [Symbol.iterator](): IterableIterator<Session<Data, Req>> {
    return this.#live.values();
  }

  /** Whether `close()` was called: no more sessions, and no more kept-alive connections. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** What there is under an id, as far as this client may know. */
  find(id: string, { family, client }: Pick<SessionIdentity, 'family' | 'client'>): Found<Data, Req> {
    const session = this.#byId.get(id);
    const ended = session === undefined ? this.#recall(id) : undefined;
    const owner = session?.identity ?? this.#pending.get(id) ?? ended?.identity;
    if (owner === undefined) {
      return { kind: 'unknown' };
    }
    if (owner.family !== family || owner.client !== client) {
      return { kind: 'foreign' };
    }
    if (session !== undefined) {
      return { kind: 'live', session };
    }
    return ended === undefined ? { kind: 'pending' } : { kind: 'ended', code: ended.code, reason: ended.reason };
  }

  /**
   * Takes a place for a new session, and its id. Must be followed by `create` or `release`.
   *
   * @returns why there is no place, or undefined where it was taken
   */
  reserve(id: string, identity: SessionIdentity): RefusalReason | undefined {
    if (this.isClosing) {
      return 'closing';
    }
    if (this.#live.size + this.#reserved >= this.#limits.maxSessions) {
      return 'sessions';
    }
    const mine = this.#perQuotaKey.get(identity.quotaKey) ?? 0;
    if (mine >= this.#limits.maxSessionsPerClient) {
      return 'client-sessions';
    }
    this.#reserved += 1;
    this.#count(identity.quotaKey, mine + 1);
    if (identity.family !== 'websocket') {
      this.#pending.set(id, identity);
    }
    return undefined;
  }

  /** Gives a place back for which no session was made after all. */
  release(id: string, identity: SessionIdentity): void {
    this.#reserved -= 1;
    if (this.#pending.get(id) === identity) {
      this.#pending.delete(id);
    }
    this.#count(identity.quotaKey, (this.#perQuotaKey.get(identity.quotaKey) ?? 0) - 1);
  }

  /** Makes the session that a place was taken for. */
  create(
    id: string,
    request: Req,
    transport: TransportName,
    identity: SessionIdentity,
    data: Data | undefined,
  ): Session<Data, Req> {
    this.#reserved -= 1;
    const session = new Session(id, request, transport, identity, data, this.#environment);
    this.#live.add(session);
    if (identity.family === 'websocket') {
      const sameId = this.#webSocketsById.get(id);
      if (sameId === undefined) {
        this.#webSocketsById.set(id, session);
      } else if (sameId instanceof Set) {
        sameId.add(session);
      } else {
        this.#webSocketsById.set(id, new Set([sameId, session]));
      }
    } else {
      this.#pending.delete(id);
      this.#byId.set(id, session);
    }
    return session;
  }

  /**
   * Closes every session and lets no more in. Called again, it returns the first promise.
   *
   * @throws as `session.close()` does, for a code or reason that cannot be sent
   */
  close(code: number, reason: string, timeout: number): Promise<CloseResult> {
    this.#isClosing = true;
    for (const rejectAsClosing of this.whenClosing) {
      rejectAsClosing();
    }
    this.#closed ??= this.#closeAll(code, reason, timeout);
    return this.#closed;
  }

  async #closeAll(code: number, reason: string, timeout: number): Promise<CloseResult> {
    let closed = 0;
    let flushed = 0;
    await new Promise<void>((resolve) => {
      const timer = new DeadlineTimer(this.#environment.timers, {
        onTimer: () => {
          for (const session of this.#live) {
            session.terminate();
          }
        },
      });
      timer.limit(timeout);
      const check = () => {
        if (this.#live.size === 0) {
          timer.clear();
          // After the close events, which come in a tick of their own.
          process.nextTick(resolve);
        }
      };
      this.#onEnd = ({ wasClean }) => {
        closed += 1;
        flushed += wasClean ? 1 : 0;
        check();
      };
      for (const session of this.#live) {
        session.close(code, reason);
      }
      check();
    });
    return { closed, flushed, dropped: closed - flushed };
  }

  #remove(session: Session<Data, Req>, event: SessionCloseEvent): void {
    const { id, identity } = session;
    this.#live.delete(session);
    this.#count(identity.quotaKey, (this.#perQuotaKey.get(identity.quotaKey) ?? 0) - 1);
    if (this.#byId.get(id) === session) {
      this.#byId.delete(id);
      this.#remember(id, identity, event);
    }
    const sameId = this.#webSocketsById.get(id);
    if (sameId === session || (sameId instanceof Set && sameId.delete(session) && sameId.size === 0)) {
      this.#webSocketsById.delete(id);
    }
    this.#onEnd?.(event);
  }

  /** No timer: the oldest go when others come. */
  #remember(id: string, identity: SessionIdentity, { code, reason }: SessionCloseEvent): void {
    const now = performance.now();
    for (const [oldest, { until }] of this.#ended) {
      if (until > now && this.#ended.size < MAX_REMEMBERED) {
        break;
      }
      this.#ended.delete(oldest);
    }
    this.#ended.set(id, { code, reason, identity, until: now + 2 * this.#environment.disconnectDelay });
  }

  #recall(id: string): EndedSession | undefined {
    const ended = this.#ended.get(id);
    if (ended !== undefined && ended.until <= performance.now()) {
      this.#ended.delete(id);
      return undefined;
    }
    return ended;
  }

  #count(quotaKey: string, sessions: number): void {
    if (this.#limits.maxSessionsPerClient === Number.POSITIVE_INFINITY) {
      return;
    }
    if (sessions > 0) {
      this.#perQuotaKey.set(quotaKey, sessions);
    } else {
      this.#perQuotaKey.delete(quotaKey);
    }
  }
}

/** The newest of some; there are many only where a client opens many WebSockets under one id. */
function lastOf<T>(all: Iterable<T>): T | undefined {
  let last: T | undefined;
  for (const one of all) {
    last = one;
  }
  return last;
}
