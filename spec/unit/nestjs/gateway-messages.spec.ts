import assert from 'node:assert/strict';
import type { SockjsOptions } from '../../../lib/index.ts';
import { type Answers, GatewayMessages, type MessageHandler } from '../../../lib/nestjs/gateway-messages.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { serve, sessionCatcher } from '../../support/test-server.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

type Observer = Parameters<Answers['subscribe']>[0];

/** An Observable whose subscriber gets these values, and which then is complete, within `subscribe()`. */
function values(...answers: readonly unknown[]): Answers {
  return {
    subscribe: (observer) => {
      for (const answer of answers) {
        observer.next(answer);
      }
      observer.complete();
      return { unsubscribe: () => {} };
    },
  };
}

const failing: Answers = {
  subscribe: (observer) => {
    observer.error(new Error('a fault'));
    return { unsubscribe: () => {} };
  },
};

/** An Observable that the test speaks for. */
class Source implements Answers {
  readonly observers = new AsyncQueue<Observer>();
  readonly unsubscribed = new AsyncQueue<true>();

  subscribe(observer: Observer): { unsubscribe(): void } {
    this.observers.push(observer);
    return { unsubscribe: () => this.unsubscribed.push(true) };
  }
}

const handler = (message: unknown, callback: MessageHandler['callback']): MessageHandler => ({ message, callback });

/** A session whose messages go to these methods, and its client, over a raw WebSocket. */
async function start(
  handlers: readonly MessageHandler[],
  transform: (result: unknown) => Answers = values,
  options: SockjsOptions = {},
) {
  const { onSession, next } = sessionCatcher();
  const { origin } = await serve({ rawWebsocket: true, ...options }, onSession);
  const client = new WebSocketClient(origin, '/echo/websocket');
  await client.opened;
  const session = await next();
  const messages = new GatewayMessages(session);
  messages.add(handlers, transform);
  return { client, session, messages };
}

describe('GatewayMessages', () => {
  it('gives the data of a message to the methods of its event alone, of all gateways in their order', async () => {
    const { client, messages } = await start([
      handler('say', (data) => ({ first: data })),
      handler('other', () => assert.fail('not its event')),
    ]);
    messages.add([handler('say', (data) => ({ second: data }))], values);
    client.send('{"event":"say","data":[1]}');
    assert.equal(await client.next(), '{"first":[1]}');
    assert.equal(await client.next(), '{"second":[1]}');
  });

  it('ignores a message that is no JSON, has no event that is text, or an event without a method', async () => {
    const { client } = await start([
      handler('say', () => 'heard'),
      handler(undefined, () => assert.fail('has no event')),
      handler(1, () => assert.fail('is no text')),
    ]);
    for (const text of [
      '',
      '{',
      'null',
      '1',
      '"say"',
      '["say"]',
      '{"event":1}',
      '{"data":1}',
      '{"event":"__proto__"}',
    ]) {
      client.send(text);
    }
    client.send('{"event":"say"}');
    assert.equal(await client.next(), '"heard"');
  });

  it('sends false, 0 and the empty text, and nothing for undefined and null', async () => {
    const { client } = await start([handler('say', () => {})], () => values(undefined, false, null, 0, ''));
    client.send('{"event":"say"}');
    assert.deepEqual([await client.next(), await client.next(), await client.next()], ['false', '0', '""']);
  });

  for (const [what, fail] of [
    ['a method that throws', () => assert.fail('a fault')],
    ['an Observable that fails', () => failing],
    ['an answer that JSON cannot hold', () => values({ toJSON: () => assert.fail('a fault') })],
    ['an answer that is no text in JSON', () => values(() => 'a fault')],
  ] as const) {
    it(`ends the session with 1011 for ${what}, and tells onError`, async () => {
      const errors = new AsyncQueue<unknown>();
      const { client } = await start([handler('say', fail)], (result) => result as Answers, {
        onError: (error) => errors.push(error),
      });
      client.send('{"event":"say"}');
      assert.equal((await client.closed).code, 1011);
      assert.match(String(await errors.next()), /a fault|session\.send/);
    });
  }

  it('unsubscribes from an Observable whose answer JSON cannot hold', async () => {
    const source = new Source();
    const { client } = await start([handler('say', () => {})], () => source, { onError: () => {} });
    client.send('{"event":"say"}');
    (await source.observers.next()).next(1n);
    assert.equal(await source.unsubscribed.next(), true);
    assert.equal((await client.closed).code, 1011);
  });

  it('unsubscribes when the session closes, but not from an Observable that has ended', async () => {
    const [ended, open] = [new Source(), new Source()];
    const { client } = await start(
      [handler('ended', () => ended), handler('open', () => open)],
      (result) => result as Source,
    );
    client.send('{"event":"ended"}');
    (await ended.observers.next()).complete();
    client.send('{"event":"open"}');
    await open.observers.next();
    client.socket.close();
    assert.equal(await open.unsubscribed.next(), true);
    assert.equal(ended.unsubscribed.size, 0);
  });

  it('sends what exception filters emit on the session', async () => {
    const { client, session } = await start([]);
    (session as { emit(event: string, payload: unknown): unknown }).emit('exception', { status: 'error' });
    assert.equal(await client.next(), '{"event":"exception","data":{"status":"error"}}');
  });
});
