/** What an application can learn of its cluster: `router.cluster`. */
import { EventEmitter } from 'node:events';

/**
 * - `up`: the registry has answered the last renewal, and there are links to and from every process that it lists.
 * - `degraded`: the registry does not answer, or a process that it lists cannot be reached. Sessions go on; new HTTP
 *   sessions may get 503.
 * - `down`: this process has not joined the cluster yet, or has left it. New HTTP sessions get 503.
 */
export type ClusterStatus = 'up' | 'degraded' | 'down';

/** The events of {@link Cluster}. */
export interface ClusterEvents {
  /** The status has changed. */
  status: [status: ClusterStatus];
}

/** The cluster of an endpoint, as this process sees it. */
export interface Cluster extends Pick<EventEmitter<ClusterEvents>, 'on' | 'once' | 'off'> {
  /** The id of this process in the cluster: new for each router and each start. */
  readonly nodeId: string;
  readonly status: ClusterStatus;
  /** The ids of the other processes that have a lease in the registry. */
  readonly peers: readonly string[];

  /**
   * Settles when all that this process has sent to rooms so far, and all that its sessions have joined and left, has
   * reached every other process. What is sent or joined afterwards is not waited for.
   *
   * @returns rejects with a `NotConfirmedError` where a process has not confirmed it within twice `nodeTimeout`, and
   *   with an Error where this process has not joined the cluster within `nodeTimeout`, or has left it. May be ignored
   */
  synced(): Promise<void>;
}

/** What the state asks its node. */
export interface StateSource {
  peers(): readonly string[];
  synced(): Promise<void>;
}

/** The cluster, and what changes its state. */
export class ClusterState extends EventEmitter<ClusterEvents> implements Cluster {
  readonly nodeId: string;
  readonly #node: StateSource;
  #status: ClusterStatus = 'down';

  constructor(nodeId: string, node: StateSource) {
    super();
    this.nodeId = nodeId;
    this.#node = node;
  }

  get status(): ClusterStatus {
    return this.#status;
  }

  get peers(): readonly string[] {
    return this.#node.peers();
  }

  synced(): Promise<void> {
    return this.#node.synced();
  }

  /** Sets the status. Listeners are called in a tick of their own, so that what they throw reaches no code of ours. */
  setStatus(status: ClusterStatus): void {
    if (this.#status !== status) {
      this.#status = status;
      process.nextTick(() => this.emit('status', status));
    }
  }
}
