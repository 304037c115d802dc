/** The HTTP transports as their clients use them: the requests, and the text that answers them. */
import { requestOf } from './http.ts';
import {
  EVENT_SOURCE,
  HTML_FILE,
  type HttpFormat,
  JSONP_POLLING,
  npmHtmlPrelude,
  XHR_POLLING,
  XHR_STREAMING,
} from './http-formats.ts';
import type { HttpTransportName } from './protocol.ts';

export interface HttpTransport {
  /** Whether one response carries all frames, rather than one. */
  readonly isStreaming: boolean;
  /** A request for frames. */
  receive(session: string): Buffer;
  /** A request that sends one message. */
  send(session: string, message: string): Buffer;
  /** Answers a send. */
  readonly sent: { readonly status: number; readonly body: string };
  /** A frame as it comes in. */
  wrap(frame: string): string;
  /** What the response to the first request begins with. Servers may differ; each text is as good as the others. */
  readonly openings: readonly string[];
}

/** As browser clients name it. */
const CALLBACK = '_jp.aaaaaaa';

export const HTTP_TRANSPORTS: Readonly<Record<HttpTransportName, HttpTransport>> = {
  'xhr-polling': transport('xhr', 'POST', XHR_POLLING),
  'xhr-streaming': transport('xhr_streaming', 'POST', XHR_STREAMING),
  eventsource: transport('eventsource', 'GET', EVENT_SOURCE),
  htmlfile: transport(`htmlfile?c=${CALLBACK}`, 'GET', HTML_FILE, [npmHtmlPrelude(CALLBACK)]),
  'jsonp-polling': {
    ...transport(`jsonp?c=${CALLBACK}`, 'GET', JSONP_POLLING),
    send: (session, message) =>
      requestOf(
        `/echo/000/${session}/jsonp_send`,
        `d=${encodeURIComponent(JSON.stringify([message]))}`,
        'application/x-www-form-urlencoded',
      ),
    sent: { status: 200, body: 'ok' },
  },
};

/**
 * @param action the last part of the path, with the query
 * @param preludes those that the response may begin with beside that of the format
 */
function transport(
  action: string,
  method: 'GET' | 'POST',
  format: HttpFormat,
  preludes: readonly string[] = [],
): HttpTransport {
  const prelude = format.prelude(CALLBACK);
  const wrap = (frame: string) => format.wrap(frame, CALLBACK);
  return {
    isStreaming: prelude !== '',
    receive: (session) => requestOf(`/echo/000/${session}/${action}`, method === 'POST' ? '' : undefined),
    send: (session, message) => requestOf(`/echo/000/${session}/xhr_send`, JSON.stringify([message])),
    sent: { status: 204, body: '' },
    wrap,
    openings: [prelude, ...preludes].map((begin) => begin + wrap('o')),
  };
}
