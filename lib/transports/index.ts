/** The table of transports: where each is found, what it answers, and what switches it on. The only such list. */
import type { IncomingMessage } from 'node:http';
import type { Handler, Route } from '../context.ts';
import type { ResolvedOptions } from '../options/options.ts';
import { EventSourceTransport } from './http/eventsource.ts';
import { HtmlFileTransport } from './http/htmlfile.ts';
import { JsonpPollingTransport } from './http/jsonp-polling.ts';
import { jsonpSend, xhrSend } from './http/receive-send.ts';
import { XhrPollingTransport } from './http/xhr-polling.ts';
import { XhrStreamingTransport } from './http/xhr-streaming.ts';
import { WebSocketTransport } from './websocket/websocket.ts';
import { RawWebSocketTransport } from './websocket/websocket-raw.ts';

export { webSocketServerOf } from './websocket/connection.ts';

/** The routes of the transports that the options leave on, those that are asked most often first. */
export function transportRoutes<Data, Req extends IncomingMessage>(options: ResolvedOptions<Data, Req>): Route[] {
  const { xhrPolling, xhrStreaming, eventSource, htmlFile, jsonp, websocket, rawWebsocket } = options;
  const table: [on: boolean, route: Route][] = [
    [xhrPolling || xhrStreaming || eventSource || htmlFile, post('xhr_send', xhrSend)],
    [xhrPolling, post('xhr', XhrPollingTransport.handle)],
    [xhrStreaming, post('xhr_streaming', XhrStreamingTransport.handle)],
    [websocket, get('websocket', WebSocketTransport.handle)],
    [eventSource, { ...get('eventsource', EventSourceTransport.handle), cors: true }],
    [htmlFile, { ...get('htmlfile', HtmlFileTransport.handle), origin: 'embedded' }],
    [jsonp, { ...get('jsonp', JsonpPollingTransport.handle), origin: 'embedded' }],
    [jsonp, { ...post('jsonp_send', jsonpSend), cors: false, preflight: false }],
    [rawWebsocket, rawWebSocketRoute],
  ];
  return table.filter(([on]) => on).map(([, route]) => route);
}

function get(name: string, handler: Handler): Route {
  return {
    path: sessionPath(name),
    endpoint: name,
    methods: { GET: handler },
    setsSessionCookie: true,
    origin: 'script',
  };
}

/** A WebSocket without SockJS has no session id. */
const rawWebSocketRoute: Route = {
  path: /^\/websocket$/,
  methods: { GET: RawWebSocketTransport.handle },
  setsSessionCookie: true,
  origin: 'script',
};

/** The xhr family, which browsers ask for leave first. */
function post(name: string, handler: Handler): Route {
  return {
    path: sessionPath(name),
    endpoint: name,
    methods: { POST: handler },
    setsSessionCookie: true,
    cors: true,
    preflight: true,
    origin: 'script',
  };
}

/** `/<server>/<session>/<name>`. Without capture groups: the router would decode them, and fail on what is malformed. */
function sessionPath(name: string): RegExp {
  return new RegExp(`^/[^/]+/[^/]+/${name}$`);
}
