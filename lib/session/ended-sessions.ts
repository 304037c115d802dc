/** What is remembered of sessions that have ended, so that late requests get the close frame and no second session. */
import type { SessionIdentity } from './directory.ts';
import type { CloseReason } from './events.ts';

/** How many ended sessions are remembered at most; beyond that the oldest are forgotten first. */
export const MAX_REMEMBERED = 10_000;

/** What remains of a session that has ended: enough to answer a late request. */
export interface EndedSession extends CloseReason {
  readonly identity: SessionIdentity;
  /** When it is forgotten, by `performance.now()`, which no change of the system's date moves. */
  readonly until: number;
}

/** The ended sessions of one endpoint, by id. It needs no timer: the oldest go when others come. */
export class EndedSessions {
  readonly #lifetime: number;
  /** In the order they ended, which is the order they are forgotten in. */
  readonly #byId = new Map<string, EndedSession>();

  /** @param lifetime ms for which each is remembered */
  constructor(lifetime: number) {
    this.#lifetime = lifetime;
  }

  /** Remembers one that has ended now. */
  add(id: string, identity: SessionIdentity, { code, reason }: CloseReason): void {
    const now = performance.now();
    for (const [oldest, { until }] of this.#byId) {
      if (until > now && this.#byId.size < MAX_REMEMBERED) {
        break;
      }
      this.#byId.delete(oldest);
    }
    this.#byId.set(id, { code, reason, identity, until: now + this.#lifetime });
  }

  /** The ended session of an id; undefined where there was none, or it is forgotten. */
  get(id: string): EndedSession | undefined {
    const ended = this.#byId.get(id);
    if (ended !== undefined && ended.until <= performance.now()) {
      this.#byId.delete(id);
      return undefined;
    }
    return ended;
  }
}
