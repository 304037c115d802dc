/** How received messages come to the application: by a `message` listener, `recv()`, `for await`, or a stream. */

import { withHelp } from '../util/help.ts';
import { warnOnce } from '../util/warn-once.ts';
import { Inbox, type InboxLimits } from './inbox.ts';

/** What takes the messages, as errors name it. */
const LISTENER = 'a "message" listener';
const RECV = 'recv() or a for-await loop';
const STREAM = 'session.stream()';

/** The session behind a delivery. */
interface DeliveryOwner {
  readonly environment: InboxLimits;
  /** Whether the session takes messages. */
  readonly isActive: boolean;
  /** Whether nothing more will come. */
  readonly isEnded: boolean;
  /** Whether the application has a `message` listener. */
  readonly hasMessageListener: boolean;
  emitMessage(message: string): void;
  /** The application has read nothing for `receiveStallTimeout`, while the client waited. */
  onReceiveStall(): void;
}

/** The received messages of one session. The application chooses one way to read them, and may wait with the choice. */
export class Delivery {
  readonly #owner: DeliveryOwner;
  /** Made when the first message has to wait for a reader, or a reader for a message. */
  #inbox: Inbox | undefined;
  #iterators = 0;
  /**
   * `unread` means that `onSession` is through and the application has never listened or read: nothing will. `streamed`
   * means that a stream has begun to read: it takes all messages from then on.
   */
  #use: 'undecided' | 'read' | 'streamed' | 'unread' = 'undecided';

  constructor(owner: DeliveryOwner) {
    this.#owner = owner;
  }

  /** Hands messages to the application, or keeps them until it reads. */
  receive(messages: readonly string[]): void {
    const first = messages[0];
    if (messages.length === 1 && first !== undefined && !this.#inbox?.size && this.#owner.hasMessageListener) {
      // The usual case: nothing to queue.
      this.#owner.emitMessage(first);
      return;
    }
    // All of them before the first is delivered: a listener may cause more to come in, which belong behind.
    const inbox = this.#inboxNow;
    for (const message of messages) {
      inbox.push(message);
    }
    this.deliver();
    this.#dropUnread();
  }

  /** Hands the application's listener, if there is one, all messages that wait. */
  deliver(): void {
    while (this.#owner.isActive && this.#inbox?.size && this.#owner.hasMessageListener) {
      const message = this.#inbox.shift();
      if (message !== undefined) {
        this.#owner.emitMessage(message);
      }
    }
  }

  /**
   * The next message, for `recv()`.
   *
   * @returns rejects as `session.recv()` does
   */
  next(signal: AbortSignal | undefined): Promise<string> {
    const taker = this.#owner.hasMessageListener ? LISTENER : this.#use === 'streamed' ? STREAM : undefined;
    if (taker !== undefined) {
      return Promise.reject(
        withHelp(
          'one-reader-takes-the-messages',
          new Error(`sockjs: recv() cannot be used while ${taker} takes the messages`),
        ),
      );
    }
    this.#use = 'read';
    return this.#inboxNow.next(signal);
  }

  /** The application has a stream, which it may read later. */
  expectReader(): void {
    this.#use = 'read';
  }

  /**
   * The next message, for a stream, which takes all messages from its first call on.
   *
   * @returns rejects as `next` does, and with an `Error` where a listener, `recv()` or a loop takes the messages
   */
  async nextForStream(): Promise<string> {
    if (this.#use !== 'streamed') {
      const taker = this.#owner.hasMessageListener ? LISTENER : this.#isRecvTaking ? RECV : undefined;
      if (taker !== undefined) {
        throw withHelp(
          'one-reader-takes-the-messages',
          new Error(`sockjs: session.stream() cannot be read while ${taker} takes the messages`),
        );
      }
      this.#use = 'streamed';
    }
    return this.#inboxNow.next(undefined);
  }

  /** Whether messages wait for a reader. */
  get hasUnread(): boolean {
    return this.#inbox !== undefined && this.#inbox.size > 0;
  }

  /** A `for await` loop begins, which excludes listeners; it must end with `endLoop()`. */
  beginLoop(): void {
    this.#iterators += 1;
  }

  endLoop(): void {
    this.#iterators -= 1;
  }

  /**
   * The application is about to add a `message` listener.
   *
   * @throws Error while `recv()`, a loop or a stream takes the messages
   */
  beforeListening(): void {
    const taker = this.#use === 'streamed' ? STREAM : this.#isRecvTaking ? RECV : undefined;
    if (taker !== undefined) {
      throw withHelp(
        'one-reader-takes-the-messages',
        new Error(`sockjs: a "message" listener cannot be added while ${taker} takes the messages`),
      );
    }
    this.#use = 'read';
    if (this.#inbox?.size) {
      // Not at once: the application may still be setting up in the same call.
      process.nextTick(() => this.deliver());
    }
  }

  /** `onSession` is through: an application that has not begun to read by now never will. */
  onSessionSettled(): void {
    if (this.#use === 'undecided') {
      this.#use = 'unread';
    }
    this.#dropUnread();
  }

  /** Whether the client may send more. */
  get canReceive(): boolean {
    return this.#inbox?.canReceive ?? true;
  }

  /** Calls back when the client may send more: at once, after the application has read, or at the end. */
  whenReceivable(callback: () => void): void {
    if (this.#inbox === undefined) {
      callback();
    } else {
      this.#inbox.whenReceivable(callback);
    }
  }

  /** Nothing more will come. Messages that wait can still be read. */
  end(): void {
    this.#inbox?.end();
  }

  get #isRecvTaking(): boolean {
    return this.#inbox?.isAwaited === true || this.#iterators > 0;
  }

  get #inboxNow(): Inbox {
    if (this.#inbox === undefined) {
      this.#inbox = new Inbox(this.#owner.environment, () => this.#owner.onReceiveStall());
      if (this.#owner.isEnded) {
        this.#inbox.end();
      }
    }
    return this.#inbox;
  }

  /** Slowing the client would be pointless where the application does not read. */
  #dropUnread(): void {
    if (this.#use === 'unread' && this.#inbox?.trim()) {
      warnOnce(
        'SOCKJS_UNREAD',
        'sockjs: messages are discarded, since onSession has finished and the application does not read the session; ' +
          "add session.on('message', …), or use recv() or for await",
      );
    }
  }
}
