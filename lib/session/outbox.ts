/** Outgoing messages that no receiver has taken yet: in order, bounded, with a high-water mark. */
import { Waiters } from '../util/waiters.ts';
import { SessionNotOpenError } from './errors.ts';
import { exceedsMessageCount } from './limits.ts';
import type { Outgoing } from './ports.ts';

/** The limits of an outbox. */
export interface OutboxLimits {
  /** Bytes towards the client, including those in its connection, beyond which no message is taken. */
  readonly maxSendBuffer: number;
  /** The high-water mark: bytes towards the client from which on the application should wait for `drain`. */
  readonly sendHighWaterMark: number;
}

/** The outgoing messages of one session. `inConnection` is the number of bytes that its receivers hold. */
export class Outbox {
  readonly #limits: OutboxLimits;
  /** Undefined while no message waits, as in most sessions most of the time. */
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

  /** The message that was pushed last, while it waits. */
  get last(): Outgoing | undefined {
    return this.#messages?.at(-1);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the high-water mark was reached, and `checkDrained` has not found it left again. */
  get needsDrain(): boolean {
    return this.#needsDrain;
  }

  /** Takes a message of `bytes` bytes. Returns false, and takes nothing, where that would exceed the limits. */
  push(message: Outgoing, bytes: number, inConnection: number): boolean {
    // At least 1: empty messages take memory, too, and an echo of them must not queue without bounds.
    const total = this.#bytes + inConnection + (bytes || 1);
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

  /** Removes all messages and returns them. */
  take(): Outgoing[] {
    const messages = this.#messages ?? [];
    this.clear();
    return messages;
  }

  clear(): void {
    this.#messages = undefined;
    this.#bytes = 0;
  }

  /** Whether the high-water mark has been left. Returns true once for each time that it was reached. */
  checkDrained(inConnection: number): boolean {
    if (!this.#needsDrain || this.#bytes + inConnection >= (this.#limits.sendHighWaterMark || 1)) {
      return false;
    }
    this.#needsDrain = false;
    this.#waiters?.resolveAll();
    return true;
  }

  /** Resolves when `checkDrained` finds the mark left; at once where it was not reached. Rejects when `signal` aborts. */
  async drained(signal: AbortSignal | undefined): Promise<void> {
    if (this.#needsDrain) {
      this.#waiters ??= new Waiters();
      await this.#waiters.wait(signal);
    }
  }

  /** The session has ended: rejects all waits. Queued messages stay, since they leave before the close frame. */
  end(): void {
    this.#waiters?.rejectAll(() => new SessionNotOpenError());
  }
}
