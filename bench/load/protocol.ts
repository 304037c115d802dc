/** The messages between the benchmark and the process that puts the load on a server. */

/** The framing of messages on the WebSocket of a server. */
export type DialectName = 'sockjs' | 'engine' | 'plain';

/** What a load does to one server. Sizes are bytes of one message. */
export type LoadOptions =
  | {
      readonly kind: 'ws-echo';
      readonly connections: number;
      /** How many connections wait for a response at the same time. All connections take turns. */
      readonly inFlight: number;
      readonly size: number;
      /** Idle sessions beside them. */
      readonly idle?: number;
    }
  | { readonly kind: 'ws-pipelined'; readonly connections: number; readonly depth: number; readonly size: number }
  | { readonly kind: 'ws-broadcast'; readonly connections: number; readonly size: number }
  | { readonly kind: 'streaming-broadcast'; readonly connections: number; readonly size: number }
  | { readonly kind: 'polling-echo'; readonly connections: number; readonly size: number }
  | { readonly kind: 'info'; readonly connections: number }
  | { readonly kind: 'ws-open'; readonly concurrency: number }
  | { readonly kind: 'ws-idle' | 'streaming-idle' };

/** A server under load. */
export interface Target {
  readonly port: number;
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
  | { readonly done: true; readonly seconds: number; readonly units: number }
  | { readonly broadcast: string };
