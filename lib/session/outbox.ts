/** What the application has sent and no receiver has taken yet: in order, bounded, and telling when to send more. */

import { Waiters } from '../util/waiters.ts';
import { SessionNotOpenError } from './errors.ts';
import { exceedsMessageCount } from './limits.ts';
import type { Outgoing } from './ports.ts';

/** What bounds an outbox. */
export interface OutboxLimits {
  /** Bytes towards the client, those in its connection included, beyond which nothing more is taken. */
  readonly maxSendBuffer: number;
  /** Bytes towards the client from which on the application should wait. */
  readonly sendHighWaterMark: number;
}

/** The messages of one session on their way to the client. `inConnection` is what its receivers hold of them. */
export class Outbox {
  readonly #limits: OutboxLimits;
  /** None where nothing waits, as in most sessions most of the time. */
  #messages: Outgoing[] | undefined;
  #bytes = 0;
  #needsDrain = false;
  #waiters: Waiters<void> | undefined;

  constructor(limits: OutboxLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#messages === undefined;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the mark was reached, and has not been left again. */
  get needsDrain(): boolean {
    return this.#needsDrain;
  }

  /** Takes a message of so many bytes, or returns false where it would be too much. */
  push(message: Outgoing, bytes: number, inConnection: number): boolean {
    // Never 0: empty messages take room, too, and an echo of them must not queue without bounds.
    const total = this.#bytes + inConnection + (bytes || 1);
    // Small messages cost more than their bytes.
    if (
      total > this.#limits.maxSendBuffer ||
      exceedsMessageCount(this.#messages?.length ?? 0, this.#limits.maxSendBuffer)
    ) {
      return false;
    }
    if (this.#messages === undefined) {
      this.#messages = [message];
    } else {
      this.#messages.push(message);
    }
    this.#bytes = total - inConnection;
    this.#needsDrain ||= total >= this.#limits.sendHighWaterMark;
    return true;
  }

  /** Hands all messages over. */
  take(): Outgoing[] {
    const messages = this.#messages ?? [];
    this.clear();
    return messages;
  }

  clear(): void {
    this.#messages = undefined;
    this.#bytes = 0;
  }

  /** Looks whether it is time to send more again; true once, when the mark has been left. */
  checkDrained(inConnection: number): boolean {
    if (!this.#needsDrain || this.#bytes + inConnection >= (this.#limits.sendHighWaterMark || 1)) {
      return false;
    }
    this.#needsDrain = false;
    this.#waiters?.resolveAll();
    return true;
  }

  /** Waits for `checkDrained`. */
  async drained(signal: AbortSignal | undefined): Promise<void> {
    if (this.#needsDrain) {
      this.#waiters ??= new Waiters();
      await this.#waiters.wait(signal);
    }
  }

  /** The session has ended: nobody will wait in vain. What is queued stays, for it goes out before the close frame. */
  end(): void {
    this.#waiters?.rejectAll(() => new SessionNotOpenError());
  }
}
