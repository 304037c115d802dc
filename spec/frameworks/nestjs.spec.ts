/** SockjsAdapter in applications of NestJS: the gateways are Nest's, and so are guards, pipes, interceptors and filters. */
import assert from 'node:assert/strict';
import 'reflect-metadata';
import {
  type ArgumentsHost,
  type CallHandler,
  Catch,
  type ExecutionContext,
  type INestApplication,
  Module,
  type PipeTransform,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
} from '@nestjs/websockets';
import { from, map, Observable, of } from 'rxjs';
import type { Session, SessionCloseEvent, SockjsRouter, TransportName } from '../../lib/index.ts';
import { SockjsAdapter, type SockjsAdapterOptions } from '../../lib/nestjs.ts';
import { ALL_NAMES, http1, openPeer, type Peer } from '../neighbours/support/peer.ts';
import { AsyncQueue } from '../support/async-queue.ts';
import { afterTest } from '../support/cleanup.ts';
import { fetchText } from '../support/http.ts';
import { WebSocketClient } from '../support/websocket-client.ts';

type Gateway = new () => object;

/** The compiler of these specs knows no decorators of parameters, so methods are decorated by calls. */
function decorate(gateway: Gateway, method: string, decorators: readonly MethodDecorator[], ...parameters: unknown[]) {
  const descriptor = Object.getOwnPropertyDescriptor(gateway.prototype, method) ?? {};
  for (const decorator of decorators.toReversed()) {
    decorator(gateway.prototype, method, descriptor);
  }
  for (const [i, parameter] of parameters.entries()) {
    (parameter as ParameterDecorator)(gateway.prototype, method, i);
  }
}

/** Decorates a method that gets the session and the data of a message. */
function subscribe(gateway: Gateway, method: string, ...decorators: readonly MethodDecorator[]): void {
  decorate(gateway, method, [SubscribeMessage(method), ...decorators], ConnectedSocket(), MessageBody());
}

/** An application with these gateways, which listens. */
async function start(
  gateways: readonly Gateway[],
  options?: SockjsAdapterOptions,
  platform: AbstractHttpAdapter = new ExpressAdapter(),
): Promise<INestApplication> {
  class App {}
  Module({ providers: [...gateways] })(App);
  const nest = await NestFactory.create(App, platform, { logger: false, forceCloseConnections: true });
  nest.useWebSocketAdapter(new SockjsAdapter(nest, { rawWebsocket: true, ...options }));
  afterTest(() => nest.close());
  await nest.listen(0, '127.0.0.1');
  return nest;
}

/** Over a raw WebSocket, which carries each message by itself, where a test does not ask for another transport. */
async function connect(
  nest: INestApplication,
  base = '/chat',
  transport: TransportName = 'websocket-raw',
): Promise<Peer> {
  return openPeer(http1(await nest.getUrl()), transport, { base });
}

/** Sends a message of Nest's kind. */
async function tell(peer: Peer, event: string, data?: unknown): Promise<void> {
  await peer.send(JSON.stringify({ event, data }));
}

async function answer(peer: Peer): Promise<unknown> {
  return JSON.parse(await peer.next());
}

/** A gateway at /chat, with what a test is about. */
function chat(): {
  readonly Chat: Gateway & { readonly prototype: Record<string, unknown> };
  readonly opened: AsyncQueue<Session>;
  readonly closed: AsyncQueue<[Session, SessionCloseEvent?]>;
} {
  const opened = new AsyncQueue<Session>();
  const closed = new AsyncQueue<[Session, SessionCloseEvent?]>();
  class Chat {
    declare server: SockjsRouter;
    handleConnection(session: Session) {
      opened.push(session);
    }
    handleDisconnect(session: Session, event?: SessionCloseEvent) {
      closed.push(event === undefined ? [session] : [session, event]);
    }
    echo(_: Session, data: unknown) {
      return { event: 'echo', data };
    }
    later(_: Session, data: unknown) {
      return Promise.resolve({ event: 'later', data });
    }
    count(_: Session, to: number) {
      return from(Array.from({ length: to }, (_, i) => i)).pipe(map((data) => ({ event: 'count', data })));
    }
    silent() {}
    enter(session: Session, room: string) {
      session.join(room);
      return of({ event: 'entered', data: this.server.to(room).count() });
    }
    say(session: Session, { room, text }: { room: string; text: string }) {
      this.server.to(room).send(JSON.stringify({ event: 'said', data: text }), { except: session });
    }
    leave(session: Session) {
      session.close(3000, 'as you wish');
    }
    fail() {
      throw new WsException('not today');
    }
  }
  WebSocketGateway({ path: '/chat' })(Chat);
  WebSocketServer()(Chat.prototype, 'server');
  for (const method of ['echo', 'later', 'count', 'silent', 'enter', 'say', 'leave', 'fail']) {
    subscribe(Chat, method);
  }
  return { Chat: Chat as never, opened, closed };
}

describe('SockjsAdapter in NestJS', () => {
  for (const [transport, on, platform] of ALL_NAMES.flatMap((name) => [
    [name, 'Express', () => new ExpressAdapter()] as const,
    [name, 'Fastify', () => new FastifyAdapter({ forceCloseConnections: true })] as const,
  ])) {
    it(`answers messages over ${transport} on ${on}, and tells of connection and disconnection`, async () => {
      const { Chat, opened, closed } = chat();
      const peer = await connect(await start([Chat], {}, platform()), '/chat', transport);
      const session = await opened.next();
      assert.equal(session.transport, transport);
      await tell(peer, 'echo', { größe: 1 });
      assert.deepEqual(await answer(peer), { event: 'echo', data: { größe: 1 } });
      await tell(peer, 'later', 'promised');
      assert.deepEqual(await answer(peer), { event: 'later', data: 'promised' });
      await tell(peer, 'leave');
      assert.deepEqual(await peer.closed(), { code: 3000, reason: 'as you wish' });
      const [left, event] = await closed.next();
      assert.equal(left, session);
      assert.equal(event?.code, 3000);
    });
  }

  it('sends each value of an Observable, and nothing for a method without an answer', async () => {
    const peer = await connect(await start([chat().Chat]));
    await tell(peer, 'silent');
    await tell(peer, 'count', 2);
    assert.deepEqual(await answer(peer), { event: 'count', data: 0 });
    assert.deepEqual(await answer(peer), { event: 'count', data: 1 });
    await tell(peer, 'echo', 'end');
    assert.deepEqual(await answer(peer), { event: 'echo', data: 'end' });
  });

  it('unsubscribes an Observable without an end when the session closes', async () => {
    const ended = new AsyncQueue<string>();
    class Endless {
      watch() {
        return new Observable((observer) => {
          observer.next('begun');
          return () => ended.push('unsubscribed');
        });
      }
    }
    WebSocketGateway({ path: '/chat' })(Endless);
    subscribe(Endless, 'watch');
    const nest = await start([Endless]);
    const client = new WebSocketClient(await nest.getUrl(), '/chat/websocket');
    await client.opened;
    client.send('{"event":"watch"}');
    assert.equal(await client.next(), '"begun"');
    client.socket.close();
    assert.equal(await ended.next(), 'unsubscribed');
  });

  it('ignores what is no message of Nest, and events without a method', async () => {
    const peer = await connect(await start([chat().Chat]));
    for (const text of ['', 'x', '{', 'null', '1', '[]', '{"event":1}', '{"event":"constructor"}', '{"data":1}']) {
      await peer.send(text);
    }
    await tell(peer, 'echo', 'still here');
    assert.deepEqual(await answer(peer), { event: 'echo', data: 'still here' });
  });

  it('has rooms by the session and the router', async () => {
    const nest = await start([chat().Chat]);
    const [ann, bob] = [await connect(nest), await connect(nest, '/chat', 'xhr-streaming')];
    await tell(ann, 'enter', 'blue');
    assert.deepEqual(await answer(ann), { event: 'entered', data: 1 });
    await tell(bob, 'enter', 'blue');
    assert.deepEqual(await answer(bob), { event: 'entered', data: 2 });
    await tell(bob, 'say', { room: 'blue', text: 'hello' });
    assert.deepEqual(await answer(ann), { event: 'said', data: 'hello' });
  });

  it('keeps gateways of different paths apart, and has those of one path share its sessions', async () => {
    const answering = (path: string | undefined, reply: string): Gateway => {
      class Answering {
        ask() {
          return reply;
        }
      }
      WebSocketGateway(path === undefined ? {} : { path })(Answering);
      subscribe(Answering, 'ask');
      return Answering;
    };
    const nest = await start([
      answering('/upper', 'upper'),
      answering('/lower', 'lower'),
      answering('/lower', 'lower, too'),
      answering(undefined, 'by default'),
    ]);
    for (const [path, replies] of [
      ['/upper', ['upper']],
      ['/lower', ['lower', 'lower, too']],
      ['/sockjs', ['by default']],
    ] as const) {
      const peer = await connect(nest, path);
      await tell(peer, 'ask');
      for (const reply of replies) {
        assert.equal(await answer(peer), reply);
      }
    }
  });

  it('tells the client of a WsException by the filter of Nest', async () => {
    const peer = await connect(await start([chat().Chat]));
    await tell(peer, 'fail', 1);
    assert.deepEqual(await answer(peer), {
      event: 'exception',
      data: { status: 'error', message: 'not today', cause: { pattern: 'fail', data: 1 } },
    });
  });

  it('ends the session whose method returns what JSON cannot hold, and no other', async () => {
    class Wrong {
      huge() {
        return from([{ size: 1n }]);
      }
      broken() {
        // Behind the filters of Nest, which have no part in an Observable of an Observable.
        return of(1).pipe(map(() => ({ toJSON: () => assert.fail('not to be told') })));
      }
    }
    WebSocketGateway({ path: '/chat' })(Wrong);
    subscribe(Wrong, 'huge');
    subscribe(Wrong, 'broken');
    const errors = new AsyncQueue<unknown>();
    const nest = await start([Wrong, chat().Chat], { onError: (error) => errors.push(error) });
    const other = await connect(nest);
    for (const [method, error] of [
      ['huge', /BigInt/],
      ['broken', /not to be told/],
    ] as const) {
      const peer = await connect(nest);
      await tell(peer, method);
      assert.deepEqual(await peer.closed(), { code: 1011, reason: 'Internal error' });
      assert.match(String(await errors.next()), error);
    }
    await tell(other, 'echo', 'still here');
    assert.deepEqual(await answer(other), { event: 'echo', data: 'still here' });
  });

  it('runs guards, pipes, interceptors and filters of Nest', async () => {
    const doubled: PipeTransform<unknown> = {
      transform: (value, { type }) => (type === 'body' ? Number(value) * 2 : value),
    };
    const named = {
      intercept: (context: ExecutionContext, next: CallHandler) =>
        next.handle().pipe(map((data) => ({ event: context.switchToWs().getPattern(), data }))),
    };
    const odd = {
      canActivate: (context: ExecutionContext) => {
        const { request } = context.switchToWs().getClient<Session>();
        return request.headers.cookie === 'user=ann' && context.switchToWs().getData() % 2 === 1;
      },
    };
    class Filter {
      catch(_: unknown, host: ArgumentsHost) {
        host.switchToWs().getClient<Session>().send('"refused"');
      }
    }
    Catch()(Filter);
    class Guarded {
      twice(_: Session, data: number) {
        return data;
      }
    }
    WebSocketGateway({ path: '/chat' })(Guarded);
    subscribe(Guarded, 'twice', UseGuards(odd), UsePipes(doubled), UseInterceptors(named), UseFilters(new Filter()));
    const nest = await start([Guarded]);
    const options = { base: '/chat', headers: { cookie: 'user=ann' } };
    const [ann, bob] = [await openPeer(http1(await nest.getUrl()), 'websocket-raw', options), await connect(nest)];
    for (const [peer, data, reply] of [
      [ann, 21, { event: 'twice', data: 42 }],
      [ann, 20, 'refused'],
      [bob, 21, 'refused'],
    ] as const) {
      await tell(peer, 'twice', data);
      assert.deepEqual(await answer(peer), reply);
    }
  });

  it('lets in whom authorize does, and gives the gateway the data that it returned', async () => {
    class Who {
      who({ data }: Session) {
        return data;
      }
    }
    WebSocketGateway({ path: '/chat' })(Who);
    subscribe(Who, 'who');
    const nest = await start([Who], {
      authorize: ({ headers }) => headers.cookie === 'user=ann' && { name: 'ann' },
    });
    const options = { base: '/chat', headers: { cookie: 'user=ann' } };
    const peer = await openPeer(http1(await nest.getUrl()), 'websocket-raw', options);
    await tell(peer, 'who');
    assert.deepEqual(await answer(peer), { name: 'ann' });
    await assert.rejects(connect(nest, '/chat', 'xhr-polling'), /got 403/);
  });

  it('takes options for each path, and those of a gateway before them', async () => {
    const at = (settings: object): Gateway => {
      class At {}
      WebSocketGateway(settings)(At);
      return At;
    };
    class App {}
    Module({ providers: [at({ path: '/a' }), at({ path: '/b', websocket: true })] })(App);
    const nest = await NestFactory.create(App, { logger: false, forceCloseConnections: true });
    nest.useWebSocketAdapter(
      new SockjsAdapter(nest, (path) => ({ websocket: false, responseLimit: 1, baseUrl: `${path}` })),
    );
    afterTest(() => nest.close());
    await nest.listen(0, '127.0.0.1');
    for (const [path, websocket] of [
      ['/a', false],
      ['/b', true],
    ] as const) {
      const info = JSON.parse((await fetchText(`${await nest.getUrl()}${path}/info`)).body);
      assert.deepEqual([info.websocket, info.base_url], [websocket, path]);
    }
  });

  it('closes all sessions with 1001 when the application is closed, and the disconnect hooks have run by then', async () => {
    const { Chat, opened, closed } = chat();
    const nest = await start([Chat]);
    const peer = await connect(nest);
    const session = await opened.next();
    const closing = nest.close();
    assert.deepEqual(await peer.closed(), { code: 1001, reason: 'Server shutting down' });
    await closing;
    assert.equal((await closed.next())[0], session);
    assert.deepEqual(nest.getHttpServer().listeners('upgrade'), []);
  });

  for (const [what, settings, message] of [
    ['a namespace', { path: '/chat', namespace: 'n' }, /namespace, and there are none in SockJS/],
    ['an unknown option', { path: '/chat', cors: true }, /there is no option "cors"/],
    ['a path without a slash', { path: 'chat' }, /prefix/],
  ] as const) {
    it(`does not start with ${what} of a gateway`, async () => {
      class Wrong {}
      WebSocketGateway(settings)(Wrong);
      await assert.rejects(start([Wrong]), message);
    });
  }

  it('does not start with a port of a gateway', async () => {
    class Wrong {}
    WebSocketGateway(8081, { path: '/chat' })(Wrong);
    await assert.rejects(start([Wrong]), /a gateway has the port 8081/);
  });

  it('does not start with one path that gateways give by name and by default', async () => {
    class Named {}
    WebSocketGateway({ path: '/sockjs' })(Named);
    class Unnamed {}
    WebSocketGateway()(Unnamed);
    await assert.rejects(start([Named, Unnamed]), /two gateways have the path \/sockjs/);
  });
});
