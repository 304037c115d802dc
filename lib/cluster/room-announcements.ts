/**
 * Tells the other nodes which rooms have members at this one, and how many. Each link that another node has dialled gets
 * a list first, then changes: the first member of a room at once, all else gathered for a second. A link that is full is
 * told later, with the count of then.
 */
import { DeadlineTimer, type TimerQueue } from '../util/timer-queue.ts';
import type { Link } from './link.ts';
import type { OwnerMessage } from './messages.ts';

/** ms for which changes of a count are gathered. */
export const GATHER = 1000;

/** The name of a room; undefined for all sessions. */
export type Room = string | undefined;

/** The rooms that have members at this node. */
export interface LocalRooms {
  /** Their names; and undefined where there is any session. */
  names(): Iterable<Room>;
  /** How many members a room has here. */
  sizeOf(room: Room): number;
}

/** What a link has still to be told. */
interface Telling {
  /** Rooms that it has not been told of since they have changed: at first all. */
  readonly rooms: Set<Room>;
  /** Called when it has been told of all: after the list, and each time that it was too full for changes. */
  readonly onTold: () => void;
  isTold: boolean;
}

/** What the other nodes know of the rooms of this one. */
export class RoomAnnouncements {
  readonly #local: LocalRooms;
  readonly #timer: DeadlineTimer;
  readonly #links = new Map<Link<OwnerMessage>, Telling>();
  /** What all links are told of each room. Empty without links. */
  readonly #announced = new Map<Room, number>();
  readonly #changed = new Set<Room>();

  constructor(timers: TimerQueue, local: LocalRooms) {
    this.#local = local;
    this.#timer = new DeadlineTimer(timers, { onTimer: () => this.flush() });
  }

  /**
   * There is a link, which gets the list as fast as it takes it.
   *
   * @param onTold called when the list is whole, and whenever the link has taken changes that it was too full for
   */
  add(link: Link<OwnerMessage>, onTold: () => void): void {
    if (this.#links.size === 0) {
      for (const room of this.#local.names()) {
        this.#announced.set(room, this.#local.sizeOf(room));
      }
    }
    this.#links.set(link, { rooms: new Set(this.#announced.keys()), onTold, isTold: false });
    this.onWritable(link);
  }

  /** Whether a link has been told of all rooms, and of all that was announced since. */
  isTold(link: Link<OwnerMessage>): boolean {
    return this.#links.get(link)?.isTold === true;
  }

  /** The link takes more. */
  onWritable(link: Link<OwnerMessage>): void {
    const telling = this.#links.get(link);
    if (telling === undefined) {
      return;
    }
    for (const room of telling.rooms) {
      if (link.isFull) {
        telling.isTold = false;
        return;
      }
      telling.rooms.delete(room);
      link.send({ type: 'rooms', room, count: this.#announced.get(room) ?? 0 });
    }
    if (!telling.isTold) {
      telling.isTold = true;
      telling.onTold();
    }
  }

  /** The link has ended. */
  delete(link: Link<OwnerMessage>): void {
    this.#links.delete(link);
    if (this.#links.size === 0) {
      this.#announced.clear();
      this.#changed.clear();
      this.#timer.clear();
    }
  }

  /** A session has come to a room, or has left it. */
  onChange(room: Room): void {
    if (this.#links.size === 0) {
      return;
    }
    if (!this.#announced.has(room)) {
      // The first member: from now on the others have to send.
      this.#announce(room);
    } else {
      if (this.#changed.size === 0) {
        this.#timer.set(GATHER);
      }
      this.#changed.add(room);
    }
  }

  /** Tells of all changes. */
  flush(): void {
    this.#timer.clear();
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const room of changed) {
      this.#announce(room);
    }
  }

  #announce(room: Room): void {
    const count = this.#local.sizeOf(room);
    if ((this.#announced.get(room) ?? 0) === count) {
      return;
    }
    if (count === 0) {
      this.#announced.delete(room);
    } else {
      this.#announced.set(room, count);
    }
    for (const [link, { rooms }] of this.#links) {
      // Behind what it has still to be told. A link that is full would end by much more.
      rooms.add(room);
      this.onWritable(link);
    }
  }
}
