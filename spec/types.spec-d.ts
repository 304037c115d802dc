/** What the public types promise and forbid; compiled by the type check, never run. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import connect from 'connect';
import express, { type Request, Router } from 'express';
import { WebSocketServer } from 'ws';
import {
  attachUpgrade,
  CloseCode,
  defaultOptions,
  jsessionid,
  type ResolvedOptions,
  type Session,
  type SessionCloseEvent,
  type SessionEvents,
  type SessionHandler,
  SessionNotOpenError,
  type SessionState,
  type SockjsOptions,
  type SockjsRouter,
  sockjs,
  type TransportName,
} from '../lib/index.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only where the argument is of just this type. */
declare function is<Expected>(): <Actual>(
  actual: Actual & (Equal<Actual, Expected> extends true ? unknown : never),
) => void;

declare const session: Session;

interface User {
  readonly name: string;
}

interface UserRequest extends IncomingMessage {
  readonly user: User;
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
  // @ts-expect-error the path is the mount's business
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

export function options(): void {
  sockjs({ ...defaultOptions }, () => {});
  sockjs(
    {
      sockjsUrl: undefined,
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
  is<ResolvedOptions>()(defaultOptions);

  // @ts-expect-error an unknown name
  sockjs({ heartbeat_delay: 1 }, () => {});
  // @ts-expect-error a wrong type
  sockjs({ heartbeatDelay: '25s' }, () => {});
  // @ts-expect-error null is not left out
  sockjs({ heartbeatDelay: null }, () => {});
  // @ts-expect-error where to listen is the mount's business
  sockjs({ websocketServer: { port: 8080 } }, () => {});
  // @ts-expect-error where to listen is the mount's business
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
