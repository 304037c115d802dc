/** The table of transports. Everything that lists, counts or switches transports derives from it. */

/** What is fixed about one transport. */
interface TransportRow {
  /** The name that `session.transport` and `router.stats()` show. */
  readonly name: string;
  /**
   * Receiving requests of one family can take turns on one session. Each WebSocket is tied to its own session
   * (docs/protocol.md, section 6).
   */
  readonly family: 'xhr' | 'jsonp' | 'websocket';
  /** The longest time in ms without a frame after which a heartbeat must go out; `Infinity` for no bound. */
  readonly maxHeartbeatInterval: number;
}

/** All transports, each by the option that switches it on. */
export const TRANSPORTS = {
  websocket: { name: 'websocket', family: 'websocket', maxHeartbeatInterval: Number.POSITIVE_INFINITY },
  rawWebsocket: { name: 'websocket-raw', family: 'websocket', maxHeartbeatInterval: Number.POSITIVE_INFINITY },
  xhrPolling: { name: 'xhr-polling', family: 'xhr', maxHeartbeatInterval: Number.POSITIVE_INFINITY },
  xhrStreaming: { name: 'xhr-streaming', family: 'xhr', maxHeartbeatInterval: Number.POSITIVE_INFINITY },
  eventSource: { name: 'eventsource', family: 'xhr', maxHeartbeatInterval: Number.POSITIVE_INFINITY },
  htmlFile: { name: 'htmlfile', family: 'xhr', maxHeartbeatInterval: Number.POSITIVE_INFINITY },
  // The browser client gives up a jsonp poll after 35 s (docs/protocol.md, section 6).
  jsonp: { name: 'jsonp-polling', family: 'jsonp', maxHeartbeatInterval: 30_000 },
} as const satisfies Record<string, TransportRow>;

/** One row of the table. */
export type Transport = (typeof TRANSPORTS)[keyof typeof TRANSPORTS];

/** An option that switches a transport on. */
export type TransportOption = keyof typeof TRANSPORTS;

/** How a session travels. */
export type TransportName = Transport['name'];

/** Transports that can take turns on one session. */
export type TransportFamily = Transport['family'];
