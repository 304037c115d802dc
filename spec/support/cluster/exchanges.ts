/** What clients of several processes do in the specs: they exchange numbered messages, and open sessions at a process. */
import assert from 'node:assert/strict';
import type { HttpReceiver } from '../contract.ts';
import { HTTP_RECEIVERS, xhrPolling } from '../transport-cases.ts';
import { NumberedClient, type Route } from './numbered-client.ts';
import { NumberedSocket } from './numbered-socket.ts';
import type { ObservedNode } from './observed-nodes.ts';

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
export async function insistOnOpening(route: Route): Promise<NumberedClient> {
  for (;;) {
    const client = new NumberedClient(xhrPolling, route).start();
    await client.until(() => client.isOpen || client.end !== undefined, 'an answer');
    if (client.end === undefined) {
      return client;
    }
    assert.deepEqual(client.end, { kind: 'answered', status: 503, retryAfter: '5' });
  }
}

/** Opens a session by each transport at one process, and has its further requests go to the others in turns. */
export function openAt(
  owner: ObservedNode,
  others: readonly ObservedNode[],
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

/**
 * Opens sessions of all kinds at one process: such as it serves itself, such as another relays to it, and a WebSocket.
 *
 * @returns those over HTTP, and what has each of all exchange a message
 */
export async function openAllKinds(owner: ObservedNode, other: ObservedNode) {
  const clients = [...(await openAt(owner, [owner])), ...(await openAt(owner, [other]))];
  const socket = await new NumberedSocket(`http://127.0.0.1:${owner.port}`).open();
  const echoAll = async (text: string) => {
    await Promise.all([...clients, socket].map((client) => client.echoes(text)));
  };
  return { clients, echoAll };
}

/** Has sessions exchange numbered messages while a test does its work. Rejects where one of them has noticed. */
export async function underLoad(clients: readonly NumberedClient[], work: () => Promise<void>): Promise<void> {
  let isOver = false;
  const load = async (client: NumberedClient) => {
    const before = client.received.length;
    let sent = 0;
    do {
      const { status } = await client.send(String(sent));
      assert.ok(status === 204 || status === 200, `a send of ${client.id} got ${status}`);
      sent += 1;
      // One at a time leaves the machine to the work.
      await client.until(() => client.received.length >= before + sent || client.end !== undefined, 'a message');
    } while (!isOver && client.end === undefined);
    assert.deepEqual([client.received.slice(before), client.end], [numbers(sent), undefined], client.id);
  };
  const done = Promise.all(clients.map(load));
  // It is awaited once the work is over.
  done.catch(() => {});
  await work();
  isOver = true;
  await done;
}
