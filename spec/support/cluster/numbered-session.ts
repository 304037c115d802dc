/** What a client sees of one session, over each transport: its messages in order, and how it has ended. */
import assert from 'node:assert/strict';
import { Changes } from '../changes.ts';

/** How a client has learned that its session has ended. */
export type ClientEnd =
  | { readonly kind: 'closed'; readonly code: number; readonly reason: string }
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfter: string | undefined }
  | { readonly kind: 'cut' }
  /** It has left by itself: a send got 404, after which no client goes on. */
  | { readonly kind: 'left' };

export class NumberedSession {
  readonly id: string;
  /** Messages, in the order of their arrival. */
  readonly received: string[] = [];
  /** Undefined until the session has ended. */
  end: ClientEnd | undefined;
  /** The process that has the session, where the proxy says so. */
  servedBy: string | undefined;
  protected readonly changes = new Changes();
  #opens = 0;

  constructor(id: string) {
    this.id = id;
  }

  get isOpen(): boolean {
    return this.#opens > 0;
  }

  /** Settles once the condition holds. */
  until(holds: () => boolean, what: string): Promise<void> {
    return this.changes.until(
      holds,
      () => `${what} at ${this.id}; it has ${this.received.length} messages, ended: ${JSON.stringify(this.end)}`,
    );
  }

  /** Settles with how the session has ended. */
  async ended(): Promise<ClientEnd> {
    await this.until(() => this.end !== undefined, 'its end');
    return this.end ?? assert.fail();
  }

  /** Settles when the session is open. */
  protected async opened(): Promise<void> {
    await this.until(() => this.isOpen || this.end !== undefined, 'the open frame');
    assert.equal(this.end, undefined);
  }

  /** Sends a message by this, and settles when it has come back. */
  protected async comesBack(text: string, send: () => Promise<void>): Promise<void> {
    const before = this.received.length;
    await send();
    await this.until(() => this.received.length > before || this.end !== undefined, `the message ${text}`);
    assert.deepEqual([this.received.slice(before), this.end], [[text], undefined]);
  }

  protected takeFrame(frame: string): void {
    if (frame === 'o') {
      this.#opens += 1;
      assert.equal(this.#opens, 1, 'a second open frame');
    } else if (frame.startsWith('a')) {
      this.received.push(...(JSON.parse(frame.slice(1)) as string[]));
    } else if (frame.startsWith('c')) {
      const [code, reason] = JSON.parse(frame.slice(1)) as [number, string];
      this.end = { kind: 'closed', code, reason };
    } else {
      assert.equal(frame, 'h');
    }
    this.changes.notify();
  }
}
