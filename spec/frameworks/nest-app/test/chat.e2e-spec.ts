import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { CloseEvent } from 'sockjs-client';

import SockJS = require('sockjs-client');

import { AppModule } from '../src/app.module';
import { ChatLog } from '../src/chat/chat.log';
import { useSockjs } from '../src/sockjs';

/** A client that queues messages until the test asks for them. */
class Client {
  private readonly socket: WebSocket;
  private readonly texts: string[] = [];
  private wake = () => {};
  readonly closed: Promise<CloseEvent>;

  constructor(url: string, transport: string, headers: Readonly<Record<string, string>>) {
    // Its types do not know `transportOptions`.
    const options = { transports: transport, transportOptions: { [transport]: { headers } } };
    this.socket = new SockJS(url, undefined, options);
    this.socket.onmessage = ({ data }) => {
      this.texts.push(data);
      this.wake();
    };
    this.closed = new Promise((resolve) => {
      this.socket.onclose = resolve;
    });
  }

  async open(): Promise<this> {
    await new Promise((resolve) => {
      this.socket.onopen = resolve;
    });
    return this;
  }

  async ask(event: string, data?: unknown): Promise<unknown> {
    this.socket.send(JSON.stringify({ event, data }));
    return this.next();
  }

  async next(): Promise<unknown> {
    while (this.texts.length === 0) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return JSON.parse(String(this.texts.shift()));
  }

  close(): void {
    this.socket.close();
  }
}

describe.each(['websocket', 'xhr-streaming', 'xhr-polling'])('the application over %s', (transport) => {
  let app: INestApplication;
  let origin = '';
  const connect = (path: string) => new Client(origin + path, transport, {}).open();
  // In Node, sockjs-client sends headers of ours over WebSockets alone.
  const connectAs = (name: string) => new Client(`${origin}/chat`, 'websocket', { Cookie: `user=${name}` }).open();

  beforeEach(async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = module.createNestApplication({ logger: false, forceCloseConnections: true });
    useSockjs(app);
    await app.listen(0, '127.0.0.1');
    origin = await app.getUrl();
  });

  afterEach(() => app.close());

  it('has rooms, guards, pipes, interceptors and filters', async () => {
    const bob = await connect('/chat');
    expect(await bob.ask('join', ' blue ')).toEqual({ event: 'joined', data: 1 });
    expect(await bob.ask('join', ' ')).toEqual({
      event: 'exception',
      data: { status: 'error', message: 'say something' },
    });
    expect(await bob.ask('say', { room: 'blue', text: 'hi' })).toEqual({
      event: 'exception',
      data: { status: 'error', message: 'Forbidden resource' },
    });
    expect(app.get(ChatLog).lines).toEqual(['guest came', 'refused: say something', 'refused: Forbidden resource']);
  });

  it('knows the users, and answers by promises and Observables', async () => {
    const bob = await connect('/chat');
    await bob.ask('join', 'blue');
    const ann = await connectAs('ann');
    expect(await ann.ask('say', { room: 'blue', text: ' hi ' })).toEqual({ event: 'sent', data: 1 });
    expect(await bob.next()).toEqual({ event: 'said', data: { by: 'ann', text: 'hi' } });
    expect(app.get(ChatLog).lines).toEqual(['guest came', 'ann came', 'ann spoke']);

    const clock = await connect('/clock');
    expect(await clock.ask('ticks')).toEqual({ event: 'tick', data: 1 });
    expect([await clock.next(), await clock.next()]).toEqual([2, 3].map((data) => ({ event: 'tick', data })));
  });

  it('tells of connections and disconnections, and closes sessions with the application', async () => {
    const client = await connect('/chat');
    const log = app.get(ChatLog);
    await app.close();
    expect((await client.closed).code).toBe(1001);
    expect(log.lines).toEqual(['guest came', 'guest went']);
  });
});
