/** Which sessions are in which room. */

/** The rooms of one endpoint. A room exists while it has members. */
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

  /** The member leaves each of these rooms. */
  leaveAll(member: M, rooms: Iterable<string>): void {
    for (const room of rooms) {
      this.leave(room, member);
    }
  }

  /** The members of a room, in the order they entered. */
  in(room: string): Iterable<M> {
    return this.#members.get(room) ?? [];
  }
}
