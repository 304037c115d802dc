/** How often a server writes to a connection. Pieces that leave together are one write. */
import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Counts the writes to the next connection of a server. */
export function countWrites(server: Server): () => number {
  let count = 0;
  server.once('connection', (socket: Socket) => {
    for (const name of ['_write', '_writev'] as const) {
      const original = socket[name] ?? assert.fail();
      socket[name] = function (this: Socket, ...args: unknown[]) {
        count += 1;
        return Reflect.apply(original, this, args);
      };
    }
  });
  return () => count;
}
