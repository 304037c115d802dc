/** Tests of a SockJS handler with the browsers' client. Each test has a server of its own and closes it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import express from 'express';
import { attachUpgrade, type SessionHandler, sockjs } from 'express-sockjs';
import SockJS from 'sockjs-client';

/** The handler under test. In your project, import it. */
const shout: SessionHandler = async (session) => {
  for await (const message of session) {
    if (message === 'bye') {
      session.close(4000, 'Bye');
    } else {
      session.send(message.toUpperCase());
    }
  }
};

/** Returns a client of a new server. The client is not open yet. */
async function connect(t: TestContext, transports: string) {
  const router = sockjs(shout);
  const server = createServer(express().use('/shout', router));
  attachUpgrade(server);
  server.listen(0, '127.0.0.1'); // 0: any free port, so that tests do not collide.
  await once(server, 'listening');
  t.after(async () => {
    await router.close(); // Ends the clients as well.
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  // ms. Enough for a slow machine; by default the client gives a transport up after some 300 ms.
  return new SockJS(`http://127.0.0.1:${port}/shout`, null, { transports, timeout: 10_000 });
}

for (const transport of ['websocket', 'xhr-streaming', 'xhr-polling']) {
  test(`shouts back over ${transport}, and closes when told to`, async (t) => {
    const client = await connect(t, transport);
    const messages: string[] = [];
    client.onopen = () => client.send('hello');
    client.onmessage = ({ data }) => {
      messages.push(data);
      client.send('bye');
    };
    const { code, reason } = await new Promise<{ code: number; reason: string }>((resolve) => {
      client.onclose = resolve;
    });
    assert.deepEqual(messages, ['HELLO']);
    assert.deepEqual([code, reason], [4000, 'Bye']);
  });
}
