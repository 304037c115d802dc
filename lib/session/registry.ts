/** The sessions of one endpoint in this process: found by id, counted, made and closed here. */
import type { IncomingMessage } from 'node:http';
import type { Found, RefusalReason, SessionDirectory, SessionIdentity } from './directory.ts';
import { UNKNOWN } from './directory.ts';
import { EndedSessions } from './ended-sessions.ts';
import type { SessionCloseEvent } from './events.ts';
import { Lifecycle, type SessionEnvironment } from './lifecycle.ts';
import type { TransportName } from './ports.ts';
import { Quota, type QuotaLimits } from './quota.ts';
import { LocalReservation } from './reservation.ts';
import { Rooms } from './rooms.ts';
import { createSession, type Session } from './session.ts';
import { Shutdown } from './shutdown.ts';

/** A place for a session of this process, or the reason why there is none. */
type LocalClaim<Data, Req> =
  | { readonly kind: 'reserved'; readonly reservation: LocalReservation<Data, Req> }
  | { readonly kind: 'refused'; readonly reason: RefusalReason };

/** The lifecycle of an endpoint's session. */
type Live<Data, Req extends IncomingMessage> = Lifecycle<Session<Data, Req>>;

/**
 * Makes, finds, counts and closes sessions. Maps throughout: an id that a client chooses must not mean anything special,
 * as `__proto__` would in an object.
 */
export class SessionRegistry<Data, Req extends IncomingMessage> implements SessionDirectory<Data, Req> {
  readonly #environment: SessionEnvironment<Session<Data, Req>>;
  readonly #quota: Quota;
  readonly #live = new Set<Live<Data, Req>>();
  /** Sessions that later requests may ask for. */
  readonly #byId = new Map<string, Live<Data, Req>>();
  /**
   * WebSockets, which no request can ask for, but an application may. Those of one id are a set, in the order they came,
   * so that a close needs no search; nearly all have an id of their own, and a set takes 170 bytes.
   */
  readonly #webSocketsById = new Map<string, Live<Data, Req> | Set<Live<Data, Req>>>();
  /** Ids whose sessions wait for `authorize`, and the identities that open them. */
  readonly #pending = new Map<string, SessionIdentity>();
  readonly #ended: EndedSessions;
  readonly rooms = new Rooms<Live<Data, Req>>();
  readonly shutdown: Shutdown;
  /** Called when a session has ended for which later requests may ask. Set by the directory of a cluster. */
  onSessionEnd: ((id: string, identity: SessionIdentity, event: SessionCloseEvent) => void) | undefined;

  /** Called when there is a session more or less. Set by the cluster of an endpoint. */
  onSizeChange: (() => void) | undefined;

  constructor(environment: Omit<SessionEnvironment<Session<Data, Req>>, 'onEnd' | 'rooms'>, limits: QuotaLimits) {
    this.#environment = { ...environment, rooms: this.rooms, onEnd: (live, event) => this.#remove(live, event) };
    this.#quota = new Quota(limits);
    // Long enough for a client that asks again after its own time limit.
    this.#ended = new EndedSessions(2 * environment.disconnectDelay);
    this.shutdown = new Shutdown(this.#live, environment.timers);
  }

  /** How many sessions there are, those that are closing included. */
  get size(): number {
    return this.#live.size;
  }

  /** The session of an id, the newest where several WebSockets use the same. */
  get(id: string): Session<Data, Req> | undefined {
    const webSockets = this.#webSocketsById.get(id);
    const live = this.#byId.get(id) ?? (webSockets instanceof Set ? lastOf(webSockets) : webSockets);
    return live?.session;
  }

  /** All sessions, in the order they were made. */
  [Symbol.iterator](): IterableIterator<Live<Data, Req>> {
    return this.#live.values();
  }

  find(
    id: string,
    { family, client }: Pick<SessionIdentity, 'family' | 'client'>,
  ): Found<Live<Data, Req>> | typeof UNKNOWN {
    const live = this.#byId.get(id);
    const ended = live === undefined ? this.#ended.get(id) : undefined;
    const owner = live?.identity ?? this.#pending.get(id) ?? ended?.identity;
    if (owner === undefined) {
      return UNKNOWN;
    }
    if (owner.family !== family || owner.client !== client) {
      return { kind: 'foreign' };
    }
    if (live !== undefined) {
      return { kind: 'live', port: live };
    }
    return ended === undefined ? { kind: 'pending' } : { kind: 'ended', code: ended.code, reason: ended.reason };
  }

  findOrReserve(id: string, identity: SessionIdentity): Found<Live<Data, Req>> | LocalClaim<Data, Req> {
    const found = this.find(id, identity);
    return found.kind === 'unknown' ? this.reserve(id, identity) : found;
  }

  /** Takes a place for a new session, and its id. */
  reserve(id: string, identity: SessionIdentity): LocalClaim<Data, Req> {
    const reason: RefusalReason | undefined = this.shutdown.isClosing ? 'closing' : this.#quota.take(identity.quotaKey);
    if (reason !== undefined) {
      return { kind: 'refused', reason };
    }
    if (identity.family !== 'websocket') {
      this.#pending.set(id, identity);
    }
    return { kind: 'reserved', reservation: new LocalReservation(id, identity, this) };
  }

  /** For a reservation that is released. */
  cancel({ id, identity }: LocalReservation<Data, Req>): void {
    if (this.#pending.get(id) === identity) {
      this.#pending.delete(id);
    }
    this.#quota.release(identity.quotaKey);
  }

  /** For a reservation that is committed. */
  create(
    { id, identity }: LocalReservation<Data, Req>,
    request: Req,
    transport: TransportName,
    data: Data | undefined,
  ): Live<Data, Req> {
    const live: Live<Data, Req> = new Lifecycle(identity, transport, this.#environment, (lifecycle) =>
      createSession(id, request, data, lifecycle),
    );
    this.#live.add(live);
    this.onSizeChange?.();
    if (identity.family === 'websocket') {
      const sameId = this.#webSocketsById.get(id);
      if (sameId === undefined) {
        this.#webSocketsById.set(id, live);
      } else if (sameId instanceof Set) {
        sameId.add(live);
      } else {
        this.#webSocketsById.set(id, new Set([sameId, live]));
      }
    } else {
      this.#pending.delete(id);
      this.#byId.set(id, live);
    }
    return live;
  }

  #remove(live: Live<Data, Req>, event: SessionCloseEvent): void {
    const { session, identity } = live;
    const { id } = session;
    this.#live.delete(live);
    this.onSizeChange?.();
    this.#quota.release(identity.quotaKey);
    if (this.#byId.get(id) === live) {
      this.#byId.delete(id);
      this.#ended.add(id, identity, event);
      this.onSessionEnd?.(id, identity, event);
    }
    const sameId = this.#webSocketsById.get(id);
    if (sameId === live || (sameId instanceof Set && sameId.delete(live) && sameId.size === 0)) {
      this.#webSocketsById.delete(id);
    }
    this.shutdown.sessionEnded(event);
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
