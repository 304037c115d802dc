/** Every way to ask for a session, as bytes on a connection; for what must hold on all transports alike. */
import { createServer } from 'node:http';
import express, { type ErrorRequestHandler, type Express } from 'express';
import {
  attachUpgrade,
  type Session,
  type SockjsOptions,
  type SockjsRouter,
  sockjs,
  type TransportName,
} from '../../lib/index.ts';
import { AsyncQueue } from './async-queue.ts';
import { handshake, RawSocket } from './http.ts';
import { listen, sessionCatcher, type TestServer } from './test-server.ts';
import { parseAnswer, serverFrame } from './upgrade-client.ts';

export interface WireTransport {
  readonly name: TransportName;
  readonly family: 'xhr' | 'jsonp' | 'websocket';
  /** Whether the response to one request goes on after the first frame. */
  readonly isStreaming: boolean;
  /** The head of the request that asks. */
  requestLines(id: string, ...headers: string[]): string[];
  /** A frame as it travels, latin1. */
  wrap(frame: string): string;
  /** Headers of every answer, errors among them, beside those of {@link EVERY_ANSWER}. */
  readonly headers: Readonly<Record<string, string>>;
}

const CORS = { 'access-control-allow-origin': '*' };
const EMBEDDED = { 'cross-origin-resource-policy': 'cross-origin' };

/** Headers that all answers of transports have in common. */
export const EVERY_ANSWER = {
  'cache-control': 'no-store, no-cache, no-transform, must-revalidate, max-age=0',
  vary: 'Origin',
};

function http(
  name: TransportName,
  endpoint: string,
  wrap: WireTransport['wrap'],
  headers: WireTransport['headers'],
  family: WireTransport['family'] = 'xhr',
): WireTransport {
  const method = endpoint.startsWith('xhr') ? 'POST' : 'GET';
  return {
    name,
    family,
    isStreaming: !name.endsWith('polling'),
    requestLines: (id, ...more) => [
      `${method} /echo/000/${id}/${endpoint} HTTP/1.1`,
      'Host: localhost',
      ...(method === 'POST' ? ['Content-Length: 0'] : []),
      'Connection: close',
      ...more,
      '',
      '',
    ],
    wrap,
    headers,
  };
}

export const ALL_TRANSPORTS: readonly WireTransport[] = [
  http('xhr-polling', 'xhr', (frame) => `${frame}\n`, CORS),
  http('xhr-streaming', 'xhr_streaming', (frame) => `${frame}\n`, CORS),
  http('eventsource', 'eventsource', (frame) => `data: ${frame}\r\n\r\n`, CORS),
  http('htmlfile', 'htmlfile?c=cb', (frame) => `<script>\np(${JSON.stringify(frame)});\n</script>\r\n`, {
    ...EMBEDDED,
    'content-security-policy': "default-src 'none'; script-src 'unsafe-inline'; base-uri 'none'; frame-ancestors *",
    'referrer-policy': 'same-origin',
  }),
  http('jsonp-polling', 'jsonp?c=cb', (frame) => `/**/cb(${JSON.stringify(frame)});\r\n`, EMBEDDED, 'jsonp'),
  {
    name: 'websocket',
    family: 'websocket',
    isStreaming: true,
    requestLines: (id, ...more) => handshake(`/echo/000/${id}/websocket`, ...more),
    wrap: (frame) => serverFrame(1, frame),
    headers: {},
  },
  {
    name: 'websocket-raw',
    family: 'websocket',
    isStreaming: true,
    requestLines: (_id, ...more) => handshake('/echo/websocket', ...more),
    wrap: (frame) => serverFrame(1, frame),
    headers: {},
  },
];

/** Those whose sessions live on from one request to the next. */
export const HTTP_TRANSPORTS = ALL_TRANSPORTS.filter(({ family }) => family !== 'websocket');

export interface TransportServer extends TestServer {
  readonly router: SockjsRouter;
  /** What the application's own error handling was given. */
  readonly errors: AsyncQueue<unknown>;
  readonly sessions: ReturnType<typeof sessionCatcher>;
  /** Asks for a session; nothing is awaited. */
  ask(transport: WireTransport, id?: string, ...headers: string[]): RawSocket;
  /** Asks for a session and expects to get it. */
  open(transport: WireTransport, id?: string, ...headers: string[]): Promise<{ raw: RawSocket; session: Session }>;
  /** Sends to a session of an HTTP transport; the answer. */
  send(transport: WireTransport, id: string, body: string, ...headers: string[]): RawSocket;
}

/** A server with everything switched on that tells what became of each request. */
export async function serveTransports(
  options: SockjsOptions = {},
  { before, onSession }: { before?: (app: Express) => void; onSession?: (session: Session) => unknown } = {},
): Promise<TransportServer> {
  const sessions = sessionCatcher();
  const errors = new AsyncQueue<unknown>();
  const app = express().disable('x-powered-by');
  before?.(app);
  const router = sockjs({ rawWebsocket: true, ...options }, (session) => {
    void sessions.onSession(session);
    return onSession?.(session);
  });
  app.use('/echo', router);
  app.use(((error, _req, res, _next) => {
    errors.push(error);
    res.status(500).end('the error page');
  }) satisfies ErrorRequestHandler);
  const server = createServer(app);
  attachUpgrade(server);
  const listening = await listen(server);
  const ask: TransportServer['ask'] = (transport, id = 'session', ...headers) =>
    new RawSocket(listening.port).send(...transport.requestLines(id, ...headers));
  return {
    ...listening,
    router,
    errors,
    sessions,
    ask,
    open: async (transport, ...rest) => {
      const raw = ask(transport, ...rest);
      const session = await sessions.next();
      await raw.until(transport.name === 'websocket-raw' ? '\r\n\r\n' : transport.wrap('o'));
      return { raw, session };
    },
    send: ({ family }, id, body, ...headers) =>
      new RawSocket(listening.port).send(
        `POST /echo/000/${id}/${family}_send HTTP/1.1`,
        'Host: localhost',
        'Connection: close',
        'Content-Type: text/plain',
        `Content-Length: ${Buffer.byteLength(body)}`,
        ...headers,
        '',
        body,
      ),
  };
}

export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The whole answer of a connection that the server closes. */
export async function answerOf(raw: RawSocket): Promise<Refusal> {
  const { status, headers, rest } = parseAnswer(await raw.closed);
  const fields = headers.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const { date, connection, ...own } = Object.fromEntries(fields);
  return { status: Number(status.split(' ')[1]), headers: own, body: rest };
}

/** What an error answer of this way must be, to the letter. */
export function refusal(
  transport: WireTransport,
  status: number,
  body: string,
  more: Record<string, string> = {},
): Refusal {
  return {
    status,
    headers: {
      ...EVERY_ANSWER,
      ...transport.headers,
      'content-type': 'text/plain; charset=UTF-8',
      'content-length': String(body.length),
      'x-content-type-options': 'nosniff',
      ...more,
    },
    body,
  };
}
