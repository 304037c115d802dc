/** One message for many sessions. */
import { SharedMessage } from '../protocol/shared-message.ts';

/** A session that can be sent a shared message. `S` is the session object of the application. */
interface Member<S> {
  readonly session: S;
  /** Returns whether the message was accepted. Where it is one among many, it leaves behind what goes to single clients. */
  sendShared(message: SharedMessage, isAmongMany: boolean): boolean;
}

/**
 * The first members of a broadcast, in number, whose messages leave like those to single clients: a room of a chat need
 * not wait until a broadcast to thousands has left. They take some 0.6 ms.
 */
const FEW = 64;

/** Whom a broadcast reaches. */
export interface BroadcastOptions<S> {
  /**
   * Whether only sessions of this process get it, where the option `cluster` shares the sessions with others.
   * @default false
   */
  readonly local?: boolean | undefined;
  /** The session or sessions of this process that do not get it. None where this is left out. */
  readonly except?: S | Iterable<S> | undefined;
}

/**
 * Sends one message to many sessions, encoding it once.
 *
 * @returns how many accepted it
 */
export function sendToAll<S extends object>(
  members: Iterable<Member<S>>,
  message: string,
  options?: BroadcastOptions<S>,
): number {
  // Callers in JavaScript may give null, which leaves out none either.
  const except = options?.except ?? undefined;
  const shared = new SharedMessage(message);
  const others = except === undefined || isIterable(except) ? new Set(except) : new Set([except]);
  let accepted = 0;
  for (const member of members) {
    if (!others.has(member.session) && member.sendShared(shared, accepted >= FEW)) {
      accepted += 1;
    }
  }
  return accepted;
}

/** Closes sessions, which leave their rooms meanwhile. */
export function closeAll(
  members: Iterable<{ close(code: number, reason: string): unknown }>,
  code: number,
  reason: string,
): void {
  for (const member of [...members]) {
    member.close(code, reason);
  }
}

function isIterable<S extends object>(value: S | Iterable<S>): value is Iterable<S> {
  return Symbol.iterator in value;
}
