/** Tells sends that the server holds from those that it has only not answered yet. */
import { post } from './http.ts';

/** Sends of one session that may wait for their turn. */
export const MAX_WAITING = 100;

/**
 * To be called while a send of the session has no answer. Makes one send more than may wait behind it. If the server holds
 * that send, it refuses one of them with 503 and keeps the others. If it was only slow, it takes them all.
 *
 * @param url where the session takes sends
 * @param body of each send
 */
export async function probeSends(url: string, body: string) {
  const statuses = Array.from({ length: MAX_WAITING + 1 }, async () => (await post(url, body)).status);
  const hasRefusal = Promise.all(statuses).then((all) => all.includes(503));
  const isHeld = await Promise.race(statuses.map(async (status) => (await status) === 503 || hasRefusal));
  return { isHeld, statuses };
}
