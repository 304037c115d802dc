/** What clients of several processes do in the specs: they exchange numbered messages, and open sessions at a process. */
import assert from 'node:assert/strict';
import type { HttpReceiver } from '../contract.ts';
import { HTTP_RECEIVERS, xhrPolling } from '../transport-cases.ts';
import { NumberedClient, type Route } from './numbered-client.ts';
import type { NodeProcess } from './processes.ts';

/** The option `responseLimit` of the processes: streams end often, and go on at another process. */
export const RESPONSE_LIMIT = 1_024;

/** Messages of one send, at most. */
const BATCH = 4;

/** The texts `0`, `1`, and so on. */
export const numbers = (count: number) => Array.from({ length: count }, (_, number) => String(number));

/** Sends numbered messages, and settles when all have come back. */
export async function exchange(client: NumberedClient, count: number): Promise<void> {
  const texts = numbers(count);
  for (let size = 1; texts.length > 0; size = (size % BATCH) + 1) {
    const { status } = await client.send(...texts.splice(0, size));
    assert.ok(status === 204 || status === 200, `a send of ${client.id} got ${status}`);
  }
  await client.until(() => client.received.length >= count || client.end !== undefined, `${count} messages`);
}

/** Sends numbered messages until the session has ended or is to have enough. Then all have come back. */
export async function exchangeUntil(client: NumberedClient, isEnough: () => boolean): Promise<void> {
  let sent = 0;
  while (client.end === undefined && !isEnough()) {
    const { status } = await client.send(String(sent));
    if (status !== 204 && status !== 200) {
      // Only of a session that has ended.
      await client.ended();
      return;
    }
    sent += 1;
  }
  await client.until(() => client.received.length >= sent || client.end !== undefined, `${sent} messages`);
}

/** Opens a session, as a client does that gets 503 and tries again with another id. */
export async function insistOnOpening(route: Route): Promise<void> {
  for (;;) {
    const client = new NumberedClient(xhrPolling, route).start();
    await client.until(() => client.isOpen || client.end !== undefined, 'an answer');
    if (client.end === undefined) {
      return;
    }
    assert.deepEqual(client.end, { kind: 'answered', status: 503, retryAfter: '5' });
  }
}

/** Opens a session by each transport at one process, and has its further requests go to the others in turns. */
export function openAt(
  owner: NodeProcess,
  others: readonly NodeProcess[],
  transports: readonly HttpReceiver[] = HTTP_RECEIVERS,
): Promise<NumberedClient[]> {
  return Promise.all(
    transports.map(async (transport, i) => {
      const client = await new NumberedClient(transport, () => owner).open();
      client.route = () => others[i % others.length] ?? owner;
      // A stream ends by its limit, and the poll that waits at the owner by the first message.
      await client.echoes('x'.repeat(RESPONSE_LIMIT));
      await client.echoes('relayed');
      await client.receives();
      return client;
    }),
  );
}
