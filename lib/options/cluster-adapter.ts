/**
 * What the option `cluster` takes. Processes must agree on which of them are there, and which one owns a session. A
 * registry keeps that outside of them, such as in Redis. Frames and messages never pass it: they travel on links between
 * the processes.
 */
import type { SecureContextOptions } from 'node:tls';

/** A process that serves the endpoint. A new one, with a new id, for each router and each start. */
export interface NodeRecord {
  /** 96 random bits in hexadecimal. No id ever comes again. */
  readonly id: string;
  /** Where its link listener is reached: `host:port`, or the path of a Unix socket. */
  readonly address: string;
  /** The secret by which a peer proves that it has read this record. Who knows it can speak for sessions of the node. */
  readonly token: string;
  /** Tells machines apart, since a loopback address means nothing on another one. */
  readonly machine: string;
  /** The versions of the link protocol that it speaks, lowest and highest. */
  readonly versions: readonly [lowest: number, highest: number];
}

/**
 * The mark of an owner in the registry: node id and a number, which rises with each reservation. A late command of an
 * earlier reservation then matches nothing. Two marks are the same where both parts are.
 */
export interface OwnerMark {
  readonly nodeId: string;
  /** A whole number from 0 to `Number.MAX_SAFE_INTEGER`, compared as a number. */
  readonly reservation: number;
}

/** What the registry keeps of a session that has ended, for a while. */
export interface Tombstone {
  /** The close code, a whole number from 1000 to 4999. */
  readonly code: number;
  /** Any text, as an application may give it. */
  readonly reason: string;
  /** A keyed hash of family and client: others find no session. Empty where the session's process died. */
  readonly identityHash: string;
}

/** The entry of a session id: its owner, or its tombstone. An id has one entry or none. */
export type Entry =
  | { readonly kind: 'owned'; readonly owner: OwnerMark }
  | { readonly kind: 'ended'; readonly tombstone: Tombstone };

/** The answer to a renewal. */
export interface Renewal {
  /**
   * False where the lease had run out or was deleted since the last renewal whose answer came, and at the first one:
   * others may have declared this node dead. It is not enough to look whether there was a lease: an earlier call may have
   * begun it, whose answer was lost. So the store keeps with each lease a random name of the call that began it, which
   * later renewals keep. `hadLease` says whether the last answer that came told of the same name.
   */
  readonly hadLease: boolean;
  /**
   * Any text that is the same for all nodes. It must change when the registry may have lost what it had acknowledged: a
   * restart, a failover to a copy that was behind. All nodes then write their sessions again.
   */
  readonly epoch: string;
  /** All nodes that have a lease, this one included, in any order. */
  readonly nodes: readonly NodeRecord[];
  /**
   * True where this node will never reach the registry again, and counts as dead for the others. The router then closes
   * with 1012 `Session lost`, and the node ends its links and its listener. No other member counts.
   * @default false
   */
  readonly isCutOff?: boolean | undefined;
}

/**
 * The registry of one endpoint, as one process sees it; all processes of the endpoint share what it keeps: leases by node
 * id, and entries by session id.
 *
 * **One step.** What a method compares and what it writes is one step, for calls of all processes: nothing comes between.
 * In a database that is one script or one serializable transaction, which is repeated after a conflict. `reassert()` is one
 * step for each session. A call that was answered is seen by every call that begins later, so no method may read a copy
 * that may be behind.
 *
 * **Time.** `lease` and `life` are ms from 1 on, maybe with a fraction, from the moment at which the call is done. A lease
 * or an entry whose time is over counts as absent in all methods, deleted or not. One clock tells that for all processes:
 * the clock of the store, as theirs may differ.
 *
 * **Failure.** A method rejects where the registry cannot be reached, and where it has not answered within a time of its
 * own: half of `nodeTimeout` leaves time to renew a lease once more. It then may or may not have done its work, even later.
 * All methods may be called again with the same arguments. None may throw, and none may wait for ever.
 *
 * **Texts.** A session id is a string of 1 to 256 UTF-16 units that a client has chosen, maybe with NUL and line feeds. It is
 * compared unit by unit. No text may be changed on its way, those of records and tombstones included, not even halves of
 * surrogate pairs, which UTF-8 cannot carry.
 *
 * `registryContract()` of `express-sockjs/cluster-contract` tests all that but the failures.
 */
export interface ClusterRegistry {
  /**
   * Writes the lease of a node, with its record, in place of the one it may have: it runs out `lease` ms from now. Called
   * four times in each `nodeTimeout`, by the node itself.
   *
   * The list in the answer is read in the same step or later: of two nodes that start at once, one sees the other.
   */
  renew(node: NodeRecord, lease: number): Promise<Renewal>;

  /**
   * Deletes the lease of a node, so that it is on no list: it leaves, or another node has found it dead. Does nothing where
   * there is none. The entries of its sessions stay.
   */
  remove(nodeId: string): Promise<void>;

  /** The record of a node that has a lease; undefined for one that has none. */
  node(nodeId: string): Promise<NodeRecord | undefined>;

  /**
   * Claims a session id for a node, for `life` ms from now. Called once for each new session over HTTP.
   *
   * | The entry there is | It becomes | Returned |
   * |---|---|---|
   * | none | owned by this mark | undefined |
   * | this very mark: the answer to an earlier call was lost | the same, for `life` ms from now | undefined |
   * | the same node, an earlier reservation | owned by this mark | undefined |
   * | the same node, a later reservation: this call comes late | – | the entry |
   * | another node, or a tombstone | – | the entry |
   *
   * @returns the entry that is in the way; undefined where the id is claimed
   */
  claim(sessionId: string, owner: OwnerMark, life: number): Promise<Entry | undefined>;

  /** The entry of a session id; undefined where there is none. */
  find(sessionId: string): Promise<Entry | undefined>;

  /** Deletes the entry of a session id, if it has this very mark. Called by the owner, or by a node that has asked it. */
  release(sessionId: string, owner: OwnerMark): Promise<void>;

  /**
   * Replaces the entry of a session id by a tombstone for `life` ms from now, if it has this very mark and, where `deadNode`
   * is given, that node has no lease. The lease is looked for in the same step: a node that renews it meanwhile keeps its
   * session, or finds the tombstone when it asserts the session again. A tombstone is never replaced.
   *
   * @returns the entry as it is after that, whichever it is; undefined where there is none
   */
  end(
    sessionId: string,
    owner: OwnerMark,
    tombstone: Tombstone,
    life: number,
    deadNode?: string,
  ): Promise<Entry | undefined>;

  /**
   * Writes the entries of a node's sessions again, for `life` ms from now: each by the table of `claim()`. Called with all
   * sessions of a process when its lease was lost or the epoch has changed, and every 8 h.
   *
   * The map may be the caller's own, and change during the call: a registry that writes in steps leaves out the sessions
   * that have gone from it by then.
   *
   * @returns the ids that belong to another node or have a tombstone, but none that has a later mark of the same node
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
