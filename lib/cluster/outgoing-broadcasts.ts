/**
 * What this node has sent to the rooms of another one. Each message has a number, and is kept until the other node has
 * acknowledged it: after a link has broken, the next one carries it again.
 *
 *     kept:   [acknowledged]  41  42  43 │ 44  45
 *                             sent       │ to be sent, once there is a link that takes it
 */
import type { Link } from './link.ts';
import { LinkError } from './link-codec.ts';
import type { RequesterMessage } from './messages.ts';

/**
 * Bytes that are kept for one node, by two for each character. Beyond it the oldest go, which is a gap where they have to
 * be sent again.
 */
export const MAX_KEPT_BYTES = 1024 * 1024;

/** Bytes that are kept for all nodes together. A message for many counts for each of them. */
export const MAX_KEPT_BYTES_IN_ALL = 16 * 1024 * 1024;

/** Bytes that a message takes beside its text, at least. */
export const OVERHEAD = 200;

/** No node ever sends so many messages. Numbers beyond it would lose their last digit. */
const MAX_SEQ = 2 ** 52;

/**
 * A message to the sessions in a room, or to all where `room` is undefined; a close of them; or a `sync`, which no session
 * sees, to learn when all before it has arrived.
 */
export type Broadcast =
  | { readonly type: 'message'; readonly room: string | undefined; readonly text: string }
  | { readonly type: 'close'; readonly room: string | undefined; readonly code: number; readonly reason: string }
  | { readonly type: 'sync' };

/** The bytes that are kept for all nodes. */
export interface KeptBytes {
  total: number;
}

/** What may be among lost messages. */
export interface Loss {
  /** A message for all sessions, not only for those in rooms. */
  readonly isForAll: boolean;
  readonly hasClose: boolean;
}

/** The queue towards one other node. */
export class OutgoingBroadcasts {
  readonly #kept = new Map<number, Broadcast>();
  readonly #keptByAll: KeptBytes;
  readonly #onGap: (loss: Loss) => void;
  #keptBytes = 0;
  #link: Link<RequesterMessage> | undefined;
  /** Whether the other node has said on this link what it has. */
  #isReady = false;
  #lastSeq = 0;
  #sentSeq = 0;
  /** What was lost up to a number, unless the other node is known to have it, or to know of its loss. */
  #loss: (Loss & { readonly seq: number }) | undefined;
  /** Those who wait for the acknowledgement of a number. */
  readonly #waiting = new Map<number, (isConfirmed: boolean) => void>();

  /**
   * @param keptByAll what all queues of this node keep
   * @param onGap called when the other node is told of a gap
   */
  constructor(keptByAll: KeptBytes, onGap: (loss: Loss) => void = () => {}) {
    this.#keptByAll = keptByAll;
    this.#onGap = onGap;
  }

  /** Whether all was acknowledged, or told to be lost. */
  get isEmpty(): boolean {
    return this.#kept.size === 0 && this.#loss === undefined;
  }

  /** Sends it, or keeps it until it can be sent. */
  post(broadcast: Broadcast): void {
    this.#lastSeq += 1;
    this.#kept.set(this.#lastSeq, broadcast);
    this.#count(sizeOf(broadcast));
    this.pump();
    const isTooMuch = () => this.#keptBytes > MAX_KEPT_BYTES || this.#keptByAll.total > MAX_KEPT_BYTES_IN_ALL;
    // The last one is kept, however large it is.
    while (this.#kept.size > 1 && isTooMuch()) {
      this.#loseOldest();
    }
  }

  /** Posts it. Settles with whether the other node has confirmed it: false where it was lost, or the node has gone. */
  confirm(broadcast: Broadcast): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiting.set(this.#lastSeq + 1, resolve);
      this.post(broadcast);
    });
  }

  /** What the other node was not sent, since it seemed to have gone. It hears of a gap. */
  skip(loss: Loss): void {
    this.#lastSeq += 1;
    this.#addLoss(this.#lastSeq, loss);
  }

  /** There is a link. Nothing goes out before the first acknowledgement on it. */
  onLink(link: Link<RequesterMessage>): void {
    this.#link = link;
    this.#isReady = false;
  }

  /** The link has ended. */
  onLinkEnd(link: Link<RequesterMessage>): void {
    if (this.#link === link) {
      this.#link = undefined;
    }
  }

  /**
   * The other node has all up to this number. The first time on a link, what it has not is sent again.
   *
   * @throws LinkError for a number that no node sends
   */
  onAck(seq: number): void {
    if (seq > MAX_SEQ || (this.#isReady && seq > this.#sentSeq)) {
      throw new LinkError(`message ${seq} was acknowledged, ${this.#sentSeq} was the last`);
    }
    if (seq > this.#lastSeq) {
      // This node has forgotten what it sent. It cannot say what was lost.
      this.#answer(this.#lastSeq, false);
      this.#lastSeq = seq + 1;
      this.#addLoss(this.#lastSeq, { isForAll: true, hasClose: true });
    }
    for (const [kept, broadcast] of this.#kept) {
      if (kept > seq) {
        break;
      }
      this.#forget(kept, broadcast);
    }
    if (this.#loss !== undefined && this.#loss.seq <= seq) {
      this.#loss = undefined;
    }
    this.#answer(seq, true);
    if (!this.#isReady) {
      this.#isReady = true;
      this.#sentSeq = seq;
    }
    this.pump();
  }

  /** Sends what the link takes. */
  pump(): void {
    const link = this.#link;
    if (link === undefined || !this.#isReady) {
      return;
    }
    while (this.#sentSeq < this.#lastSeq && !link.isFull) {
      const seq = this.#sentSeq + 1;
      const broadcast = this.#kept.get(seq);
      if (broadcast === undefined) {
        this.#sendGap(link);
      } else if (this.#send(link, broadcast, seq)) {
        this.#sentSeq = seq;
      }
    }
  }

  /** Keeps nothing any more: the other node seems to have gone. Should it come back, it hears of a gap. */
  drop(): void {
    while (this.#kept.size > 0) {
      this.#loseOldest();
    }
    this.#answer(this.#lastSeq, false);
  }

  #send(link: Link<RequesterMessage>, broadcast: Broadcast, seq: number): boolean {
    try {
      link.send({ ...broadcast, seq });
      return true;
    } catch (error) {
      if (!(error instanceof RangeError)) {
        throw error;
      }
      // No link takes a message that large.
      this.#lose(seq, broadcast);
      return false;
    }
  }

  /** Tells the other node that it misses all before the first message that is kept. */
  #sendGap(link: Link<RequesterMessage>): void {
    let seq = this.#lastSeq;
    for (const kept of this.#kept.keys()) {
      if (kept > this.#sentSeq) {
        seq = kept - 1;
        break;
      }
    }
    // The other node has forgotten what it got: it cannot be said what that was.
    const { isForAll, hasClose } = this.#loss?.seq === seq ? this.#loss : { isForAll: true, hasClose: true };
    link.send({ type: 'gap', seq, isForAll, hasClose });
    this.#answer(seq, false, this.#sentSeq);
    this.#sentSeq = seq;
    this.#onGap({ isForAll, hasClose });
  }

  #loseOldest(): void {
    const [oldest] = this.#kept;
    if (oldest !== undefined) {
      this.#lose(...oldest);
    }
  }

  #lose(seq: number, broadcast: Broadcast): void {
    this.#forget(seq, broadcast);
    this.#addLoss(seq, lossOf(broadcast));
    if (seq > this.#sentSeq) {
      this.#waiting.get(seq)?.(false);
      this.#waiting.delete(seq);
    }
  }

  #addLoss(seq: number, { isForAll, hasClose }: Loss): void {
    this.#loss = {
      seq,
      isForAll: this.#loss?.isForAll === true || isForAll,
      hasClose: this.#loss?.hasClose === true || hasClose,
    };
  }

  #forget(seq: number, broadcast: Broadcast): void {
    this.#kept.delete(seq);
    this.#count(-sizeOf(broadcast));
  }

  /** Tells those who wait for a number up to this one, and beyond another. */
  #answer(seq: number, isConfirmed: boolean, beyond = 0): void {
    for (const [waiting, resolve] of this.#waiting) {
      if (waiting > seq) {
        return;
      }
      if (waiting > beyond) {
        this.#waiting.delete(waiting);
        resolve(isConfirmed);
      }
    }
  }

  #count(bytes: number): void {
    this.#keptBytes += bytes;
    this.#keptByAll.total += bytes;
  }
}

/** What is lost with a message. */
export function lossOf(broadcast: Broadcast): Loss {
  return {
    isForAll: broadcast.type !== 'sync' && broadcast.room === undefined,
    hasClose: broadcast.type === 'close',
  };
}

/** The memory of a kept message, at least. */
function sizeOf(broadcast: Broadcast): number {
  if (broadcast.type === 'sync') {
    return OVERHEAD;
  }
  const text = broadcast.type === 'message' ? broadcast.text : broadcast.reason;
  return OVERHEAD + 2 * (text.length + (broadcast.room?.length ?? 0));
}
