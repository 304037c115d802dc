/** Which sessions are in which room. */
import { MAX_ROOM_LENGTH } from '../protocol/limits.ts';
import { withHelp } from '../util/help.ts';

/** The rooms of one endpoint. A room exists while it has members. */
export class Rooms<M> {
  readonly #members = new Map<string, Set<M>>();
  /** Called when a member has come to a room or left it. Set by the cluster of an endpoint. */
  onChange: ((room: string) => void) | undefined;

  enter(room: string, member: M): void {
    const members = this.#members.get(room);
    if (members === undefined) {
      this.#members.set(room, new Set([member]));
    } else {
      members.add(member);
    }
    this.onChange?.(room);
  }

  leave(room: string, member: M): void {
    const members = this.#members.get(room);
    if (members?.delete(member)) {
      if (members.size === 0) {
        this.#members.delete(room);
      }
      this.onChange?.(room);
    }
  }

  /** The member leaves each of these rooms. */
  leaveAll(member: M, rooms: Iterable<string>): void {
    for (const room of rooms) {
      this.leave(room, member);
    }
  }

  /** How many members a room has. */
  sizeOf(room: string): number {
    return this.#members.get(room)?.size ?? 0;
  }

  /** The names of all rooms that have members. */
  names(): Iterable<string> {
    return this.#members.keys();
  }

  /** The members of a room, in the order they entered. */
  in(room: string): Iterable<M> {
    return this.#members.get(room) ?? [];
  }
}

/**
 * Checks the name of a room.
 *
 * @param call the method that was called with it, for the error
 * @throws TypeError for anything but a string; RangeError for a name of more than 1024 characters
 */
export function assertRoom(call: string, room: unknown): asserts room is string {
  if (typeof room !== 'string') {
    throw withHelp(
      'the-name-of-a-room',
      new TypeError(`sockjs: ${call}() takes the name of a room, not ${room === null ? 'null' : typeof room}`),
    );
  }
  if (room.length > MAX_ROOM_LENGTH) {
    throw withHelp(
      'the-name-of-a-room',
      new RangeError(`sockjs: ${call}() takes a name of at most ${MAX_ROOM_LENGTH} characters, not ${room.length}`),
    );
  }
}
