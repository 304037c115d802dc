/** What `node-program.ts` is given, told and tells, between the processes of a spec. */
import type { ClusterStatus } from '../../../lib/index.ts';
import type { NodeRecord } from '../../../lib/options/cluster-adapter.ts';
import type { ClientName, RedisKind } from './node-client.ts';

/** What every process of an endpoint is given. */
export interface EndpointSettings {
  /** The name of the cluster. */
  readonly name: string;
  readonly nodeTimeout: number;
  readonly responseLimit: number;
  readonly disconnectDelay: number;
}

/** The argument of the program, as JSON. */
export interface NodeSettings extends EndpointSettings {
  readonly client: ClientName;
  readonly redisPort: number;
  /**
   * What listens there.
   * @default 'server'
   */
  readonly redisKind?: RedisKind;
  /** Where it listens for links, and by which address others reach it. Without it, at any free port. */
  readonly link?: { readonly port: number; readonly advertise: string };
}

/** What the program does on command. */
export type NodeCommand =
  | { readonly type: 'send'; readonly id: string; readonly text: string }
  | { readonly type: 'close'; readonly id: string }
  /** Collects garbage, and tells what is left. */
  | { readonly type: 'measure' }
  /** Tells when so many ms have passed. */
  | { readonly type: 'elapse'; readonly ms: number }
  /** Cuts one of its links, by a number below that of all. For workers. */
  | { readonly type: 'cut'; readonly index: number }
  /** Sends this to its primary. For workers. */
  | { readonly type: 'tell primary'; readonly message: unknown }
  /** Shuts down as the guide says, and ends. */
  | { readonly type: 'leave' };

/** What the program tells. The id of a session is that in its URL. */
export type NodeReport =
  | {
      readonly type: 'listening';
      readonly port: number;
      /** The port of all workers of a primary. */
      readonly sharedPort?: number;
      readonly nodeId: string;
    }
  /** What the registry has of it. Told by workers. */
  | { readonly type: 'record'; readonly record: NodeRecord }
  | { readonly type: 'status'; readonly status: ClusterStatus; readonly peers: readonly string[] }
  /** It has made a connection from this port. Told where the settings have a `link`. */
  | { readonly type: 'dialled'; readonly port: number }
  | { readonly type: 'open'; readonly id: string }
  | { readonly type: 'message'; readonly id: string; readonly text: string }
  | { readonly type: 'close'; readonly id: string; readonly code: number; readonly reason: string }
  | ({ readonly type: 'measured' } & Measure)
  | { readonly type: 'elapsed' };

/** What a process holds. */
export interface Measure {
  /** Bytes of heap after a collection. */
  readonly heap: number;
  /** Connections by TCP: of clients, to Redis, and links that are no Unix sockets. */
  readonly sockets: number;
  /** Links that are Unix sockets, and pipes of Node's own. */
  readonly pipes: number;
}
