/** The messages between the benchmark and the process that puts the load on a server. */
import type { TextKind } from '../servers/escaped-text.ts';

/** The framing of messages on the WebSocket of a server. */
export type DialectName = 'sockjs' | 'engine' | 'socketio' | 'plain';

/** The transports over HTTP, by the names of the protocol. */
export const HTTP_TRANSPORT_NAMES = [
  'xhr-polling',
  'xhr-streaming',
  'eventsource',
  'htmlfile',
  'jsonp-polling',
] as const;

export type HttpTransportName = (typeof HTTP_TRANSPORT_NAMES)[number];

/** The transports whose responses carry one frame each. */
export type PollingName = 'xhr-polling' | 'jsonp-polling';

/** What a load does to one server. Sizes are bytes of one message. */
export type LoadOptions =
  | {
      readonly kind: 'ws-echo';
      readonly connections: number;
      /** How many connections wait for a response at the same time. All connections take turns. */
      readonly inFlight: number;
      readonly size: number;
      /** What the messages are made of. Where it is left out, JSON escapes nothing of them. */
      readonly text?: TextKind;
      /** Idle sessions beside them. */
      readonly idle?: number;
    }
  | { readonly kind: 'ws-pipelined'; readonly connections: number; readonly depth: number; readonly size: number }
  | {
      readonly kind: 'ws-broadcast';
      readonly connections: number;
      readonly size: number;
      /** ms from one broadcast to the next, unless the connections take longer. 0 where it is left out. */
      readonly interval?: number;
    }
  | {
      readonly kind: 'ws-paced-echo';
      readonly connections: number;
      readonly size: number;
      /** ms from one message of a connection to the next, however long the answers take. */
      readonly interval: number;
      /** Whether the connections get the broadcasts of another load as well, from its first one on. */
      readonly hearsBroadcasts?: boolean;
    }
  | { readonly kind: 'ws-storm'; readonly size: number }
  | { readonly kind: 'streaming-storm'; readonly size: number }
  | {
      readonly kind: 'http-open';
      readonly transport: HttpTransportName;
      /** Sessions at a time. */
      readonly concurrency: number;
      readonly size: number;
    }
  | {
      readonly kind: 'streaming-broadcast';
      readonly connections: number;
      readonly size: number;
      /** Whether the first process has all sessions, and the second all responses. */
      readonly isRelayed?: boolean;
    }
  | {
      readonly kind: 'polling-echo';
      readonly connections: number;
      readonly size: number;
      /** `xhr-polling` where it is left out. */
      readonly transport?: PollingName;
      /** Whether all requests but the first go to another process. */
      readonly isRelayed?: boolean;
    }
  | {
      readonly kind: 'streaming-echo';
      readonly connections: number;
      readonly size: number;
      readonly transport: Exclude<HttpTransportName, PollingName>;
    }
  | { readonly kind: 'latency'; readonly size: number; readonly isRelayed?: boolean }
  | {
      readonly kind: 'opening' | 'unknown-send';
      readonly concurrency: number;
      /** ms after the requests of a round, in which the sessions of the round end. */
      readonly end: number;
      /** ms after a round that are not measured, for the same. */
      readonly rest: number;
    }
  | { readonly kind: 'rooms'; readonly rooms: number }
  | { readonly kind: 'stalled-streams'; readonly connections: number }
  | { readonly kind: 'idle-polls'; readonly isRelayed: boolean }
  | { readonly kind: 'info'; readonly connections: number }
  | { readonly kind: 'ws-open'; readonly concurrency: number }
  | {
      readonly kind: 'heartbeats';
      readonly transport: 'websocket' | 'streaming';
      readonly connections: number;
      /** What a heartbeat is: the frame `h`, or a ping. npm `sockjs` pings on WebSockets. */
      readonly sign: 'h' | 'ping';
      /** ms from one heartbeat of the server to the next. */
      readonly delay: number;
    }
  | { readonly kind: 'ws-idle' | 'streaming-idle' | 'mixed-idle' };

/** Where a process of a server listens. */
export interface Port {
  readonly number: number;
  /** Whether it talks TLS. */
  readonly isSecure: boolean;
}

/** A server under load. */
export interface Target {
  /** One port, or one of each process. */
  readonly ports: readonly Port[];
  readonly dialect: DialectName;
  /**
   * Whether the server may still count the last poll as attached when the next one arrives. The load then polls again.
   */
  readonly pollsRace: boolean;
  readonly options: LoadOptions;
}

/** Commands to the load. It reports when each is done. */
export type Command =
  | { readonly do: 'open'; readonly target: Target }
  | { readonly do: 'round'; readonly units: number }
  | { readonly do: 'close' };

/** Reports from the load: a command is done, or the server must broadcast. */
export type Report =
  | {
      readonly done: true;
      readonly seconds: number;
      readonly units: number;
      /** ms of each unit, where they are timed. */
      readonly times: readonly number[];
    }
  | { readonly broadcast: string };
