/** A client of an endpoint of the demos, which sends and gets objects as JSON. */
import assert from 'node:assert/strict';
import type { SockjsStats } from '../../../lib/index.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

/** What the endpoints of the demo send: objects of the chat, which have a type, and readings of the statistics. */
export type Message = Readonly<
  Partial<{
    type: string;
    you: number;
    count: number;
    process: string;
    pid: number;
    people: string[];
    here: number;
    everywhere: number;
    nodes: string[];
    history: Message[];
    message: string;
    text: string;
    at: number;
  }> &
    Partial<SockjsStats>
>;

/** A client of one of the demo's endpoints, and the messages it gets. */
export async function connect(origin: string, endpoint: string, id: string) {
  const client = new WebSocketClient(origin, `/${endpoint}/000/${id}/websocket`);
  assert.equal(await client.next(), 'o');
  const inbox: Message[] = [];
  const next = async (): Promise<Message> => {
    for (;;) {
      const message = inbox.shift();
      if (message !== undefined) {
        return message;
      }
      const frame = await client.next();
      assert.equal(frame[0], 'a', frame);
      inbox.push(...JSON.parse(frame.slice(1)).map((text: string) => JSON.parse(text)));
    }
  };
  return {
    client,
    closed: client.closed,
    send: (...texts: string[]) => client.send(JSON.stringify(texts)),
    say: (...messages: unknown[]) => client.send(JSON.stringify(messages.map((message) => JSON.stringify(message)))),
    next,
    /** The next message of a type; others are passed over. */
    nextOf: async (type: string) => {
      for (;;) {
        const message = await next();
        if (message.type === type) {
          return message;
        }
      }
    },
  };
}
