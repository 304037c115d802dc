/** Links in memory: ordered, asynchronous, and able to break in the middle of what is under way. */
import type { Link, LinkHandler } from '../../../lib/cluster/link.ts';
import type { LinkMessage, OwnerMessage, RequesterMessage } from '../../../lib/cluster/messages.ts';

/** Calls back later, in the order of the calls. */
export type Post = (call: () => void) => void;

/** Runs calls in later turns of the event loop, and knows whether any waits. */
export class Turns {
  #underWay = 0;

  readonly post: Post = (call) => {
    this.#underWay += 1;
    setImmediate(() => {
      this.#underWay -= 1;
      call();
    });
  };

  /** Waits until no call has been under way for two turns: what a turn sends leaves at the end of it. */
  async settled(): Promise<void> {
    for (let idle = 0; idle < 2; idle += 1) {
      await new Promise(setImmediate);
      if (this.#underWay > 0) {
        idle = -1;
      }
    }
  }
}

/** One end of a link in memory. */
export class MemoryLink<Sent extends LinkMessage, Received extends LinkMessage> implements Link<Sent> {
  readonly peer: string;
  isFull = false;
  /** To be set before the first message arrives. */
  handler: LinkHandler<Received> | undefined;
  /** What is under way to this end. `undefined` stands for the end of the link. */
  readonly #arriving: (Received | undefined)[] = [];
  readonly #post: Post;
  #other: MemoryLink<Received, Sent> | undefined;
  /** Whether nothing sent from here arrives any more. */
  #isCut = false;
  #hasEnded = false;
  /** All messages that this end has sent. */
  readonly sent: Sent[] = [];
  /** What its handler has thrown. */
  readonly errors: unknown[] = [];

  constructor(peer: string, post: Post) {
    this.peer = peer;
    this.#post = post;
  }

  static pair(
    requester: string,
    owner: string,
    post: Post,
  ): { requester: MemoryLink<RequesterMessage, OwnerMessage>; owner: MemoryLink<OwnerMessage, RequesterMessage> } {
    const pair = {
      requester: new MemoryLink<RequesterMessage, OwnerMessage>(owner, post),
      owner: new MemoryLink<OwnerMessage, RequesterMessage>(requester, post),
    };
    pair.requester.#other = pair.owner;
    pair.owner.#other = pair.requester;
    return pair;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** How many messages are under way to this end. */
  get arriving(): number {
    return this.#arriving.length;
  }

  send(message: Sent): void {
    if (!this.#isCut && !this.#hasEnded && this.#other !== undefined) {
      this.sent.push(message);
      // As bytes would: the receiving end gets an object of its own.
      this.#other.#arrive(structuredClone(message));
    }
  }

  async delivered(): Promise<void> {
    // Models move messages in orders of their own. This waits for those that were sent before.
    while (!this.#isCut && !this.#hasEnded && (this.#other?.arriving ?? 0) > 0) {
      await new Promise((resolve) => this.#post(() => resolve(undefined)));
    }
  }

  end(): void {
    if (!this.#isCut) {
      this.#arriving.length = 0;
      this.cut();
    }
  }

  /**
   * Breaks the link. Of what is under way to each end, the first so many messages still arrive before the end does.
   *
   * @param here how many arrive at this end
   * @param there how many arrive at the other end
   */
  cut(here = 0, there = 0): void {
    if (!this.#isCut && this.#other !== undefined) {
      this.#isCut = true;
      this.#other.#isCut = true;
      this.#truncate(here);
      this.#other.#truncate(there);
    }
  }

  /** What is under way to this end is dropped, and the end of the link arrives at once. */
  terminate(): void {
    this.cut();
    while (!this.#hasEnded) {
      this.deliver();
    }
  }

  /** Lets the handler send frames again. */
  unblock(): void {
    this.isFull = false;
    if (!this.#hasEnded) {
      this.handler?.onWritable();
    }
  }

  /** Has the first of what is under way arrive. */
  deliver(): void {
    if (this.#hasEnded || this.#arriving.length === 0) {
      return;
    }
    const message = this.#arriving.shift();
    if (message === undefined) {
      this.#hasEnded = true;
      this.handler?.onEnd();
      return;
    }
    try {
      this.handler?.onMessage(this.#received(message));
    } catch (error) {
      this.errors.push(error);
      this.end();
    }
  }

  #received(message: Received): Received {
    // structuredClone() makes a Uint8Array of a Buffer.
    return message.type === 'frame' ? { ...message, bytes: Buffer.from(message.bytes) } : message;
  }

  #truncate(length: number): void {
    this.#arriving.length = Math.min(length, this.#arriving.length);
    this.#arrive(undefined);
  }

  #arrive(message: Received | undefined): void {
    this.#arriving.push(message);
    this.#post(() => this.deliver());
  }
}
