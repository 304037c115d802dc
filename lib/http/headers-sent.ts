/**
 * Whether the head of a response has left, where a framework has replaced Node's answer.
 *
 * Bypass: the own property `headersSent` that @fastify/express puts on each response is deleted.
 */
import type { ServerResponse } from 'node:http';

/**
 * Gives a response the `headersSent` of Node back. @fastify/express puts one of its own on each response, which stays
 * false for all that is not sent by Fastify: the head of a stream would be sent a second time at its end.
 */
export function restoreHeadersSent(res: ServerResponse): void {
  if (Object.hasOwn(res, 'headersSent')) {
    Reflect.deleteProperty(res, 'headersSent');
  }
}
