/** The client's side of one session over any transport and any kind of server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { attachUpgrade, type SessionHandler, type TransportName } from '../../../lib/index.ts';
import { afterTest } from '../../support/cleanup.ts';
import { listen, type TestServer } from '../../support/test-server.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The decoded body. It may go on until the session ends. */
  readonly body: Readable;
}

/** Sends requests to a server. */
export interface HttpClient {
  /** As in `https://127.0.0.1:1234`. */
  readonly origin: string;
  /** The certificate of the authority that signed the server's certificate. */
  readonly ca?: string;
  /** Settles with the head of the response. */
  request(method: string, path: string, headers?: Record<string, string>, body?: string): Promise<Reply>;
}

/** HTTP/1.1, one connection for each request. */
export function http1(origin: string, ca?: string): HttpClient {
  return {
    origin,
    ...(ca === undefined ? {} : { ca }),
    request: async (method, path, headers = {}, body = '') => {
      const options = { method, headers: { ...lengthOf(method, body), ...headers }, agent: false, ca };
      const req = origin.startsWith('https')
        ? httpsRequest(origin + path, options)
        : httpRequest(origin + path, options);
      afterTest(() => {
        req.destroy();
      });
      req.end(body);
      const [res] = await once(req, 'response');
      res.on('error', () => {});
      return { status: res.statusCode, headers: res.headers, body: res.setEncoding('utf8') };
    },
  };
}

/** HTTP/2, all requests on one connection. */
export function http2(client: ClientHttp2Session, origin: string): HttpClient {
  return {
    origin,
    request: async (method, path, headers = {}, body = '') => {
      const stream = client.request(
        { ':method': method, ':path': path, ...lengthOf(method, body), ...headers },
        { endStream: body === '' },
      );
      stream.on('error', () => {});
      if (body !== '') {
        stream.end(body);
      }
      const [{ ':status': status, ...rest }] = await once(stream, 'response');
      return { status, headers: rest, body: stream.setEncoding('utf8') };
    },
  };
}

function lengthOf(method: string, body: string): Record<string, string> {
  return method === 'GET' ? {} : { 'content-length': String(Buffer.byteLength(body)) };
}

/** Settles with the whole body of a response. */
export async function textOf({ body }: Reply): Promise<string> {
  let text = '';
  for await (const chunk of body) {
    text += chunk;
  }
  return text;
}

/** The form of a message in the request that sends it. */
export interface SendForm {
  readonly type: string;
  encode(json: string): string;
}

export const FORM: SendForm = {
  type: 'application/x-www-form-urlencoded',
  encode: (json) => new URLSearchParams({ d: json }).toString(),
};

/** JSON as it is, under a Content-Type. */
export const jsonAs = (type: string): SendForm => ({ type, encode: (json) => json });

interface HttpTransport {
  readonly method: 'GET' | 'POST';
  readonly endpoint: string;
  readonly sendEndpoint: 'xhr_send' | 'jsonp_send';
  readonly sendForm: SendForm;
  readonly contentType: string;
  /** Matches the first frame in received text. Group 1 is its content. */
  readonly frame: RegExp;
  unwrap(matched: string): string;
}

const JAVASCRIPT = 'application/javascript; charset=UTF-8';
const XHR = {
  method: 'POST',
  sendEndpoint: 'xhr_send',
  sendForm: jsonAs('text/plain'),
  contentType: JAVASCRIPT,
  frame: /^(?:h{2048}\n)?(?!h{2048}\n)([^\n]*)\n/,
  unwrap: (matched: string) => matched,
} as const;

const HTTP_TRANSPORTS: ReadonlyMap<TransportName, HttpTransport> = new Map<TransportName, HttpTransport>([
  ['xhr-polling', { ...XHR, endpoint: 'xhr' }],
  ['xhr-streaming', { ...XHR, endpoint: 'xhr_streaming' }],
  [
    'eventsource',
    {
      ...XHR,
      method: 'GET',
      endpoint: 'eventsource',
      contentType: 'text/event-stream',
      frame: /data: (.*)\r\n\r\n/,
      unwrap: (matched) => matched.replaceAll('%25', '%'),
    },
  ],
  [
    'htmlfile',
    {
      ...XHR,
      method: 'GET',
      endpoint: 'htmlfile?c=cb',
      contentType: 'text/html; charset=UTF-8',
      frame: /<script>\np\((".*")\);\n<\/script>\r\n/,
      unwrap: (matched) => JSON.parse(matched),
    },
  ],
  [
    'jsonp-polling',
    {
      method: 'GET',
      endpoint: 'jsonp?c=cb',
      sendEndpoint: 'jsonp_send',
      sendForm: FORM,
      contentType: JAVASCRIPT,
      frame: /\/\*\*\/cb\((".*")\);\r\n/,
      unwrap: (matched) => JSON.parse(matched),
    },
  ],
]);

export const HTTP_NAMES: readonly TransportName[] = [...HTTP_TRANSPORTS.keys()];
export const WEBSOCKET_NAMES: readonly TransportName[] = ['websocket', 'websocket-raw'];
export const ALL_NAMES: readonly TransportName[] = [...HTTP_NAMES, ...WEBSOCKET_NAMES];

export interface PeerOptions {
  readonly base?: string;
  readonly id?: string;
  /** Sent with every request. */
  readonly headers?: Record<string, string>;
  /**
   * The form of sends.
   * @default the form that clients use
   */
  readonly sendForm?: SendForm;
}

/** The client's side of one session. */
export interface Peer {
  /** Headers of the response that opened the session; of the 101 for WebSockets. */
  readonly headers: IncomingHttpHeaders;
  /** Settles with the next message, which must be alone in its frame. */
  next(): Promise<string>;
  /** Sends a message. Settles with the headers of the response, or undefined for WebSockets. */
  send(message: string): Promise<IncomingHttpHeaders | undefined>;
  /** Settles with code and reason once the server has closed the session. */
  closed(): Promise<{ code: number; reason: string }>;
}

/** Opens a session. */
export function openPeer(httpClient: HttpClient, transport: TransportName, options: PeerOptions = {}): Promise<Peer> {
  const http = HTTP_TRANSPORTS.get(transport);
  return http === undefined
    ? openWebSocket(httpClient, transport === 'websocket-raw', options)
    : openHttp(httpClient, http, options);
}

async function openHttp(httpClient: HttpClient, transport: HttpTransport, options: PeerOptions): Promise<Peer> {
  const { base = '/echo', id = 'session', headers = {}, sendForm = transport.sendForm } = options;
  const path = `${base}/000/${id}`;
  const receive = async () => {
    const reply = await httpClient.request(transport.method, `${path}/${transport.endpoint}`, headers);
    if (reply.status !== 200) {
      throw new Error(`got ${reply.status} ${await textOf(reply)}`);
    }
    assert.equal(reply.headers['content-type'], transport.contentType);
    assert.equal(reply.headers['content-encoding'], undefined);
    return { headers: reply.headers, chunks: reply.body[Symbol.asyncIterator]() };
  };
  let current = await receive();
  let received = '';
  const frame = async (): Promise<string> => {
    for (;;) {
      const match = transport.frame.exec(received);
      if (match?.[1] !== undefined) {
        received = received.slice(match.index + match[0].length);
        return transport.unwrap(match[1]);
      }
      const { done, value } = await current.chunks.next();
      if (done) {
        current = await receive();
      } else {
        received += value;
      }
    }
  };
  const opening = current.headers;
  assert.equal(await frame(), 'o');
  return {
    headers: opening,
    next: async () => messageIn(await frame()),
    send: async (message) => {
      const { status, headers: answered } = await httpClient.request(
        'POST',
        `${path}/${transport.sendEndpoint}`,
        { ...headers, 'content-type': sendForm.type },
        sendForm.encode(JSON.stringify([message])),
      );
      assert.equal(status, transport.sendEndpoint === 'xhr_send' ? 204 : 200);
      return answered;
    },
    closed: async () => {
      const closing = closeIn(await frame());
      // The response must have ended, and must hold nothing else.
      assert.deepEqual(await current.chunks.next(), { done: true, value: undefined });
      return closing;
    },
  };
}

async function openWebSocket(httpClient: HttpClient, isRaw: boolean, options: PeerOptions): Promise<Peer> {
  const { base = '/echo', id = 'session', headers = {} } = options;
  const path = isRaw ? `${base}/websocket` : `${base}/000/${id}/websocket`;
  const client = new WebSocketClient(httpClient.origin, path, {
    headers,
    ...(httpClient.ca === undefined ? {} : { ca: httpClient.ca }),
  });
  const upgraded = once(client.socket, 'upgrade');
  upgraded.catch(() => {});
  await client.opened;
  const [res] = await upgraded;
  if (!isRaw) {
    assert.equal(await client.next(), 'o');
  }
  return {
    headers: res.headers,
    next: async () => (isRaw ? client.next() : messageIn(await client.next())),
    send: async (message) => {
      client.send(isRaw ? message : JSON.stringify([message]));
      return undefined;
    },
    closed: async () => {
      const closing = isRaw ? undefined : closeIn(await client.next());
      const closed = await client.closed;
      assert.deepEqual(closing ?? closed, closed);
      return closed;
    },
  };
}

function messageIn(frame: string): string {
  assert.equal(frame[0], 'a', `expected a message, got ${frame}`);
  const messages: string[] = JSON.parse(frame.slice(1));
  assert.equal(messages.length, 1, `expected one message, got ${frame}`);
  return String(messages[0]);
}

function closeIn(frame: string): { code: number; reason: string } {
  assert.equal(frame[0], 'c', `expected a close frame, got ${frame}`);
  const [code, reason] = JSON.parse(frame.slice(1));
  return { code, reason };
}

const BYE = 'bye';

/** Echoes messages until `bye`, for {@link converse}. */
export const echoUntilBye: SessionHandler = (session) => {
  session.on('message', (message) => {
    if (message === BYE) {
      session.close(3000, 'as you wish');
    } else {
      session.send(message);
    }
  });
};

/** Plays a whole session: opens it, sends, receives, and has the server close it. */
export async function converse(
  httpClient: HttpClient,
  transport: TransportName,
  options: PeerOptions = {},
): Promise<Peer> {
  const peer = await openPeer(httpClient, transport, options);
  // Two messages, since the first may travel with the open frame.
  for (const text of ['größer "than" <ever>', '100%41 \u2028']) {
    await peer.send(text);
    assert.equal(await peer.next(), text);
  }
  await peer.send(BYE);
  assert.deepEqual(await peer.closed(), { code: 3000, reason: 'as you wish' });
  return peer;
}

/** Serves a listener, with upgrades attached. */
export async function serveUpgradable(
  listener: RequestListener,
): Promise<TestServer & { readonly httpClient: HttpClient }> {
  const server = createServer(listener);
  attachUpgrade(server);
  const listening = await listen(server);
  return { ...listening, httpClient: http1(listening.origin) };
}
