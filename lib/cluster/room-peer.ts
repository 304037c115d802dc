/** Another node, as far as rooms are concerned: the rooms that it has told of, and what is sent to it. */
import type { Link } from './link.ts';
import { LEASE, RENEWALS } from './membership.ts';
import type { OwnerMessage, RequesterMessage } from './messages.ts';
import { type KeptBytes, type Loss, OutgoingBroadcasts } from './outgoing-broadcasts.ts';
import type { Room } from './room-announcements.ts';

/** Renewals without a link after which a node counts as gone. A lease that is not renewed has run out by then. */
const RENEWALS_OF_LEASE = LEASE * RENEWALS;

/** The same for a node without a lease. The answer to the first may be older than its lease. */
const RENEWALS_OF_DEAD = 1;

/** How many messages were posted, and when the last of each kind was. */
export interface Posted {
  readonly all: number;
  readonly forAll: number;
  readonly closes: number;
}

/** One other node. */
export class RoomPeer {
  readonly outgoing: OutgoingBroadcasts;
  /** Whether it has a lease, or a link to this node. */
  isAlive = true;
  /** How many sessions its rooms have; undefined until it has told of all. */
  #counts: Map<Room, number> | undefined;
  /** The same, while the list comes in on a new link. Until it is whole, the list of the link before counts. */
  #listing: Map<Room, number> | undefined;
  #link: Link<RequesterMessage> | undefined;
  #renewals = 0;
  #postedBefore = 0;

  /** @param onGap called when the node is told that it has missed messages */
  constructor(kept: KeptBytes, onGap: (loss: Loss) => void) {
    this.outgoing = new OutgoingBroadcasts(kept, onGap);
  }

  /** How many sessions a room has there, as far as is known. */
  countOf(room: Room): number {
    return this.#counts?.get(room) ?? 0;
  }

  /** Whether a message to that room has to be sent: without a link, the node may have got the room meanwhile. */
  mayHave(room: Room): boolean {
    return this.#link === undefined || this.#listing !== undefined || this.#counts?.has(room) === true;
  }

  /** There is a link to it. */
  onLink(link: Link<RequesterMessage>): void {
    this.#link = link;
    this.#listing = new Map();
    this.outgoing.onLink(link);
  }

  /** A message of the node about its rooms. */
  onMessage(message: Extract<OwnerMessage, { type: 'rooms' | 'ack' }>): void {
    if (message.type === 'ack') {
      // The first one follows the list.
      this.#counts = this.#listing ?? this.#counts;
      this.#listing = undefined;
      this.outgoing.onAck(message.seq);
      return;
    }
    const counts = this.#listing ?? this.#counts;
    if (message.count === 0) {
      counts?.delete(message.room);
    } else {
      counts?.set(message.room, message.count);
    }
  }

  onLinkEnd(link: Link<RequesterMessage>): void {
    if (this.#link === link) {
      // Its rooms count on by what it told last, until the next link, or until it has gone.
      this.#link = undefined;
      this.#renewals = 0;
      this.outgoing.onLinkEnd(link);
    }
  }

  /** There was a renewal. Returns whether the node seems to have gone. */
  countRenewal(): boolean {
    this.#renewals += 1;
    const maxRenewals = this.isAlive ? RENEWALS_OF_LEASE : RENEWALS_OF_DEAD;
    return this.#link === undefined && this.#renewals > maxRenewals;
  }

  /** It seems to have gone. Nothing is kept for it. */
  leave(posted: Posted): void {
    this.#postedBefore = posted.all;
    this.#counts = undefined;
    this.outgoing.drop();
  }

  /** It has come back, without what was posted meanwhile. */
  comeBack(posted: Posted): void {
    this.#renewals = 0;
    if (posted.all > this.#postedBefore) {
      this.outgoing.skip({
        isForAll: posted.forAll > this.#postedBefore,
        hasClose: posted.closes > this.#postedBefore,
      });
    }
  }
}
