/** How requests find sessions and make new ones. */
import type { TransportFamily } from '../protocol/transports.ts';
import type { HttpReceiver, ReceivingPort, SendingPort, SessionPort, TransportName } from './ports.ts';

/** Which requests may ask for a session: those of the same family of transports and of the same client. */
export interface SessionIdentity {
  /** Transports of one family can take turns on a session. No request can ask for the session of a WebSocket. */
  readonly family: TransportFamily;
  /** What `identify` returned, empty where there is no such option. */
  readonly client: string;
  /** The key under which `maxSessionsPerClient` counts the session. */
  readonly quotaKey: string;
}

/** What a directory knows of an id that a request names. */
export type Found<Port = SessionPort> =
  /**
   * A session that this request may have. `release` is to be called in place of `attach` where the client has left
   * meanwhile. Only an answer by a promise has it.
   */
  | { readonly kind: 'live'; readonly port: Port; readonly release?: () => void }
  /** One that has ended not long ago. */
  | { readonly kind: 'ended'; readonly code: number; readonly reason: string }
  /** Another request is just opening it. */
  | { readonly kind: 'pending' }
  /** One of another client or another family of transports: as if it were not there, but the id is taken. */
  | { readonly kind: 'foreign' };

/** There is no session of that id. */
export const UNKNOWN = Object.freeze({ kind: 'unknown' as const });

/** It cannot be said now, since another process or the registry of all processes cannot be reached. */
export const UNAVAILABLE = Object.freeze({ kind: 'unavailable' as const });

/** Why no further session may be opened. */
export type RefusalReason = 'closing' | 'sessions' | 'client-sessions';

/** The port of a session that has just been made. */
export interface NewSessionPort extends SessionPort {
  /**
   * Ends the session where its open frame could not be written. The application has not seen the session and never
   * will. Does nothing for a session that was opened.
   */
  discard(): void;
}

/** A place for a session, and its id, held until it is committed or released. Whichever comes first, once. */
export interface Reservation<Data, Req> {
  /**
   * Makes the session that the place was taken for. It waits for its first receiver.
   *
   * @throws Error where the place was released or committed before
   */
  commit(request: Req, transport: TransportName, data: Data | undefined): NewSessionPort;
  /** Gives the place back, unless a session was made. */
  release(): void;
}

/** What a receiving request gets: a session, the reason why it gets none, or a place for a new one. */
export type Claim<Data, Req> =
  | Found<ReceivingPort>
  | typeof UNAVAILABLE
  | { readonly kind: 'reserved'; readonly reservation: Reservation<Data, Req> }
  | { readonly kind: 'refused'; readonly reason: RefusalReason };

/** What a sending request gets. */
export type SendTarget = Found<SendingPort> | typeof UNKNOWN | typeof UNAVAILABLE;

/**
 * Finds the session that a request names. Answers at once for a session of this process, by a promise only where the
 * session may be elsewhere.
 */
export interface SessionDirectory<Data, Req> {
  /**
   * For a sending request. Must give the same port for the same session each time: sends of a session take turns by it.
   */
  find(id: string, identity: SessionIdentity): SendTarget | PromiseLike<SendTarget>;
  /** For a receiving request, which may open the session. The owner of the session has to know `receiver`. */
  findOrReserve(
    id: string,
    identity: SessionIdentity,
    receiver: Pick<HttpReceiver, 'name' | 'callback'>,
  ): Claim<Data, Req> | PromiseLike<Claim<Data, Req>>;
}
