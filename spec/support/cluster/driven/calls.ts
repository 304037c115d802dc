/** What a spec has a driven process do, and what that process reports. */
import type { SessionCloseEvent, SockjsOptions, TransportName } from '../../../../lib/index.ts';
import type { ClientName } from '../node-client.ts';

/** The argument of the program, as JSON. A worker of node:cluster needs no Redis. */
export interface DrivenSettings {
  readonly client?: ClientName;
  readonly redisPort?: number;
}

/** Calls that the spec waits for, in its own turn of the event loop. */
export type Call =
  | {
      readonly do: 'serve';
      /** The name of the cluster. */
      readonly name: string;
      /** A name of `OPTIONS`, where they have functions. */
      readonly options: SockjsOptions | string;
      /** A name of `KNOWN`; without one, the spec handles the sessions. */
      readonly onSession: string | undefined;
      /** A name of `KNOWN`. */
      readonly before: string;
      readonly stopsClock: boolean;
      /** Whether the router answers by itself, without Express. */
      readonly isBare: boolean;
      /** Has each request come on a connection of its own. */
      readonly closesConnections: boolean;
      /** Whether it listens on a port of all processes, beside the connections that it gets from the spec. */
      readonly listens: boolean;
    }
  /** All processes have written their records. */
  | { readonly do: 'link' }
  | { readonly do: 'state' }
  | { readonly do: 'tick'; readonly ms: number }
  | { readonly do: 'send'; readonly session: number; readonly text: string }
  | { readonly do: 'close'; readonly session: number; readonly args: readonly [number?, string?] }
  | { readonly do: 'look'; readonly session: number };

/** How a session is. */
export interface SessionLook {
  readonly state: string;
  readonly bufferedAmount: number;
}

/** How a process is. */
export interface DrivenState {
  readonly hasJoined: boolean;
  readonly isUp: boolean;
  readonly peers: number;
  /** Bytes on links. */
  readonly written: number;
  readonly read: number;
  /** Whether it waits for the registry, or for a connection to another process. */
  readonly isWaiting: boolean;
  readonly timers: number;
  /** Where it listens, if it does. */
  readonly port: number | undefined;
  /** How many reports it has sent. */
  readonly reports: number;
}

/** Messages to the process that the spec does not wait for. A connection travels with `connection`. */
export type Command =
  | { readonly type: 'connection'; readonly id: number }
  | { readonly type: 'recv'; readonly session: number; readonly recv: number }
  | { readonly type: 'shut down' }
  | { readonly type: 'reset' };

export type Report =
  | { readonly type: 'ready' }
  | { readonly type: 'request'; readonly id: number; readonly connection: number; readonly url: string }
  | { readonly type: 'response over'; readonly id: number }
  | { readonly type: 'connection over'; readonly id: number }
  | {
      readonly type: 'open';
      readonly session: number;
      readonly id: string;
      readonly transport: TransportName;
    }
  | { readonly type: 'close'; readonly session: number; readonly event: SessionCloseEvent }
  | { readonly type: 'received'; readonly recv: number; readonly text: string }
  /** The process has written a tombstone that is to last `life` ms. */
  | { readonly type: 'tombstone'; readonly id: string; readonly life: number }
  | { readonly type: 'shut down' }
  | { readonly type: 'reset' };
