/** STOMP over SockJS: `@stomp/stompjs` by way of sockjs-client, and a broker that is built on sessions. */
import assert from 'node:assert/strict';
import { Client, type IMessage, type IStompSocket, type StompConfig } from '@stomp/stompjs';
import SockJS from 'sockjs-client';
import { TRANSPORTS } from '../e2e/support/client.ts';
import { AsyncQueue } from '../support/async-queue.ts';
import { afterTest } from '../support/cleanup.ts';
import { EDGE_CASE_TEXTS } from '../support/edge-case-texts.ts';
import { serve } from '../support/test-server.ts';
import { StompBroker } from './support/stomp.ts';

/** Longer than any test lasts: how fast the machine is must not decide whether a transport is given up. */
const PATIENCE = 60_000;

for (const transport of TRANSPORTS) {
  describe(`@stomp/stompjs over ${transport}`, () => {
    async function serveBroker(options: { heartbeat?: number } = {}) {
      const broker = new StompBroker(options);
      const { origin } = await serve({}, broker.onSession);
      return { broker, url: `${origin}/echo` };
    }

    /** A client that is connected, and gone after the test. */
    async function connectTo(url: string, config: StompConfig = {}) {
      const client = new Client({
        webSocketFactory: () =>
          new SockJS(url, null, { transports: [transport], timeout: PATIENCE }) as unknown as IStompSocket,
        reconnectDelay: 0,
        heartbeatIncoming: 0,
        heartbeatOutgoing: 0,
        ...config,
      });
      const connects = new AsyncQueue<Readonly<Record<string, string>>>();
      client.onConnect = ({ headers }) => connects.push(headers);
      client.activate();
      afterTest(() => client.deactivate());
      return { client, connects, headers: await connects.next() };
    }

    /** Subscribes; settles when the broker knows. */
    async function subscribe(client: Client, destination: string) {
      const messages = new AsyncQueue<IMessage>();
      const receipt = `subscribed to ${destination}`;
      const subscribed = new Promise((resolve) => client.watchForReceipt(receipt, resolve));
      const { id } = client.subscribe(destination, (message) => messages.push(message), { receipt });
      await subscribed;
      return { id, messages };
    }

    it('connects, and agrees on a version', async () => {
      const { broker, url } = await serveBroker();
      const { client, headers } = await connectTo(url);
      const { version } = headers;
      assert.equal(version, '1.2');
      assert.equal(client.connected, true);
      const { session } = await broker.connections.next();
      assert.equal(session.transport, transport);
    });

    it('gets what it publishes to where it is subscribed, edge-case texts and headers unchanged', async () => {
      const { url } = await serveBroker();
      const { client } = await connectTo(url);
      const { id, messages } = await subscribe(client, '/topic/a:b');
      // STOMP counts bytes of UTF-8, which lone surrogates do not have.
      const texts = EDGE_CASE_TEXTS.filter((text) => Buffer.from(text).toString() === text);
      assert.equal(texts.length > 10, true);
      for (const body of texts) {
        client.publish({ destination: '/topic/a:b', body, headers: { 'x-note': 'one:two\\three\nfour' } });
      }
      for (const body of texts) {
        const message = await messages.next();
        const { 'x-note': note, subscription, destination } = message.headers;
        assert.equal(message.body, body);
        assert.equal(note, 'one:two\\three\nfour');
        assert.equal(subscription, id);
        assert.equal(destination, '/topic/a:b');
      }
    });

    it('gets what another client publishes, until it unsubscribes', async () => {
      const { broker, url } = await serveBroker();
      const [{ client: ann }, { client: bob }] = [await connectTo(url), await connectTo(url)];
      const { id, messages } = await subscribe(ann, '/topic/news');
      const other = await subscribe(bob, '/topic/news');
      assert.equal(broker.subscribers('/topic/news'), 2);
      bob.publish({ destination: '/topic/news', body: 'first' });
      assert.equal((await messages.next()).body, 'first');
      assert.equal((await other.messages.next()).body, 'first');
      const unsubscribed = new Promise((resolve) => ann.watchForReceipt('gone', resolve));
      ann.unsubscribe(id, { receipt: 'gone' });
      await unsubscribed;
      bob.publish({ destination: '/topic/news', body: 'second' });
      assert.equal((await other.messages.next()).body, 'second');
      assert.equal(messages.size, 0);
    });

    it('carries a body of 100 kB, whole and in the pieces that brokers such as Spring ask for', async () => {
      const { url } = await serveBroker();
      for (const splitLargeFrames of [false, true]) {
        const { client } = await connectTo(url, { splitLargeFrames, maxWebSocketChunkSize: 8 * 1024 });
        const { messages } = await subscribe(client, `/topic/large/${splitLargeFrames}`);
        const body = 'x%é\n'.repeat(20_000);
        client.publish({ destination: `/topic/large/${splitLargeFrames}`, body });
        assert.equal((await messages.next()).body === body, true, `split: ${splitLargeFrames}`);
      }
    });

    it('disconnects with a receipt, after which its session and its subscriptions are gone', async () => {
      const { broker, url } = await serveBroker();
      const { client } = await connectTo(url);
      await subscribe(client, '/topic/x');
      const { session } = await broker.connections.next();
      const receipts = new AsyncQueue<string>();
      client.onDisconnect = ({ headers }) => receipts.push(String(headers['receipt-id']));
      await client.deactivate();
      assert.match(await receipts.next(), /^close-\d+$/);
      assert.equal(await broker.disconnects.next(), session);
      assert.equal(session.state === 'active', false);
      assert.equal(broker.subscribers('/topic/x'), 0);
    });

    it('exchanges heart-beats both ways', async () => {
      const { broker, url } = await serveBroker({ heartbeat: 10 });
      const received = new AsyncQueue<void>();
      const { client } = await connectTo(url, {
        heartbeatIncoming: 10,
        heartbeatOutgoing: 10,
        // How fast the machine is must not decide whether one counts as lost.
        heartbeatToleranceMultiplier: 1000,
        onHeartbeatReceived: () => received.push(),
      });
      const { heartbeats } = await broker.connections.next();
      for (let i = 0; i < 3; i += 1) {
        await Promise.all([received.next(), heartbeats.next()]);
      }
      assert.equal(client.connected, true);
    });

    it('is told of an error, and then that the session is closed', async () => {
      const { url } = await serveBroker();
      const errors = new AsyncQueue<string>();
      const closes = new AsyncQueue<{ code: number; reason: string }>();
      const { client } = await connectTo(url, {
        onStompError: ({ headers: { message } }) => errors.push(String(message)),
        onWebSocketClose: ({ code, reason }) => closes.push({ code, reason }),
      });
      // A command that the broker does not have.
      client.begin('t1');
      assert.equal(await errors.next(), 'no such command: BEGIN');
      assert.deepEqual(await closes.next(), { code: 3000, reason: 'STOMP error' });
    });

    it('connects again when its session was closed', async () => {
      const { broker, url } = await serveBroker();
      const { client, connects } = await connectTo(url, { reconnectDelay: 1 });
      const { session } = await broker.connections.next();
      session.close(3001, 'try again');
      await connects.next();
      assert.notEqual((await broker.connections.next()).session, session);
      const { messages } = await subscribe(client, '/topic/back');
      client.publish({ destination: '/topic/back', body: 'here' });
      assert.equal((await messages.next()).body, 'here');
    });
  });
}
