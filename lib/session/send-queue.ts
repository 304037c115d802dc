/** The sends of one session, one at a time, in the order in which they came. */
import { AsyncResource } from 'node:async_hooks';

/** The sends of a session: whether one is being received, and those that wait for their turn. */
interface SendQueue {
  isBusy: boolean;
  readonly waiting: (() => void)[];
}

const queues = new WeakMap<object, SendQueue>();

/** Clients send one request at a time, but may pipeline any number on a connection. */
const MAX_WAITING = 100;

/**
 * Calls `begin` when it is the turn of this send. The turn ends when `done` is called, once. Without turns a client
 * could have the server hold any number of bodies at once, which no limit of its session counts.
 *
 * `begin` runs in the async context of this call: at once where no send is being received, else later.
 *
 * @returns false where 100 sends of the session wait already; `begin` is not called then
 */
export function takeTurn(session: object, begin: (done: () => void) => void): boolean {
  const queue = queues.get(session) ?? { isBusy: false, waiting: [] };
  queues.set(session, queue);
  const done = () => {
    const next = queue.waiting.shift();
    if (next === undefined) {
      queue.isBusy = false;
    } else {
      // Not within the call by which the application reads: the rest of this send comes before the next.
      process.nextTick(next);
    }
  };
  if (!queue.isBusy) {
    queue.isBusy = true;
    begin(done);
  } else if (queue.waiting.length < MAX_WAITING) {
    queue.waiting.push(AsyncResource.bind(() => begin(done)));
  } else {
    return false;
  }
  return true;
}
