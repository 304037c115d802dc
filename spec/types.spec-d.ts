/** What the public types promise and forbid; compiled by the type check, never run. */
import { subscribe } from 'node:diagnostics_channel';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer as createHttp2Server } from 'node:http2';
import { createServer as createSecureServer } from 'node:https';
import { type Duplex, PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { INestApplication, WebSocketAdapter } from '@nestjs/common';
import connect from 'connect';
import express, { type Request, type RequestHandler, Router } from 'express';
import { Redis as IoRedis, Cluster as IoRedisCluster } from 'ioredis';
import { Redis as IoRedis5 } from 'ioredis5';
import { Redis as Valkey } from 'iovalkey';
import { createClient, createClientPool, createCluster, createSentinel } from 'redis';
import { createClient as createClient4, createCluster as createCluster4 } from 'redis4';
import { type ServerOptions, WebSocketServer } from 'ws';
import type * as clusterApi from '../lib/cluster.ts';
import { type NodeClusterOptions, nodeCluster, setupPrimary } from '../lib/cluster.ts';
import type * as contractApi from '../lib/cluster-contract.ts';
import type * as api from '../lib/index.ts';
import {
  type AllowedOrigins,
  type AttachUpgradeOptions,
  attachUpgrade,
  type BroadcastOptions,
  CloseCode,
  type CloseOptions,
  type CloseResult,
  type Cluster,
  type ClusterAdapter,
  type ClusterEntry,
  type ClusterEvents,
  type ClusterGapMessage,
  type ClusterLinkMessage,
  type ClusterMessage,
  type ClusterNodeMessage,
  type ClusterNodeRecord,
  type ClusterOptions,
  type ClusterOwnerMark,
  type ClusterRegistry,
  type ClusterRenewal,
  type ClusterStats,
  type ClusterStatus,
  type ClusterStatusMessage,
  type ClusterTombstone,
  defaultOptions,
  type JsessionidAttributes,
  jsessionid,
  type LinkListen,
  type LinkTls,
  type LiveSessions,
  type MessageMessage,
  NotConfirmedError,
  type ReceiverMessage,
  type RejectedMessage,
  type RejectionReason,
  type RelayedRequests,
  type RequestMessage,
  type ResolvedOptions,
  type Room,
  type Session,
  type SessionCloseEvent,
  type SessionCloseMessage,
  type SessionEvents,
  type SessionHandler,
  SessionNotOpenError,
  type SessionOpenMessage,
  type SessionState,
  type SockjsOptions,
  type SockjsRouter,
  type SockjsStats,
  sockjs,
  type TransportName,
  type UpgradeServer,
  upgradeHandler,
  type WebSocketServerOptions,
} from '../lib/index.ts';
import type * as nestApi from '../lib/nestjs.ts';
import { SockjsAdapter, type SockjsGatewayOptions } from '../lib/nestjs.ts';
import type * as redisApi from '../lib/redis.ts';
import { type RedisClient, type RedisClusterOptions, redisCluster } from '../lib/redis.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only where the argument is of just this type. */
declare function is<Expected>(): <Actual>(
  actual: Actual & (Equal<Actual, Expected> extends true ? unknown : never),
) => void;

declare const session: Session;
declare const user: User;

interface User {
  readonly name: string;
}

interface UserRequest extends IncomingMessage {
  readonly user: User;
}

export function surface(): void {
  // What is there at run time; a name more or less is a change that the changelog should tell of.
  is<
    | 'CloseCode'
    | 'NotConfirmedError'
    | 'Session'
    | 'SessionNotOpenError'
    | 'attachUpgrade'
    | 'defaultOptions'
    | 'jsessionid'
    | 'sockjs'
    | 'upgradeHandler'
  >()({} as keyof typeof api);
  is<'redisCluster'>()({} as keyof typeof redisApi);
  is<'nodeCluster' | 'setupPrimary'>()({} as keyof typeof clusterApi);
  is<'registryContract'>()({} as keyof typeof contractApi);
  is<'SockjsAdapter'>()({} as keyof typeof nestApi);
  is<keyof SockjsOptions>()({} as keyof ResolvedOptions);
}

export function factory(): void {
  is<SockjsRouter>()(sockjs(() => {}));
  sockjs({}, () => {});
  sockjs({}, async () => {});
  sockjs(async (given) => {
    is<Session>()(given);
  });

  // @ts-expect-error onSession is missing
  sockjs();
  // @ts-expect-error onSession is missing
  sockjs({});
  // @ts-expect-error the wrong way round
  sockjs(() => {}, {});
  // @ts-expect-error the application sets the path where it mounts the endpoint
  sockjs('/echo', () => {});
}

export function router(): void {
  const echo = sockjs(() => {});
  const asRouter: Router = echo;
  const app = express();
  app.use('/echo', echo);
  app.use(echo);
  app.use('/:room/echo', (_req, _res, next) => next(), echo);
  Router({ mergeParams: true }).use('/echo', asRouter);
  connect().use('/echo', echo);
  connect().use(echo);
  createServer(echo);
  createSecureServer({}, echo);
  createServer().on('request', echo);
  const listener: (req: IncomingMessage, res: ServerResponse) => void = echo;
  is<() => void>()(attachUpgrade(createServer(listener)));
  attachUpgrade(createSecureServer({}, echo), { upgradeTimeout: 1000 });
  // @ts-expect-error an app is no server
  attachUpgrade(app);
  // @ts-expect-error an unknown option
  attachUpgrade(createServer(echo), { timeout: 1000 });
}

export function generics(): void {
  sockjs<User>((given) => {
    is<Session<User>>()(given);
    is<User | undefined>()(given.data);
    is<IncomingMessage>()(given.request);
    given.data = { name: 'x' };
    // @ts-expect-error not what was said to be held
    given.data = { nick: 'x' };
  });

  const options: SockjsOptions<User, UserRequest> = {
    checkOrigin: (req) => req.user.name === 'x',
    sockjsUrl: (req) => `/${req.user.name}.js`,
    baseUrl: (req) => `https://${req.user.name}.example`,
    jsessionid: (req, res) => res.setHeader('X-User', req.user.name),
    onError: (error, given) => {
      is<unknown>()(error);
      is<Session<User, UserRequest>>()(given);
    },
  };
  sockjs<User, UserRequest>(options, (given) => {
    is<UserRequest>()(given.request);
    is<string>()(given.request.user.name);
  });
  sockjs<User, Request>((given) => {
    is<Request>()(given.request);
    is<string | undefined>()(given.request.get('Origin'));
  });

  const handler: SessionHandler<User, UserRequest> = async (given) => {
    is<Session<User, UserRequest>>()(given);
  };
  sockjs(handler);
  sockjs(options, handler);
  // @ts-expect-error data is unknown unless said
  sockjs((given) => given.data?.name);
  // @ts-expect-error a request is an IncomingMessage
  sockjs<User, { user: User }>(() => {});
}

export function authorization(): void {
  sockjs({ authorize: () => ({ name: 'x' }) }, (given) => {
    is<{ name: string } | undefined>()(given.data);
  });
  sockjs({ authorize: async (): Promise<User | false> => ({ name: 'x' }) }, (given) => {
    is<User | undefined>()(given.data);
  });
  sockjs<User, UserRequest>(
    {
      authorize: (req) => req.user.name !== '' && req.user,
      identify: (req) => req.user.name,
      allowedOrigins: async (origin, req) => origin === `https://${req.user.name}.example`,
    },
    (given) => {
      is<User | undefined>()(given.data);
    },
  );
  is<SockjsRouter<User, UserRequest>>()(sockjs<User, UserRequest>({ authorize: (req) => req.user }, () => {}));

  // Booleans say who is let in, and nothing of the data.
  sockjs({ authorize: () => true }, (given) => is<unknown>()(given.data));
  sockjs({ authorize: (req) => req.headers['x-key'] === 'y' }, (given) => is<unknown>()(given.data));
  sockjs({ authorize: async () => false }, (given) => is<unknown>()(given.data));
  sockjs({ authorize: async (req) => req.headers['x-key'] === 'y' }, (given) => is<unknown>()(given.data));
  sockjs({ authorize: (): boolean | Promise<boolean> => true }, (given) => is<unknown>()(given.data));
  sockjs({ authorize: (req) => req.complete || Promise.resolve(req.complete) }, (given) => is<unknown>()(given.data));
  sockjs({ authorize: (req) => req.headers['x-key'] && req.url === '' }, (given) => is<unknown>()(given.data));
  sockjs({ authorize: async (req) => req.headers.cookie?.includes('x') }, (given) => is<unknown>()(given.data));
  const onError = (_error: unknown, given: Session) => is<unknown>()(given.data);
  is<SockjsRouter>()(sockjs({ authorize: () => true, onError }, () => {}));
  sockjs({ authorize: () => true, onError: (_error, given) => is<Session>()(given) }, () => {});
  for (const given of sockjs({ authorize: async (req) => req.url === '' }, () => {}).sessions) {
    is<Session>()(given);
  }

  // Beside booleans there is data.
  sockjs({ authorize: (req) => req.url === '' && user }, (given) => is<User | undefined>()(given.data));
  sockjs({ authorize: (): boolean | User => user }, (given) => is<User | undefined>()(given.data));
  sockjs({ authorize: async (req) => req.url === '' && user }, (given) => is<User | undefined>()(given.data));
  sockjs({ authorize: (req) => req.url === '' || Promise.resolve(user) }, (given) => {
    is<User | undefined>()(given.data);
  });
  sockjs({ authorize: (req) => (req.url === '' ? user : Promise.resolve(req.url === '/')) }, (given) => {
    is<User | undefined>()(given.data);
  });
  sockjs({ ...defaultOptions, authorize: async () => user }, (given) => is<User | undefined>()(given.data));
  is<SockjsRouter<User>>()(sockjs({ authorize: (req) => req.url === '' && user }, () => {}));

  // What the application says of data counts more than what `authorize` returns.
  sockjs({ authorize: () => true }, (given: Session<User>) => given.data?.name);
  sockjs({ authorize: (req) => req.url === '' }, (given: Session<User>) => given.data?.name);
  sockjs<User>({ authorize: () => true }, (given) => is<User | undefined>()(given.data));
  sockjs<boolean>({ authorize: () => true }, (given) => is<boolean | undefined>()(given.data));
  sockjs({} as SockjsOptions<boolean>, (given) => is<boolean | undefined>()(given.data));
  // @ts-expect-error data is unknown
  sockjs({ authorize: () => true }, (given) => given.data.name);

  // @ts-expect-error not what was said to be held
  sockjs<User>({ authorize: () => ({ nick: 'x' }) }, () => {});
  // @ts-expect-error a client has a name
  sockjs({ identify: () => 1 }, () => {});
  // @ts-expect-error a client is known at once
  sockjs({ identify: async () => 'x' }, () => {});
}

export function requests(): void {
  type InExpress = Session<unknown, Request>;
  const app = express();
  app.use(
    '/echo',
    sockjs((given) => is<InExpress>()(given)),
  );
  app.use(sockjs((given) => is<InExpress>()(given)));
  app.use(
    ['/echo', /chat/],
    express.json(),
    sockjs({}, (given) => is<InExpress>()(given)),
  );
  app.use(
    '/:room/echo',
    sockjs({ heartbeatDelay: 1 }, async (given) => given.request.params['room']),
  );
  Router().use(sockjs((given) => is<InExpress>()(given)));
  Router({ mergeParams: true }).use(
    '/echo',
    sockjs({}, (given) => is<InExpress>()(given)),
  );
  const functions = {
    authorize: async ({ headers }: IncomingMessage) => headers.cookie !== undefined && user,
  };
  app.use(
    '/echo',
    sockjs(functions, (given) => is<Session<User, Request>>()(given)),
  );
  app.use(
    '/echo',
    sockjs(
      {
        authorize: (req) => req.ip !== undefined && user,
        identify: (req) => req.ip ?? '',
        allowedOrigins: (_origin, req) => req.secure,
        onError: (_error, given) => is<Session<User, Request>>()(given),
      },
      (given) => is<Session<User, Request>>()(given),
    ),
  );
  const middleware: RequestHandler = sockjs((given) => is<InExpress>()(given));
  const asRouter: Router = sockjs((given) => is<InExpress>()(given));
  app.use(middleware, asRouter);

  // Others pass on what Node has made.
  connect().use(
    '/echo',
    sockjs((given) => is<Session>()(given)),
  );
  connect().use(sockjs({ authorize: (req) => req.url === '' }, (given) => is<Session>()(given)));
  createServer(sockjs((given) => is<Session>()(given)));
  createServer(sockjs({ prefix: '/echo' }, (given) => is<Session>()(given)));
  createServer().on(
    'request',
    sockjs((given) => is<Session>()(given)),
  );
  const listener: (req: IncomingMessage, res: ServerResponse) => void = sockjs((given) => is<Session>()(given));
  createServer(listener);

  // A router in a variable may be mounted anywhere.
  const echo = sockjs((given) => is<Session>()(given));
  const chat: SockjsRouter = sockjs({}, (given) => is<Session>()(given));
  app.use(echo, chat);
  is<SockjsRouter<unknown, Request>>()(sockjs((given: Session<unknown, Request>) => given.request.ip));

  // What the application says of requests counts more than where the call stands.
  app.use(
    '/echo',
    sockjs<User>((given) => is<Session<User>>()(given)),
  );
  app.use(
    '/echo',
    sockjs<User, UserRequest>((given) => is<Session<User, UserRequest>>()(given)),
  );
  app.use(
    '/echo',
    sockjs((given: Session<User, UserRequest>) => given.request.user),
  );
  app.use(
    '/echo',
    sockjs({ authorize: (req: UserRequest) => req.user }, (given) => given.request.user),
  );
  connect().use(
    '/echo',
    sockjs<User, Request>((given) => is<Session<User, Request>>()(given)),
  );

  // @ts-expect-error an IncomingMessage has none
  sockjs((given) => given.request.ip);
  // @ts-expect-error an IncomingMessage has none
  createServer(sockjs((given) => given.request.ip));
  // @ts-expect-error an IncomingMessage has none
  connect().use(sockjs({ identify: (req) => req.ip ?? '' }, () => {}));
  // @ts-expect-error what was made for Express works with nothing else
  createServer(middleware);
  // @ts-expect-error what was made for Express works with nothing else
  createServer(asRouter);
  // @ts-expect-error what was made for Express works with nothing else
  connect().use(middleware);
}

/** Functions of an application that leave open what the data is. */
export function wrappers<T, Req extends IncomingMessage>(
  options: SockjsOptions<T, Req>,
  onSession: SessionHandler<T, Req>,
  login: (req: Req) => Promise<T | false>,
): SockjsRouter<T, Req>[] {
  const routers: SockjsRouter<T, Req>[] = [
    sockjs(onSession),
    sockjs(options, onSession),
    sockjs(options, (given) => onSession(given)),
    sockjs({ ...options, maxSessions: 1 }, (given) => onSession(given)),
    sockjs<T, Req>(options, (given) => onSession(given)),
    sockjs({ authorize: login }, onSession),
    sockjs({ authorize: login }, (given) => onSession(given)),
    sockjs({ authorize: (req: Req) => login(req), onError: (_error, given) => onSession(given) }, (given) => {
      const data: T | undefined = given.data;
      given.data = data;
      onSession(given);
    }),
  ];
  express().use(sockjs(options, (given) => onSession(given)));
  return routers;
}

/** The same, where it is known that data is an object. */
export function wrappersOfObjects<T extends object>(
  login: (req: IncomingMessage) => T | boolean,
  onSession: SessionHandler<T>,
): SockjsRouter<T> {
  express().use(sockjs({ authorize: (req) => login(req) }, (given) => onSession(given)));
  return sockjs({ authorize: (req) => login(req) }, (given) => onSession(given));
}

export async function management(): Promise<void> {
  const users = sockjs<User, UserRequest>(() => {});
  is<LiveSessions<User, UserRequest>>()(users.sessions);
  is<number>()(users.sessions.size);
  is<Session<User, UserRequest> | undefined>()(users.sessions.get('id'));
  for (const live of users.sessions) {
    is<Session<User, UserRequest>>()(live);
  }
  is<SockjsStats>()(users.stats());
  is<number>()(users.stats().queuedBytes);
  is<number>()(users.stats().sessions['xhr-polling']);
  is<number | undefined>()(users.stats().rejected.origin);
  is<TransportName>()({} as keyof SockjsStats['sessions']);
  is<RejectionReason>()({} as keyof SockjsStats['rejected']);
  is<Promise<CloseResult>>()(users.close());
  const { closed, flushed, dropped } = await users.close({ code: 3000, reason: 'x', timeout: 0 });
  is<number[]>()([closed, flushed, dropped]);
  await users.close({ code: undefined });
  const closeOptions: CloseOptions = {};
  await users.close(closeOptions);
  {
    await using scoped = sockjs(() => {});
    is<SockjsRouter>()(scoped);
  }

  // @ts-expect-error an option
  await users.close(3000);
  // @ts-expect-error an unknown name
  await users.close({ status: 3000 });
  // @ts-expect-error the router's own
  users.sessions = [];
  // @ts-expect-error the router's own
  users.sessions.size = 0;
  // @ts-expect-error sessions are opened by clients
  users.sessions.create('id');
  // @ts-expect-error no such reason
  users.stats().rejected.other;
  // @ts-expect-error a count does not change
  users.stats().opened = 0;
}

export function cluster(adapter: ClusterAdapter, registry: ClusterRegistry): void {
  is<Cluster | undefined>()(sockjs(() => {}).cluster);
  is<SockjsRouter>()(sockjs({ cluster: adapter }, () => {}));
  is<SockjsRouter<User>>()(sockjs({ cluster: adapter, authorize: () => user }, () => {}));
  sockjs({ cluster: { name: 'chat', registry } }, () => {});
  const of: Cluster | undefined = sockjs({ cluster: undefined }, () => {}).cluster;
  is<ClusterStatus | undefined>()(of?.status);
  is<'up' | 'degraded' | 'down'>()({} as ClusterStatus);
  is<string | undefined>()(of?.nodeId);
  is<readonly string[] | undefined>()(of?.peers);
  is<Promise<void> | undefined>()(of?.synced());
  is<readonly string[]>()(new NotConfirmedError(['node']).nodeIds);
  is<Promise<void>>()(
    sockjs(() => {})
      .to('room')
      .close(3000, 'reason'),
  );
  is<number>()(
    sockjs(() => {})
      .to('room')
      .count(),
  );
  is<number>()(sockjs(() => {}).count());
  sockjs(() => {}).broadcast('x', { local: true });
  // @ts-expect-error a gap has two outcomes
  sockjs({ cluster: { ...adapter, onGap: 'drop' } }, () => {});
  of?.on('status', (status) => is<ClusterStatus>()(status)).off('status', () => {});
  is<[status: ClusterStatus]>()({} as ClusterEvents['status']);
  const stats: ClusterStats | undefined = sockjs(() => {}).stats().cluster;
  is<number | undefined>()(stats?.links.dialled);
  is<number | undefined>()(stats?.linksEnded['silent']);
  is<RelayedRequests | undefined>()(stats?.relayedIn);
  is<number | undefined>()(stats?.roundTrip);
  // @ts-expect-error there is none without the option
  sockjs(() => {}).stats().cluster.nodes;

  // What an adapter of an application is made of.
  is<Promise<ClusterRenewal>>()(registry.renew({} as ClusterNodeRecord, 1));
  is<Promise<ClusterEntry | undefined>>()(registry.claim('id', {} as ClusterOwnerMark, 1));
  is<Promise<ClusterEntry | undefined>>()(registry.end('id', {} as ClusterOwnerMark, {} as ClusterTombstone, 1));
  is<LinkListen | undefined>()({} as ClusterOptions['listen']);
  is<LinkTls | undefined>()({} as ClusterOptions['tls']);

  // @ts-expect-error a registry has eight methods
  sockjs({ cluster: { name: 'chat', registry: { renew: registry.renew } } }, () => {});
  // @ts-expect-error a client is no adapter
  sockjs({ cluster: createClient() }, () => {});
  // @ts-expect-error the router's own
  sockjs(() => {}).cluster = undefined;
  // @ts-expect-error only the package tells of it
  of?.emit('status', 'up');
  // @ts-expect-error no such event
  of?.on('gap', () => {});
}

export function nestAdapter(nest: INestApplication): void {
  nest.useWebSocketAdapter(new SockjsAdapter(nest));
  new SockjsAdapter(nest, { heartbeatDelay: 10_000 }) satisfies WebSocketAdapter;
  new SockjsAdapter(nest, (path) => ({ baseUrl: `https://example.com${path}` }));
  const adapter = new SockjsAdapter(nest, { authorize: () => ({ name: 'ann' }) });
  is<SockjsRouter<{ name: string }>>()(adapter.create(0));
  const gateway: SockjsGatewayOptions = { path: '/chat', websocket: false };
  adapter.create(0, { path: gateway.path });

  // @ts-expect-error the path of each gateway takes its place
  new SockjsAdapter(nest, { prefix: '/echo' });
  // @ts-expect-error there is no such option
  new SockjsAdapter(nest, { heartbeat: 1 });
  // @ts-expect-error the application, not its server
  new SockjsAdapter(createServer());
}

export function redisClients(settings: RedisClusterOptions): void {
  is<ClusterAdapter>()(redisCluster(createClient(), { name: 'chat' }));
  const clients: RedisClient[] = [
    createClient(),
    createClient({ RESP: 2 }),
    createClientPool(),
    createCluster({ rootNodes: [] }),
    createSentinel({ name: 'primary', sentinelRootNodes: [] }),
    createClient4(),
    createCluster4({ rootNodes: [] }),
    new IoRedis(),
    new IoRedisCluster([]),
    new IoRedis5(),
    new Valkey(),
  ];
  for (const client of clients) {
    redisCluster(client, settings);
  }
  redisCluster(createClient(), {
    name: 'chat',
    prefix: 'app',
    listen: { host: process.env['POD_IP'] },
    advertise: undefined,
    tls: { key: '', cert: '', ca: '' },
    nodeTimeout: 5000,
    maxQueuedBytes: Number.POSITIVE_INFINITY,
    secret: process.env['SECRET'],
  });

  // @ts-expect-error an endpoint has a name
  redisCluster(createClient(), {});
  // @ts-expect-error redisCluster() makes it
  redisCluster(createClient(), { name: 'chat', registry: {} });
  // @ts-expect-error a client of the application, not where to find Redis
  redisCluster('redis://127.0.0.1', { name: 'chat' });
  // @ts-expect-error trust is not left out
  redisCluster(createClient(), { name: 'chat', tls: { key: '', cert: '' } });
}

export function workers(settings: NodeClusterOptions): void {
  is<ClusterAdapter>()(nodeCluster(settings));
  is<void>()(setupPrimary());
  is<'name' | 'nodeTimeout' | 'maxQueuedBytes' | 'onGap'>()({} as keyof NodeClusterOptions);
  nodeCluster({ name: 'chat', nodeTimeout: undefined, maxQueuedBytes: Number.POSITIVE_INFINITY, onGap: 'ignore' });

  // @ts-expect-error an endpoint has a name
  nodeCluster({});
  // @ts-expect-error where the workers listen is what the primary says
  nodeCluster({ name: 'chat', listen: { path: '/tmp/links' } });
}

export function diagnostics(): void {
  is<Session>()({} as SessionOpenMessage['session']);
  is<Session>()({} as SessionCloseMessage['session']);
  is<number>()({} as SessionCloseMessage['code']);
  is<boolean>()({} as SessionCloseMessage['wasClean']);
  is<string>()({} as MessageMessage['message']);
  is<RejectionReason>()({} as RejectedMessage['reason']);
  is<number>()({} as RejectedMessage['status']);
  is<IncomingMessage>()({} as RejectedMessage['request']);
  is<Session>()({} as ReceiverMessage['session']);
  is<IncomingMessage | undefined>()({} as ReceiverMessage['request']);
  is<TransportName>()({} as ReceiverMessage['transport']);
  is<IncomingMessage>()({} as RequestMessage['request']);
  is<string>()({} as RequestMessage['method']);
  is<string>()({} as RequestMessage['path']);
  is<number | undefined>()({} as RequestMessage['status']);
}

export function options(): void {
  sockjs({ ...defaultOptions }, () => {});
  sockjs(
    {
      sockjsUrl: './sockjs.js',
      responseLimit: 1,
      websocket: false,
      websocketServer: { perMessageDeflate: true, maxPayload: 1024, handleProtocols: () => false },
      jsessionid,
      origin: 'https://a.example',
      checkOrigin: undefined,
      baseUrl: 'https://b.example',
      prefix: '/echo',
      onError: async () => {},
    },
    () => {},
  );
  sockjs({ websocketServer: new WebSocketServer({ noServer: true }), jsessionid: true }, () => {});
  const take = (options: ResolvedOptions, prefix: string) => [options, prefix];
  take(defaultOptions, defaultOptions.prefix);
  const attributes: JsessionidAttributes = { sameSite: 'none', secure: true, httpOnly: undefined };
  const origins: AllowedOrigins = ['https://a.example', /^https:/];
  sockjs(
    {
      jsessionid: attributes,
      allowedOrigins: origins,
      maxMessageSize: 1,
      maxMessagesPerRequest: 1,
      maxSendBuffer: 1,
      sendHighWaterMark: 1,
      maxReceiveBuffer: 1,
      receiveStallTimeout: 0,
      receiveTimeout: 0,
      maxSessions: Number.POSITIVE_INFINITY,
      maxSessionsPerClient: 1,
      sockjsIntegrity: 'sha384-x',
    },
    () => {},
  );
  sockjs({ allowedOrigins: '*' }, () => {});
  sockjs({ allowedOrigins: 'same-origin' }, () => {});
  sockjs({ allowedOrigins: (origin) => origin === 'https://a.example' }, () => {});
  // @ts-expect-error one origin is a list of one
  sockjs({ allowedOrigins: 'https://a.example' }, () => {});
  // @ts-expect-error no such value
  sockjs({ jsessionid: { sameSite: 'no' } }, () => {});

  // @ts-expect-error an unknown name
  sockjs({ heartbeat_delay: 1 }, () => {});
  // @ts-expect-error a wrong type
  sockjs({ heartbeatDelay: '25s' }, () => {});
  // @ts-expect-error null is not left out
  sockjs({ heartbeatDelay: null }, () => {});
  // @ts-expect-error the application decides where the server listens
  sockjs({ websocketServer: { port: 8080 } }, () => {});
  // @ts-expect-error the application decides where the server listens
  sockjs({ websocketServer: { path: '/x' } }, () => {});
  // @ts-expect-error it would not be a decision
  sockjs({ checkOrigin: () => 'yes' }, () => {});
  // @ts-expect-error an address is a string
  sockjs({ baseUrl: () => 1 }, () => {});
  // @ts-expect-error defaults do not change
  defaultOptions.heartbeatDelay = 1;
}

export async function members(): Promise<void> {
  is<string>()(session.id);
  is<SessionState>()(session.state);
  is<'opening' | 'active' | 'closing' | 'closed'>()(session.state);
  is<TransportName>()(session.transport);
  is<AbortSignal>()(session.signal);
  is<unknown>()(session.data);
  is<boolean>()(session.send('x'));
  is<boolean>()(session.close());
  session.close(3000);
  session.close(3000, 'Go away!');
  session.close(undefined, 'Done');
  session.close(CloseCode.GoingAway);
  is<string>()(await session.recv());
  await session.recv({});
  await session.recv({ signal: AbortSignal.timeout(1000) });
  await session.recv({ signal: undefined });
  for await (const message of session) {
    is<string>()(message);
  }
  is<'SessionNotOpenError'>()(new SessionNotOpenError().name);
  is<number>()(session.bufferedAmount);
  is<boolean>()(session.writableNeedDrain);
  is<Promise<void>>()(session.drained());
  await session.drained({});
  await session.drained({ signal: AbortSignal.timeout(1000) });
  await session.drained({ signal: undefined });
  is<Duplex>()(session.stream());
  await pipeline(session.stream(), new PassThrough({ objectMode: true }), session.stream());
  await pipeline(['x'], session.stream());
  is<unknown>()(new SessionNotOpenError({ cause: 'x' }).cause);

  // @ts-expect-error it has no options
  session.stream({ highWaterMark: 16 });
  // @ts-expect-error a signal is an option
  await session.drained(AbortSignal.timeout(1000));
  // @ts-expect-error the server's own
  session.bufferedAmount = 0;
  // @ts-expect-error the server's own
  session.writableNeedDrain = false;

  // @ts-expect-error a message is a string
  session.send({ x: 1 });
  // @ts-expect-error a message is a string
  session.send(Buffer.from('x'));
  // @ts-expect-error a code is a number
  session.close('3000');
  // @ts-expect-error a reason is a string
  session.close(3000, 1);
  // @ts-expect-error a signal is an option
  await session.recv(AbortSignal.timeout(1000));
  // @ts-expect-error the server's own
  session.state = 'closed';
  // @ts-expect-error the server's own
  session.id = 'x';
  // @ts-expect-error the server's own
  session.transport = 'websocket';
}

export function events(): void {
  for (const method of ['on', 'once', 'off'] as const) {
    is<'on' | 'once' | 'off'>()(method);
  }
  session.on('message', (message) => is<string>()(message));
  session.once('message', (message) => is<string>()(message));
  session.addListener('message', (message) => is<string>()(message));
  session.prependListener('message', (message) => is<string>()(message));
  session.prependOnceListener('message', (message) => is<string>()(message));
  session.on('message', () => {}).on('close', () => {});
  session.once('close', (event) => {
    is<SessionCloseEvent>()(event);
    is<number>()(event.code);
    is<string>()(event.reason);
    is<boolean>()(event.wasClean);
    // @ts-expect-error an event does not change
    event.code = 1;
  });
  session.on('drain', () => {}).once('drain', async () => {});
  // @ts-expect-error it has no argument
  session.on('drain', (bytes: number) => bytes);
  is<[]>()({} as SessionEvents['drain']);
  is<[message: string]>()({} as SessionEvents['message']);
  is<[event: SessionCloseEvent]>()({} as SessionEvents['close']);

  // @ts-expect-error there is no such event
  session.on('error', () => {});
  // @ts-expect-error there is no such event
  session.on('data', () => {});
  // @ts-expect-error a message is a string
  session.on('message', (message: Buffer) => message);
  // @ts-expect-error one argument
  session.on('close', (code: number, reason: string) => [code, reason]);
}

export function upgrades(): void {
  const app = express();
  is<() => void>()(attachUpgrade(createServer(app)));
  attachUpgrade(createSecureServer({}, app));
  attachUpgrade(createHttp2Server({ allowHTTP1: true }));
  attachUpgrade(app.listen(0));
  const servers: UpgradeServer[] = [createServer(), createSecureServer(), createHttp2Server()];
  for (const server of servers) {
    attachUpgrade(server, {});
  }
  is<number | undefined>()({} as AttachUpgradeOptions['upgradeTimeout']);
  attachUpgrade(createServer(), { upgradeTimeout: undefined });

  // @ts-expect-error a Connect app is no server
  attachUpgrade(connect());
  // @ts-expect-error a router is no server
  attachUpgrade(sockjs(() => {}));
  // @ts-expect-error which server?
  attachUpgrade();
  // @ts-expect-error a number of ms
  attachUpgrade(createServer(), { upgradeTimeout: '10s' });
  // @ts-expect-error a WebSocketServer listens by a server
  attachUpgrade(new WebSocketServer({ noServer: true }));
}

export function upgradeHandlers(): void {
  const app = express();
  const server = createServer(app);
  const echo = sockjs({ prefix: '/echo' }, () => {});
  const handle = upgradeHandler(app);
  is<(req: IncomingMessage, socket: Duplex, head: Buffer) => void>()(handle);
  server.on('upgrade', handle);
  server.on('upgrade', echo.handleUpgrade);
  server.on('upgrade', (req, socket, head) => {
    is<boolean>()(echo.handleUpgrade(req, socket, head));
    handle(req, socket, head);
  });
  const servers: UpgradeServer[] = [server, createSecureServer({}, echo), createHttp2Server({ allowHTTP1: true })];
  for (const one of servers) {
    upgradeHandler(one, { upgradeTimeout: 1000 });
  }
  upgradeHandler(connect());
  upgradeHandler(echo);
  upgradeHandler((_req, res) => res.end());
  upgradeHandler(async (_req, res) => {
    res.end();
  });
  const options: AttachUpgradeOptions = {};
  upgradeHandler(app, options);
  // @ts-expect-error neither a server nor a request listener
  upgradeHandler({});
  // @ts-expect-error a Router needs a `next`
  upgradeHandler(Router());
  // @ts-expect-error an unknown option
  upgradeHandler(app, { timeout: 1000 });
  // @ts-expect-error it needs the bytes behind the request
  echo.handleUpgrade({} as IncomingMessage, {} as Duplex);
}

export function broadcasts(): void {
  const users = sockjs<User, UserRequest>((given) => {
    is<boolean>()(given.join('room'));
    is<boolean>()(given.leave('room'));
    is<ReadonlySet<string>>()(given.rooms);
    is<number>()(users.broadcast('x', { except: given }));
    // @ts-expect-error rooms are entered by join()
    given.rooms.add('room');
    // @ts-expect-error the server's own
    given.rooms = new Set();
    // @ts-expect-error a room has a name
    given.join(1);
    // @ts-expect-error a room has a name
    given.leave();
  });
  is<number>()(users.broadcast('x'));
  users.broadcast('x', {});
  users.broadcast('x', { except: undefined });
  users.broadcast('x', { except: users.sessions });
  users.broadcast('x', { except: new Set<Session<User, UserRequest>>() });
  is<Room<User, UserRequest>>()(users.to('room'));
  is<number>()(users.to('room').send('x'));
  users.to('room').send('x', { except: [...users.sessions] });
  is<Session | Iterable<Session> | undefined>()({} as BroadcastOptions<Session>['except']);

  // @ts-expect-error a message is a string
  users.broadcast({ x: 1 });
  // @ts-expect-error a message is a string
  users.to('room').send(1);
  // @ts-expect-error a room has a name
  users.to();
  // @ts-expect-error a session of another router is none of this one's
  users.broadcast('x', { except: session });
  // @ts-expect-error sessions, not their ids
  users.broadcast('x', { except: 'id' });
  // @ts-expect-error an unknown option
  users.to('room').send('x', { to: 'room' });
}

export function eachOption(): void {
  type Given = SockjsOptions<User, UserRequest>;
  type ByRequest<T> = (req: UserRequest) => T;
  is<string | ByRequest<string> | undefined>()({} as Given['sockjsUrl']);
  is<number | undefined>()({} as Given['responseLimit']);
  is<boolean | undefined>()({} as Given['websocket']);
  is<boolean | undefined>()({} as Given['rawWebsocket']);
  is<boolean | undefined>()({} as Given['xhrPolling']);
  is<boolean | undefined>()({} as Given['xhrStreaming']);
  is<boolean | undefined>()({} as Given['eventSource']);
  is<boolean | undefined>()({} as Given['htmlFile']);
  is<boolean | undefined>()({} as Given['jsonp']);
  is<WebSocketServerOptions | WebSocketServer | undefined>()({} as Given['websocketServer']);
  is<Omit<ServerOptions, 'server' | 'port' | 'host' | 'backlog' | 'path' | 'noServer'>>()({} as WebSocketServerOptions);
  is<number | undefined>()({} as Given['websocketWriteTimeout']);
  is<number | undefined>()({} as Given['heartbeatDelay']);
  is<number | undefined>()({} as Given['disconnectDelay']);
  is<boolean | JsessionidAttributes | ((req: UserRequest, res: ServerResponse) => void) | undefined>()(
    {} as Given['jsessionid'],
  );
  is<string | undefined>()({} as Given['origin']);
  is<ByRequest<boolean> | undefined>()({} as Given['checkOrigin']);
  is<string | ByRequest<string> | undefined>()({} as Given['baseUrl']);
  is<string | RegExp | undefined>()({} as Given['prefix']);
  is<AllowedOrigins<UserRequest> | undefined>()({} as Given['allowedOrigins']);
  is<ByRequest<boolean | User | Promise<boolean | User>> | undefined>()({} as Given['authorize']);
  is<ByRequest<string> | undefined>()({} as Given['identify']);
  is<number | undefined>()({} as Given['maxMessageSize']);
  is<number | undefined>()({} as Given['maxMessagesPerRequest']);
  is<number | undefined>()({} as Given['maxSendBuffer']);
  is<number | undefined>()({} as Given['sendHighWaterMark']);
  is<number | undefined>()({} as Given['maxReceiveBuffer']);
  is<number | undefined>()({} as Given['receiveStallTimeout']);
  is<number | undefined>()({} as Given['receiveTimeout']);
  is<number | undefined>()({} as Given['maxSessions']);
  is<number | undefined>()({} as Given['maxSessionsPerClient']);
  is<string | undefined>()({} as Given['sockjsIntegrity']);
  is<((error: unknown, session: Session<User, UserRequest>) => unknown) | undefined>()({} as Given['onError']);

  // @ts-expect-error on or off
  sockjs({ websocket: 'yes' }, () => {});
  // @ts-expect-error on or off
  sockjs({ rawWebsocket: 1 }, () => {});
  // @ts-expect-error each transport has its switch
  sockjs({ transports: ['websocket'] }, () => {});
  // @ts-expect-error a number of bytes
  sockjs({ maxMessageSize: '1mb' }, () => {});
  // @ts-expect-error an address
  sockjs({ sockjsUrl: new URL('https://example.com') }, () => {});
  sockjs({ prefix: /\/[^/]+\/echo/i }, () => {});
  // @ts-expect-error one prefix, or one expression for all
  sockjs({ prefix: ['/a', '/b'] }, () => {});
  // @ts-expect-error one origin of CORS
  sockjs({ origin: ['https://a.example'] }, () => {});
  // @ts-expect-error it must be known at once
  sockjs({ checkOrigin: async () => true }, () => {});
  // @ts-expect-error a list of origins and expressions
  sockjs({ allowedOrigins: [new URL('https://a.example')] }, () => {});
  // @ts-expect-error no such attribute
  sockjs({ jsessionid: { maxAge: 1 } }, () => {});
  // @ts-expect-error a function
  sockjs({ onError: 'throw' }, () => {});
}

export function helpers(): void {
  const req = {} as IncomingMessage;
  const res = {} as ServerResponse;
  is<void>()(jsessionid(req, res));
  jsessionid(req, res, { sameSite: 'lax' });
  sockjs({ jsessionid: (given, answer) => jsessionid(given, answer, { secure: true }) }, () => {});
  // @ts-expect-error the request comes first
  jsessionid(res, req);

  is<1000>()(CloseCode.Normal);
  is<1001>()(CloseCode.GoingAway);
  is<1002>()(CloseCode.Interrupted);
  is<1003>()(CloseCode.UnsupportedData);
  is<1005>()(CloseCode.NoStatus);
  is<1006>()(CloseCode.Abnormal);
  is<1007>()(CloseCode.InvalidPayload);
  is<1009>()(CloseCode.MessageTooBig);
  is<1011>()(CloseCode.InternalError);
  is<1013>()(CloseCode.TryAgainLater);
  is<2010>()(CloseCode.AnotherConnection);
  // @ts-expect-error codes do not change
  CloseCode.Normal = 1000;
  // @ts-expect-error no such code
  CloseCode.Other;

  const error = new SessionNotOpenError();
  is<SessionNotOpenError>()(error);
  const asError: Error = error;
  throw asError;
}

export function closing(): void {
  is<number | undefined>()({} as CloseOptions['code']);
  is<string | undefined>()({} as CloseOptions['reason']);
  is<number | undefined>()({} as CloseOptions['timeout']);
  is<'closed' | 'flushed' | 'dropped'>()({} as keyof CloseResult);
  is<'code' | 'reason' | 'wasClean'>()({} as keyof SessionCloseEvent);
  is<
    | 'sessions'
    | 'opened'
    | 'closed'
    | 'messagesIn'
    | 'bytesIn'
    | 'messagesOut'
    | 'bytesOut'
    | 'rejected'
    | 'queuedBytes'
    | 'cluster'
  >()({} as keyof SockjsStats);
  is<'websocket' | 'websocket-raw' | 'xhr-polling' | 'xhr-streaming' | 'eventsource' | 'htmlfile' | 'jsonp-polling'>()(
    {} as TransportName,
  );
  is<
    | 'origin'
    | 'authorize'
    | 'identity'
    | 'busy'
    | 'sessions'
    | 'client-sessions'
    | 'closing'
    | 'unavailable'
    | 'size'
    | 'timeout'
    | 'payload'
  >()({} as RejectionReason);
}

export function channels(): void {
  subscribe('sockjs:session:open', (message) => {
    is<Session>()((message as SessionOpenMessage).session);
  });
  subscribe('sockjs:session:close', (message) => {
    const { code, reason, wasClean, session: closed } = message as SessionCloseMessage;
    const event: SessionCloseEvent = { code, reason, wasClean };
    is<Session>()(closed);
    session.emit('close', event);
  });
  for (const name of ['sockjs:message:in', 'sockjs:message:out']) {
    subscribe(name, (message) => {
      is<keyof MessageMessage>()('' as 'session' | 'message');
      is<Session>()((message as MessageMessage).session);
    });
  }
  subscribe('sockjs:rejected', (message) => {
    is<'request' | 'reason' | 'status'>()('' as keyof RejectedMessage);
    // @ts-expect-error what was told does not change
    (message as RejectedMessage).reason = 'origin';
  });
  subscribe('sockjs:receiver', (message) => {
    is<'session' | 'request' | 'transport'>()('' as keyof ReceiverMessage);
    // @ts-expect-error another process may hold the request
    (message as ReceiverMessage).request.url;
  });
  subscribe('sockjs:cluster:status', (message) => {
    is<ClusterStatus>()((message as ClusterStatusMessage).previous);
    is<keyof ClusterStatusMessage>()('' as keyof ClusterMessage | 'status' | 'previous');
  });
  subscribe('sockjs:cluster:node', (message) => {
    is<'joined' | 'left' | 'dead'>()((message as ClusterNodeMessage).event);
    // @ts-expect-error it may be a node that was not listed
    (message as ClusterNodeMessage).address.length;
  });
  subscribe('sockjs:cluster:link', (message) => {
    is<'dialled' | 'accepted'>()((message as ClusterLinkMessage).direction);
    is<keyof ClusterLinkMessage>()('' as keyof ClusterMessage | 'peer' | 'direction' | 'event' | 'cause');
    // @ts-expect-error it may have proved nothing
    (message as ClusterLinkMessage).peer.length;
  });
  subscribe('sockjs:cluster:gap', (message) => {
    is<'out' | 'in'>()((message as ClusterGapMessage).direction);
    is<keyof ClusterGapMessage>()('' as keyof ClusterMessage | 'peer' | 'direction' | 'isForAll' | 'hasClose');
  });
  subscribe('sockjs:request', (message) => {
    is<'request' | 'method' | 'path' | 'status'>()('' as keyof RequestMessage);
    // @ts-expect-error what was told does not change
    (message as RequestMessage).status = 200;
  });
}

export function instances(something: unknown): void {
  // A session is made by the server alone, but may be told from other things.
  const { Session: SessionClass } = {} as typeof api;
  if (something instanceof SessionClass) {
    is<string>()(something.id);
  }
  is<number>()(session.listenerCount('message'));
  session.off('close', () => {});
  session.removeListener('drain', () => {});
  session.removeAllListeners('message');
  // @ts-expect-error npm sockjs has this
  session.write('x');
  // @ts-expect-error npm sockjs has this
  session.end();
  // @ts-expect-error npm sockjs has this
  session.readyState;
  // @ts-expect-error an array of strings is many messages
  session.send(['x']);
  // @ts-expect-error the server's own
  session.request = {};
  // @ts-expect-error the server's own
  session.signal = new AbortController().signal;
  // @ts-expect-error data may not be there
  (session as Session<User>).data.name;
}
