/** The registry of an endpoint in a worker: the primary keeps it. */
import type {
  ClusterRegistry,
  Entry,
  NodeRecord,
  OwnerMark,
  Renewal,
  Tombstone,
} from '../../options/cluster-adapter.ts';
import { runInBatches } from '../batches.ts';
import type { Commands, Method } from './messages.ts';
import type { PrimaryCalls } from './primary-calls.ts';

/** The primary forgets nothing: the workers end with it. */
const EPOCH = 'primary';

/** How a registry asks its primary. */
export interface IpcRegistryOptions {
  /** The name of the endpoint. */
  readonly name: string;
  /** ms in which the primary must answer. */
  readonly timeout: number;
}

/**
 * A registry by the messages of `node:cluster`. A lease lasts as long as its worker, not the time that it is given: a primary
 * that stalls reads the renewals late, and must take none of its workers for dead.
 */
export class IpcRegistry implements ClusterRegistry {
  readonly #calls: PrimaryCalls;
  readonly #options: IpcRegistryOptions;
  /** By node id, the renewal that began the lease, as the last answer told it. */
  readonly #begun = new Map<string, number>();

  constructor(calls: PrimaryCalls, options: IpcRegistryOptions) {
    this.#calls = calls;
    this.#options = options;
  }

  async renew(node: NodeRecord, _lease: number): Promise<Renewal> {
    if (!this.#calls.isConnected) {
      // For the others this worker is dead, and so are its sessions. It does not end by itself where it was disconnected.
      return { hadLease: false, epoch: EPOCH, nodes: [], isCutOff: true };
    }
    const { began, nodes } = await this.#call('renew', { node });
    // The primary is not asked whether there was a lease: the answer to the call that began a new one may have been lost.
    const hadLease = this.#begun.get(node.id) === began;
    this.#begun.set(node.id, began);
    return { hadLease, epoch: EPOCH, nodes };
  }

  async remove(nodeId: string): Promise<void> {
    await this.#call('remove', { nodeId });
  }

  node(nodeId: string): Promise<NodeRecord | undefined> {
    return this.#call('node', { nodeId });
  }

  claim(sessionId: string, owner: OwnerMark, life: number): Promise<Entry | undefined> {
    return this.#call('claim', { sessionId, owner, life });
  }

  find(sessionId: string): Promise<Entry | undefined> {
    return this.#call('find', { sessionId });
  }

  async release(sessionId: string, owner: OwnerMark): Promise<void> {
    await this.#call('release', { sessionId, owner });
  }

  end(
    sessionId: string,
    owner: OwnerMark,
    tombstone: Tombstone,
    life: number,
    deadNode?: string,
  ): Promise<Entry | undefined> {
    return this.#call('end', { sessionId, owner, tombstone, life, ...(deadNode === undefined ? {} : { deadNode }) });
  }

  async reassert(sessions: ReadonlyMap<string, OwnerMark>, life: number): Promise<readonly string[]> {
    return runInBatches(sessions, (batch) => this.#call('reassert', { sessions: batch, life }));
  }

  #call<M extends Method>(method: M, fields: Commands[M]) {
    const { name, timeout } = this.#options;
    return this.#calls.call(name, method, fields, timeout);
  }
}
