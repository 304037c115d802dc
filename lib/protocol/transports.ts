/** The table of transports. Everything that lists, counts, switches or opens transports derives from it. */
import { eventSource } from './formats/eventsource.ts';
import type { Format } from './formats/format.ts';
import { htmlFile } from './formats/htmlfile.ts';
import { jsonpPolling } from './formats/jsonp.ts';
import { xhrPolling, xhrStreaming } from './formats/xhr.ts';

/** What is fixed about one transport. */
interface TransportRow {
  /** The name that `session.transport` and `router.stats()` show. */
  readonly name: string;
  /**
   * Receiving requests of one family can take turns on one session. Each WebSocket is tied to its own session
   * (docs/protocol.md, section 6).
   */
  readonly family: 'xhr' | 'jsonp' | 'websocket';
  /** The value of its option if that is left out. */
  readonly isOnByDefault: boolean;
  /** The longest time in ms without a frame after which a heartbeat must go out; `Infinity` for no bound. */
  readonly maxHeartbeatInterval: number;
}

/** What is fixed about a transport that receives over HTTP. */
interface HttpRow extends TransportRow {
  readonly family: 'xhr' | 'jsonp';
  readonly format: Format;
  /** Whether one response carries frames up to `responseLimit`, rather than one frame. */
  readonly isStreaming: boolean;
}

/** All transports, each by the option that switches it on. */
export const TRANSPORTS = {
  websocket: {
    name: 'websocket',
    family: 'websocket',
    isOnByDefault: true,
    maxHeartbeatInterval: Number.POSITIVE_INFINITY,
  },
  rawWebsocket: {
    name: 'websocket-raw',
    family: 'websocket',
    isOnByDefault: false,
    maxHeartbeatInterval: Number.POSITIVE_INFINITY,
  },
  xhrPolling: {
    name: 'xhr-polling',
    family: 'xhr',
    isOnByDefault: true,
    maxHeartbeatInterval: Number.POSITIVE_INFINITY,
    format: xhrPolling,
    isStreaming: false,
  },
  xhrStreaming: {
    name: 'xhr-streaming',
    family: 'xhr',
    isOnByDefault: true,
    maxHeartbeatInterval: Number.POSITIVE_INFINITY,
    format: xhrStreaming,
    isStreaming: true,
  },
  eventSource: {
    name: 'eventsource',
    family: 'xhr',
    isOnByDefault: true,
    maxHeartbeatInterval: Number.POSITIVE_INFINITY,
    format: eventSource,
    isStreaming: true,
  },
  htmlFile: {
    name: 'htmlfile',
    family: 'xhr',
    isOnByDefault: true,
    maxHeartbeatInterval: Number.POSITIVE_INFINITY,
    format: htmlFile,
    isStreaming: true,
  },
  // The browser client gives up a jsonp poll after 35 s (docs/protocol.md, section 6).
  jsonp: {
    name: 'jsonp-polling',
    family: 'jsonp',
    isOnByDefault: true,
    maxHeartbeatInterval: 30_000,
    format: jsonpPolling,
    isStreaming: false,
  },
} as const satisfies Record<string, TransportRow | HttpRow>;

/** One row of the table. */
export type Transport = (typeof TRANSPORTS)[keyof typeof TRANSPORTS];

/** One row of a transport that receives over HTTP. */
export type HttpTransportRow = Exclude<Transport, { readonly family: 'websocket' }>;

/** An option that switches a transport on. */
export type TransportOption = keyof typeof TRANSPORTS;

/** How a session travels. */
export type TransportName = Transport['name'];

/** Transports that can take turns on one session. */
export type TransportFamily = Transport['family'];

/** The families that receive over HTTP. */
export type HttpFamily = HttpTransportRow['family'];
