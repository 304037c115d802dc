/** One request for each kind of response, for properties that whole groups of responses share. */
import { type Answer, fetchText, post, type RequestOptions, Stream } from './http.ts';

export interface RequestCase {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly body?: string;
  /** Whether the session must be open before the request. */
  readonly opened?: boolean;
  /** Whether the response goes on until client or server ends it. */
  readonly streaming?: boolean;
}

const FORM = 'application/x-www-form-urlencoded';

/** Receiving requests: plain responses, streams and errors. */
export const RECEIVE_CASES: readonly RequestCase[] = [
  { method: 'POST', path: '/0/s/xhr', status: 200 },
  { method: 'POST', path: '/0/s/xhr_streaming', status: 200, streaming: true },
  { method: 'GET', path: '/0/s/eventsource', status: 200, streaming: true },
  { method: 'GET', path: '/0/s/htmlfile?c=cb', status: 200, streaming: true },
  { method: 'GET', path: '/0/s/htmlfile', status: 500 },
  { method: 'GET', path: '/0/s/jsonp?c=cb', status: 200 },
  { method: 'GET', path: '/0/s/jsonp?c=%3C', status: 500 },
  { method: 'GET', path: '/0/s/websocket', status: 400 },
  { method: 'GET', path: '/websocket', status: 400 },
];

/** Sends, accepted and refused. */
export const SEND_CASES: readonly RequestCase[] = [
  { method: 'POST', path: '/0/s/xhr_send', status: 204, body: '["m"]', opened: true },
  { method: 'POST', path: '/0/s/xhr_send', status: 500, body: '["m', opened: true },
  { method: 'POST', path: '/0/s/xhr_send', status: 500, body: '', opened: true },
  { method: 'POST', path: '/0/s/xhr_send', status: 404, body: '["m"]' },
  { method: 'POST', path: '/0/s/jsonp_send', status: 200, body: 'd=%5B%22m%22%5D', opened: true },
  { method: 'POST', path: '/0/s/jsonp_send', status: 500, body: 'd=', opened: true },
  { method: 'POST', path: '/0/s/jsonp_send', status: 404, body: 'd=%5B%22m%22%5D' },
];

/** The preflight requests of browsers. */
export const PREFLIGHT_CASES: readonly RequestCase[] = ['xhr', 'xhr_streaming', 'xhr_send'].map((name) => ({
  method: 'OPTIONS',
  path: `/0/s/${name}`,
  status: 204,
}));

/** Requests whose responses carry CORS headers, besides `/info`. */
export const CROSS_ORIGIN_CASES: readonly RequestCase[] = [...RECEIVE_CASES, ...SEND_CASES, ...PREFLIGHT_CASES].filter(
  ({ path }) => /\/(xhr|xhr_streaming|xhr_send|eventsource)$/.test(path),
);

/** Requests for pages, which belong to no transport. */
export const PAGE_CASES: readonly RequestCase[] = ['', '/', '/info', '/iframe.html', '/iframe-1.2.html'].map(
  (path) => ({
    method: 'GET',
    path,
    status: 200,
  }),
);

export function titleOf({ method, path, status, body }: RequestCase): string {
  return `${status} to ${method} BASE${path}${body === undefined ? '' : ` with ${JSON.stringify(body)}`}`;
}

/**
 * Sends the request of a case to a server that has no sessions yet. For a stream, settles with the head and no body.
 */
export async function sendRequest(
  url: string,
  requestCase: RequestCase,
  headers: RequestOptions['headers'] = {},
): Promise<Answer> {
  const { method, path, status, body, opened, streaming } = requestCase;
  const isForm = path.endsWith('/jsonp_send');
  if (opened === true) {
    // A session belongs to the transport family that opened it. The server's own origin is always allowed.
    const own = { Origin: new URL(url).origin };
    await (isForm ? fetchText(`${url}/0/s/jsonp?c=cb`, 'GET', { headers: own }) : post(`${url}/0/s/xhr`, '', own));
  }
  if (streaming === true) {
    const stream = new Stream(url + path, method, { headers });
    const { statusCode = 0, headers: answered } = await stream.response;
    // An error takes the place of the stream: its body is complete.
    const instead = statusCode === status ? '' : await stream.next();
    return { status: statusCode, headers: answered, body: instead };
  }
  const type = isForm ? { 'Content-Type': FORM } : undefined;
  return fetchText(url + path, method, { headers: { ...type, ...headers }, ...(body === undefined ? {} : { body }) });
}
