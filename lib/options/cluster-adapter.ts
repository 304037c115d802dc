/**
 * What the option `cluster` takes. Processes must agree on which of them are there, and which one owns a session. A
 * registry keeps that outside of them, such as in Redis. Frames and messages never pass it: they travel on links between
 * the processes.
 */
import type { SecureContextOptions } from 'node:tls';

/** A process that serves the endpoint. A new one, with a new id, for each router and each start. */
export interface NodeRecord {
  /** 96 random bits in hexadecimal. */
  readonly id: string;
  /** Where its link listener is reached: `host:port`, or the path of a Unix socket. */
  readonly address: string;
  /** The secret by which a peer proves that it has read this record. */
  readonly token: string;
  /** Tells machines apart, since a loopback address means nothing on another one. */
  readonly machine: string;
  /** The versions of the link protocol that it speaks, lowest and highest. */
  readonly versions: readonly [lowest: number, highest: number];
}

/**
 * The mark of an owner in the registry: node id and a number, which rises with each reservation. A late command of an
 * earlier reservation then matches nothing.
 */
export interface OwnerMark {
  readonly nodeId: string;
  readonly reservation: number;
}

/** What the registry keeps of a session that has ended, for a while. */
export interface Tombstone {
  readonly code: number;
  readonly reason: string;
  /** A keyed hash of family and client: others find no session. Empty where the session's process died. */
  readonly identityHash: string;
}

/** The entry of a session id. */
export type Entry =
  | { readonly kind: 'owned'; readonly owner: OwnerMark }
  | { readonly kind: 'ended'; readonly tombstone: Tombstone };

/** The answer to a renewal. */
export interface Renewal {
  /**
   * False where the lease had run out or was deleted since the last renewal whose answer came, and at the first one:
   * others may have declared this node dead.
   */
  readonly hadLease: boolean;
  /** Changes when the registry may have lost what it had acknowledged: a restart, a failover. */
  readonly epoch: string;
  /** All nodes that have a lease, this one included. */
  readonly nodes: readonly NodeRecord[];
}

/**
 * The registry of one endpoint; all processes of the endpoint share it.
 *
 * Every method rejects where the registry cannot be reached, or does not answer within a time of its own; it then may
 * or may not have done its work. All of them may be called again. No method may throw, and none may wait for ever.
 */
export interface ClusterRegistry {
  /** Writes the lease of a node, which runs out after `lease` ms, and lists the node. */
  renew(node: NodeRecord, lease: number): Promise<Renewal>;

  /** Deletes the lease of a node and takes it off the list: it leaves, or it has been found dead. */
  remove(nodeId: string): Promise<void>;

  /** The record of a node that has a lease. */
  node(nodeId: string): Promise<NodeRecord | undefined>;

  /**
   * Claims a session id, unless it has an entry, for `life` ms. An entry with the very same mark counts as claimed: the
   * answer to an earlier call was lost. An entry of the same node with an earlier reservation is replaced; one with a
   * later reservation is in the way, since this call then comes late.
   *
   * @returns the entry that is in the way; undefined where the id is claimed
   */
  claim(sessionId: string, owner: OwnerMark, life: number): Promise<Entry | undefined>;

  /** The entry of a session id. */
  find(sessionId: string): Promise<Entry | undefined>;

  /** Deletes the entry of a session id, if it has this very mark. */
  release(sessionId: string, owner: OwnerMark): Promise<void>;

  /**
   * Replaces the entry of a session id by a tombstone for `life` ms, if it has this very mark and, where `deadNode` is
   * given, that node has no lease.
   *
   * @returns the entry as it is now
   */
  end(
    sessionId: string,
    owner: OwnerMark,
    tombstone: Tombstone,
    life: number,
    deadNode?: string,
  ): Promise<Entry | undefined>;

  /**
   * Writes the entries of a node's sessions again, for `life` ms, where they are missing, have the very same mark, or an
   * earlier one of the same node. A later one of the same node stays. The map may be the caller's own: where the registry
   * writes in steps, it leaves out those that have gone from the map by then.
   *
   * @returns the ids that now belong to another node or have a tombstone
   */
  reassert(sessions: ReadonlyMap<string, OwnerMark>, life: number): Promise<readonly string[]>;
}

/** Where a process listens for the links of others. */
export type LinkListen =
  | {
      /**
       * A host name or an address of this machine, which the other processes reach.
       * @default '127.0.0.1'
       */
      readonly host?: string | undefined;
      /**
       * The port; 0 for any that is free.
       * @default 0
       */
      readonly port?: number | undefined;
    }
  /** The path of a Unix socket, for processes of one machine. It must not exist. */
  | { readonly path: string };

/** Key and certificate of a process, for links on networks that are not trusted. */
export interface LinkTls extends Pick<SecureContextOptions, 'key' | 'cert' | 'passphrase'> {
  /** The authorities whose certificates are trusted. Both ends of a link must show one. */
  readonly ca: SecureContextOptions['ca'];
  /**
   * The name that the certificates of the other processes are issued for.
   * @default the host of their address
   */
  readonly servername?: string | undefined;
}

/** How the processes of an endpoint reach one another, and how long they wait. */
export interface ClusterOptions {
  /** Where this process listens for links. No client connects there: it must be an address of a private network. */
  readonly listen?: LinkListen | undefined;
  /**
   * `host` or `host:port` by which the other processes reach this one, where that is not the address at which it listens.
   * An IPv6 address stands in brackets.
   * @default the address at which it listens
   */
  readonly advertise?: string | undefined;
  /**
   * TLS for the links, with certificates at both ends. Not with `listen.path`.
   * @default undefined
   */
  readonly tls?: LinkTls | undefined;
  /**
   * ms without a sign of life after which a process counts as gone; from 1000. The same at all processes.
   * @default 10_000 // 10 seconds
   */
  readonly nodeTimeout?: number | undefined;
  /**
   * Bytes that may wait on one link. Beyond it, messages wait in their sessions, and sends get 503.
   * @default 16_777_216 // 16 MiB
   */
  readonly maxQueuedBytes?: number | undefined;
  /**
   * What becomes of sessions that may have missed a message to their room or to all, since the link from another process
   * was broken or full for too long: `close` ends them with 1012 `Session lost`, `ignore` lets them go on.
   * @default 'close'
   */
  readonly onGap?: 'close' | 'ignore' | undefined;
  /**
   * A key for the hashes of client ids that ended sessions leave in the registry. The same at all processes. Without it,
   * those who can read the registry can test which client a session belonged to.
   * @default ''
   */
  readonly secret?: string | undefined;
}

/**
 * What the option `cluster` takes: a registry, and how the processes reach one another. `redisCluster()` makes one.
 *
 * @experimental It may change in any release.
 */
export interface ClusterAdapter extends ClusterOptions {
  /** The name of the endpoint, the same at all its processes: letters, digits, `_`, `.` and `-`. */
  readonly name: string;
  /** The registry. It belongs to one router: another router needs one of its own. */
  readonly registry: ClusterRegistry;
}
