/** What the benchmark and the process that makes the load say to each other. */

/** How messages look on the WebSocket of a server. */
export type DialectName = 'sockjs' | 'engine' | 'plain';

/** What a load does to one server; sizes are bytes of one message. */
export type LoadOptions =
  | {
      readonly kind: 'ws-echo';
      readonly connections: number;
      /** How many of them wait for an answer at a time; all take turns. */
      readonly inFlight: number;
      readonly size: number;
      /** Further sessions that stay silent. */
      readonly idle?: number;
    }
  | { readonly kind: 'ws-pipelined'; readonly connections: number; readonly depth: number; readonly size: number }
  | { readonly kind: 'ws-broadcast'; readonly connections: number; readonly size: number }
  | { readonly kind: 'streaming-broadcast'; readonly connections: number; readonly size: number }
  | { readonly kind: 'polling-echo'; readonly connections: number; readonly size: number }
  | { readonly kind: 'info'; readonly connections: number }
  | { readonly kind: 'ws-open'; readonly concurrency: number }
  | { readonly kind: 'ws-idle' | 'streaming-idle' };

/** One server that a load is made for. */
export interface Target {
  readonly port: number;
  readonly dialect: DialectName;
  /** Whether a poll right after the last one's answer may find that one still attached; it is then sent again. */
  readonly pollsRace: boolean;
  readonly options: LoadOptions;
}

/** To the load; each is answered. */
export type Command =
  | { readonly do: 'open'; readonly target: Target }
  | { readonly do: 'round'; readonly units: number }
  | { readonly do: 'close' };

/** From the load: that a command is done, or that the server is to broadcast. */
export type Report =
  | { readonly done: true; readonly seconds: number; readonly units: number }
  | { readonly broadcast: string };
