/** Who is in which room, and messages for many sessions at once. */
import { SharedMessage } from '../protocol/shared-message.ts';

/** What takes a message of many. */
interface Member {
  /** @returns whether it was accepted */
  sendShared(message: SharedMessage): boolean;
}

/** Who is left out of a broadcast: one session, or some. */
export interface BroadcastOptions<Member> {
  readonly except?: Member | Iterable<Member> | undefined;
}

/** The rooms of one mount. A room is there while somebody is in it. */
export class Rooms<M> {
  readonly #members = new Map<string, Set<M>>();

  enter(room: string, member: M): void {
    const members = this.#members.get(room);
    if (members === undefined) {
      this.#members.set(room, new Set([member]));
    } else {
      members.add(member);
    }
  }

  leave(room: string, member: M): void {
    const members = this.#members.get(room);
    if (members?.delete(member) && members.size === 0) {
      this.#members.delete(room);
    }
  }

  /** Those who are in the room, in the order they came. */
  in(room: string): Iterable<M> {
    return this.#members.get(room) ?? [];
  }
}

/**
 * Sends one message to many, encoding it once.
 *
 * @returns how many accepted it
 * @throws TypeError for anything but a string
 */
export function sendToAll<M extends Member>(
  members: Iterable<M>,
  message: string,
  options?: BroadcastOptions<M>,
): number {
  // Nobody is left out by null either, which callers in JavaScript may give.
  const except = options?.except ?? undefined;
  const shared = new SharedMessage(message);
  const others = except === undefined || isIterable(except) ? new Set(except) : new Set([except]);
  let accepted = 0;
  for (const member of members) {
    if (!others.has(member) && member.sendShared(shared)) {
      accepted += 1;
    }
  }
  return accepted;
}

function isIterable<M extends object>(value: M | Iterable<M>): value is Iterable<M> {
  return Symbol.iterator in value;
}
