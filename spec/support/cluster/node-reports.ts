/** What `node-program.ts` is given, told and tells, between the processes of a spec. */
import type { ClusterStatus } from '../../../lib/index.ts';
import type { ClientName } from './node-client.ts';

/** The argument of the program, as JSON. */
export interface NodeSettings {
  readonly client: ClientName;
  readonly redisPort: number;
  /** The name of the cluster. */
  readonly name: string;
  readonly nodeTimeout: number;
  readonly responseLimit: number;
  readonly disconnectDelay: number;
  /** Where it listens for links, and by which address others reach it. Without it, at any free port. */
  readonly link?: { readonly port: number; readonly advertise: string };
}

/** What the program does on command. */
export type NodeCommand =
  | { readonly type: 'send'; readonly id: string; readonly text: string }
  | { readonly type: 'close'; readonly id: string }
  /** Collects garbage, and tells what is left. */
  | { readonly type: 'measure' }
  /** Shuts down as the guide says, and ends. */
  | { readonly type: 'leave' };

/** What the program tells. The id of a session is that in its URL. */
export type NodeReport =
  | { readonly type: 'listening'; readonly port: number; readonly nodeId: string }
  | { readonly type: 'status'; readonly status: ClusterStatus; readonly peers: readonly string[] }
  /** It has made a connection from this port. Told where the settings have a `link`. */
  | { readonly type: 'dialled'; readonly port: number }
  | { readonly type: 'open'; readonly id: string }
  | { readonly type: 'message'; readonly id: string; readonly text: string }
  | { readonly type: 'close'; readonly id: string; readonly code: number; readonly reason: string }
  | ({ readonly type: 'measured' } & Measure);

/** What a process holds. */
export interface Measure {
  /** Bytes of heap after a collection. */
  readonly heap: number;
  /** Connections of all kinds: of clients, links, and to Redis. */
  readonly sockets: number;
}
