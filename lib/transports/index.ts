/** The routes of the transports: path, method and handler of each, and the options that switch it on. */
import type { IncomingMessage } from 'node:http';
import type { Handler, Route } from '../context.ts';
import type { ResolvedOptions } from '../options/options.ts';
import { TRANSPORTS, type TransportFamily, type TransportOption } from '../protocol/transports.ts';
import { htmlFile, jsonpPolling, receiving } from './http/handlers.ts';
import { jsonpSend } from './http/jsonp-send.ts';
import { xhrSend } from './http/xhr-send.ts';
import { WebSocketTransport } from './websocket/websocket.ts';
import { RawWebSocketTransport } from './websocket/websocket-raw.ts';

export { webSocketServerOf } from './websocket/engine.ts';

/** What the routes of all transports have in common. */
const COMMON = { setsSessionCookie: true, origin: 'script' } as const;

/** Each route is on where one of its options is. In the order in which requests come most often. */
const ROUTES: readonly [options: readonly TransportOption[], route: Route][] = [
  [optionsOf('xhr'), post('xhr_send', xhrSend)],
  [['xhrPolling'], post('xhr', receiving(TRANSPORTS.xhrPolling))],
  [['xhrStreaming'], post('xhr_streaming', receiving(TRANSPORTS.xhrStreaming))],
  [['websocket'], get('websocket', WebSocketTransport.handle)],
  [['eventSource'], { ...get('eventsource', receiving(TRANSPORTS.eventSource)), cors: true }],
  [['htmlFile'], { ...get('htmlfile', htmlFile), origin: 'embedded' }],
  [['jsonp'], { ...get('jsonp', jsonpPolling), origin: 'embedded' }],
  [optionsOf('jsonp'), { ...post('jsonp_send', jsonpSend), cors: false, preflight: false }],
  // A WebSocket without SockJS has no session id.
  [['rawWebsocket'], { ...COMMON, path: /^\/websocket$/, methods: { GET: RawWebSocketTransport.handle } }],
];

/** The routes of all transports, those that options switch off as well. */
export const allTransportRoutes: readonly Route[] = ROUTES.map(([, route]) => route);

/** The routes of the transports that the options leave on, those that clients ask for most often first. */
export function transportRoutes<Data, Req extends IncomingMessage>(resolved: ResolvedOptions<Data, Req>): Route[] {
  return ROUTES.filter(([options]) => options.some((option) => resolved[option])).map(([, route]) => route);
}

/** The options of all transports whose clients send by the same route. */
function optionsOf(family: TransportFamily): TransportOption[] {
  const options = Object.keys(TRANSPORTS) as TransportOption[];
  return options.filter((option) => TRANSPORTS[option].family === family);
}

function get(action: string, handler: Handler): Route {
  return { ...COMMON, path: sessionPath(action), action, methods: { GET: handler } };
}

/** As the xhr family needs it: before a POST from another origin, browsers send a preflight request. */
function post(action: string, handler: Handler): Route {
  return { ...COMMON, path: sessionPath(action), action, methods: { POST: handler }, cors: true, preflight: true };
}

/**
 * `/<server>/<session>/<action>`. Without capture groups, since Express decodes what they match and fails on
 * malformed percent-encoding.
 */
function sessionPath(action: string): RegExp {
  return new RegExp(`^/[^/]+/[^/]+/${action}$`);
}
