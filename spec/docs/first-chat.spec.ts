/** The chat that the README begins with, put together from its text. */
import assert from 'node:assert/strict';
import { Client, TRANSPORTS } from '../e2e/support/client.ts';
import { fetchText } from '../support/http.ts';
import { startFirstChat } from './support/first-chat.ts';

describe('the first chat of README.md', () => {
  it('serves its page', async () => {
    const { status, body } = await fetchText(`${await startFirstChat()}/`);
    assert.equal(status, 200);
    assert.match(body, /new SockJS\('\/chat'\)/);
  });

  it('brings each message to everyone, on every transport', async () => {
    const origin = await startFirstChat();
    const clients = TRANSPORTS.map((transport) => new Client(`${origin}/chat`, transport));
    await Promise.all(clients.map(({ opened }) => opened));
    clients[0]?.send('hello');
    for (const client of clients) {
      assert.equal(await client.next(), 'hello');
    }
  });
});
