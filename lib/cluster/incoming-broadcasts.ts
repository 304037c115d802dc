/** What another node has sent to the rooms of this one: each message once, in order, or a gap that is told. */
import type { Link } from './link.ts';
import { LinkError } from './link-codec.ts';
import type { OwnerMessage, RequesterMessage } from './messages.ts';
import { OVERHEAD } from './outgoing-broadcasts.ts';

/** Bytes that may come before they are acknowledged, so that the other node need not keep them. */
const ACK_AFTER = 65_536;

/** What another node has sent. */
export type IncomingBroadcast = Extract<RequesterMessage, { type: 'message' | 'close' | 'sync' | 'gap' }>;

/** Gives it to the sessions of this process. */
export type DeliverBroadcast = (broadcast: IncomingBroadcast) => void;

/** The messages of one other node. It outlives the links to that. */
export class IncomingBroadcasts {
  readonly #deliver: DeliverBroadcast;
  #link: Link<OwnerMessage> | undefined;
  #lastSeq = 0;
  #ackedSeq = 0;
  #unackedBytes = 0;

  constructor(deliver: DeliverBroadcast) {
    this.#deliver = deliver;
  }

  /** The other node has been told of all rooms on a link. On a new one it goes on behind what this node has. */
  onTold(link: Link<OwnerMessage>): void {
    if (this.#link !== link) {
      this.#link = link;
      this.#acknowledge(link);
    }
  }

  onLinkEnd(): void {
    this.#link = undefined;
  }

  /** @throws LinkError for a number that is out of turn: no node sends that */
  onBroadcast(broadcast: IncomingBroadcast): void {
    const { seq, type } = broadcast;
    const isInTurn = type === 'gap' ? seq > this.#lastSeq : seq === this.#lastSeq + 1;
    if (!isInTurn) {
      throw new LinkError(`message ${seq} comes behind ${this.#lastSeq}`);
    }
    this.#lastSeq = seq;
    this.#deliver(broadcast);
    this.#unackedBytes += OVERHEAD + (type === 'message' ? broadcast.text.length : 0);
    // The application of the other node waits for a close and for a sync.
    if (this.#unackedBytes >= ACK_AFTER || type !== 'message') {
      this.acknowledge();
    }
  }

  /** Tells the other node how far it has come, unless it knows. */
  acknowledge(): void {
    if (this.#link !== undefined && this.#ackedSeq < this.#lastSeq) {
      this.#acknowledge(this.#link);
    }
  }

  #acknowledge(link: Link<OwnerMessage>): void {
    this.#unackedBytes = 0;
    this.#ackedSeq = this.#lastSeq;
    link.send({ type: 'ack', seq: this.#lastSeq });
  }
}
