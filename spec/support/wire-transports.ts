/** The seven transports as bytes on a connection, for properties that all of them share. */
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
  /** Whether the response goes on after the first frame. */
  readonly isStreaming: boolean;
  /** The lines of the request that opens a session, or polls it. */
  requestLines(id: string, ...headers: string[]): string[];
  /** The bytes of one frame, as latin1. */
  wrap(frame: string): string;
  /** Headers of all responses of this transport, errors included, besides {@link EVERY_ANSWER}. */
  readonly headers: Readonly<Record<string, string>>;
}

const CORS = { 'access-control-allow-origin': '*' };
const EMBEDDED = { 'cross-origin-resource-policy': 'cross-origin' };

/** Headers of all responses of all transports. */
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

/** The transports whose sessions span several requests. */
export const HTTP_TRANSPORTS = ALL_TRANSPORTS.filter(({ family }) => family !== 'websocket');

export interface TransportServer extends TestServer {
  readonly router: SockjsRouter;
  /** The errors that the application's error handler got. */
  readonly errors: AsyncQueue<unknown>;
  readonly sessions: ReturnType<typeof sessionCatcher>;
  /** Requests a session. Does not wait for the response. */
  ask(transport: WireTransport, id?: string, ...headers: string[]): RawSocket;
  /** Requests a session, and waits until it is open. */
  open(transport: WireTransport, id?: string, ...headers: string[]): Promise<{ raw: RawSocket; session: Session }>;
  /** Sends a body to a session of an HTTP transport. Returns the connection, whose response is not awaited. */
  send(transport: WireTransport, id: string, body: string, ...headers: string[]): RawSocket;
}

/** Serves one endpoint with all transports enabled, and records its sessions and errors. */
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

/** Settles with the complete response, once the server has closed the connection. */
export async function answerOf(raw: RawSocket): Promise<Refusal> {
  const { status, headers, rest } = parseAnswer(await raw.closed);
  const fields = headers.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const { date, connection, ...own } = Object.fromEntries(fields);
  return { status: Number(status.split(' ')[1]), headers: own, body: rest };
}

/** Returns the exact error response that this transport must give. */
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
