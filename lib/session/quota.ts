/** How many sessions there may be: in all, and for one client. */
import type { RefusalReason } from './directory.ts';

/** See the options of the same names. */
export interface QuotaLimits {
  readonly maxSessions: number;
  readonly maxSessionsPerClient: number;
}

/** The places for the sessions of one endpoint. Reserved places count as those of live sessions do. */
export class Quota {
  readonly #limits: QuotaLimits;
  #taken = 0;
  /** Kept only where there is a limit. */
  readonly #perClient = new Map<string, number>();

  constructor(limits: QuotaLimits) {
    this.#limits = limits;
  }

  /**
   * Takes a place.
   *
   * @returns why there is none, or undefined where it was taken
   */
  take(key: string): RefusalReason | undefined {
    if (this.#taken >= this.#limits.maxSessions) {
      return 'sessions';
    }
    const ofClient = this.#perClient.get(key) ?? 0;
    if (ofClient >= this.#limits.maxSessionsPerClient) {
      return 'client-sessions';
    }
    this.#taken += 1;
    if (this.#limits.maxSessionsPerClient !== Number.POSITIVE_INFINITY) {
      this.#perClient.set(key, ofClient + 1);
    }
    return undefined;
  }

  /** Gives a place back that was taken under this key. */
  release(key: string): void {
    this.#taken -= 1;
    const left = (this.#perClient.get(key) ?? 0) - 1;
    if (left > 0) {
      this.#perClient.set(key, left);
    } else {
      this.#perClient.delete(key);
    }
  }
}
