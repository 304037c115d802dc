/** The links that this process has dialled, and the verdict about nodes that cannot be dialled. */
import type { ConnectionOptions } from 'node:tls';
import type { ClusterRegistry, NodeRecord } from '../options/cluster-adapter.ts';
import { debugCluster } from '../util/debug.ts';
import { forgetFirst } from '../util/forget-first.ts';
import type { TimerQueue } from '../util/timer-queue.ts';
import { parseAddress } from './address.ts';
import type { ClusterMetrics } from './cluster-metrics.ts';
import type { ClusterRooms } from './cluster-rooms.ts';
import { type DialResult, dial } from './dial.ts';
import { LINK_VERSIONS } from './handshake.ts';
import { isLocalAddress } from './machine.ts';
import { RENEWALS } from './membership.ts';
import type { Peers, Reached } from './peers.ts';
import { RequesterSide } from './requester-side.ts';

/** How many nodes without a lease are remembered by their addresses. */
const MAX_REMEMBERED = 256;

/** What the links of a process need to know. */
export interface DialledPeersSettings {
  /** This node. */
  readonly nodeId: string;
  readonly machine: string;
  readonly registry: Pick<ClusterRegistry, 'node' | 'remove'>;
  readonly nodeTimeout: number;
  readonly maxQueuedBytes: number;
  readonly timers: TimerQueue;
  readonly metrics: ClusterMetrics;
  readonly tls: ConnectionOptions | undefined;
  /** The rooms of all nodes, which hear of each link. */
  readonly rooms?: Pick<ClusterRooms, 'onDialled'>;
  /** Whether a node without a lease may be called dead. */
  readonly mayJudge: () => boolean;
  /** Called when a link was made or has ended. */
  readonly onLinks: () => void;
  /** Called when a set-up seems to be wrong; `key` tells one kind from another. */
  readonly warn: (key: string, text: string) => void;
}

/** The nodes that this process has heard of, and its links to them. */
export class DialledPeers implements Peers {
  readonly #settings: DialledPeersSettings;
  /** All nodes of the last renewal, and some from before, which may live without a lease. */
  readonly #records = new Map<string, NodeRecord>();
  #listed: ReadonlySet<string> = new Set();
  readonly #sides = new Map<string, RequesterSide>();
  readonly #dialling = new Map<string, Promise<DialResult>>();
  /** Nodes to which there was a link. One of them that refuses a connection has ended. */
  readonly #met = new Set<string>();
  /** Nodes that were called dead and have had no lease since: what holds for one of their sessions holds for all. */
  readonly #buried = new Set<string>();
  /** When nodes that have a lease were first without a link. */
  readonly #unlinkedSince = new Map<string, number>();
  /** Whether this node shuts down: responses end as soon as they can. */
  #isYielding = false;
  /** Whether nothing more is relayed. */
  #isRetired = false;
  readonly #abort = new AbortController();

  constructor(settings: DialledPeersSettings) {
    this.#settings = settings;
  }

  /** The other nodes that have a lease. */
  get nodeIds(): readonly string[] {
    return [...this.#listed];
  }

  /** Whether there is a link to each node that has a lease. */
  get areAllLinked(): boolean {
    return [...this.#listed].every((nodeId) => this.#sideOf(nodeId) !== undefined);
  }

  reach(nodeId: string): Reached | Promise<Reached> {
    if (this.#isRetired || this.#abort.signal.aborted) {
      return { kind: 'unreachable' };
    }
    const side = this.#sideOf(nodeId);
    return side === undefined ? this.#find(nodeId) : { kind: 'linked', side };
  }

  /** Takes the nodes that have a lease, and dials those to which there is no link. */
  update(nodes: readonly NodeRecord[]): void {
    const others = nodes.filter(({ id }) => id !== this.#settings.nodeId);
    this.#tellChanges(others);
    this.#listed = new Set(others.map(({ id }) => id));
    for (const record of others) {
      // To the end, so that those that have no lease are first.
      this.#records.delete(record.id);
      this.#records.set(record.id, record);
      this.#buried.delete(record.id);
    }
    this.#forgetOldest();
    for (const record of others) {
      if (this.#sideOf(record.id) === undefined) {
        void this.#dial(record);
        this.#warnIfUnlinked(record);
      } else {
        this.#unlinkedSince.delete(record.id);
      }
    }
  }

  /**
   * A node has dialled this one, which may not have heard of it. Dials it at once: broadcasts that are sent here do not
   * reach its sessions before.
   */
  meet(nodeId: string): void {
    if (this.#sideOf(nodeId) === undefined && !this.#abort.signal.aborted) {
      void this.#meet(nodeId);
    }
  }

  /** Dials all nodes to which there is no link, while the registry does not say who is there. */
  redial(): void {
    for (const nodeId of this.#listed) {
      this.meet(nodeId);
    }
  }

  async #meet(nodeId: string): Promise<void> {
    try {
      const record = this.#records.get(nodeId) ?? (await this.#learn(nodeId));
      if (record !== undefined && this.#sideOf(nodeId) === undefined && !this.#abort.signal.aborted) {
        await this.#dial(record);
      }
    } catch (error) {
      debugCluster('node %s, which has dialled this one, could not be looked up: %s', nodeId, error);
    }
  }

  /** Lists a node that the last renewal did not know, if it has a lease. */
  async #learn(nodeId: string): Promise<NodeRecord | undefined> {
    const record = await this.#settings.registry.node(nodeId);
    if (record !== undefined && !this.#listed.has(nodeId)) {
      this.#records.set(nodeId, record);
      this.#listed = new Set([...this.#listed, nodeId]);
      this.#settings.metrics.nodeChanged('joined', nodeId, record.address);
    }
    return record;
  }

  /**
   * Has all responses on all links end, and waits for them and for all sends. Relays nothing more from then on; all links
   * at once, so that a request is relayed as long as others are under way.
   */
  async yield(): Promise<void> {
    this.#isYielding = true;
    await Promise.all([...this.#sides.values()].map((side) => side.yield()));
    this.#isRetired = true;
    await Promise.all([...this.#sides.values()].map((side) => side.retire()));
  }

  /** Ends all links and attempts. From then on no node can be reached. */
  close(): void {
    this.#abort.abort();
    for (const side of [...this.#sides.values()]) {
      side.end();
    }
  }

  #sideOf(nodeId: string): RequesterSide | undefined {
    const side = this.#sides.get(nodeId);
    return side?.hasEnded === false ? side : undefined;
  }

  /** Dials a node. Where that fails, finds out whether it has died. */
  async #find(nodeId: string): Promise<Reached> {
    const { registry } = this.#settings;
    try {
      const record = this.#records.get(nodeId) ?? (await registry.node(nodeId));
      if (record !== undefined) {
        // Another request may have made a link while the registry was asked. A second link would end that one.
        const result = this.#sideOf(nodeId) === undefined ? await this.#dial(record) : undefined;
        const side = this.#sideOf(nodeId);
        if (side !== undefined) {
          return { kind: 'linked', side };
        }
        if (result?.kind === 'refused' && this.#met.has(nodeId)) {
          // Nothing listens where it has listened. Should it live, it hears of it at its next renewal.
          await registry.remove(nodeId);
          return this.#bury(nodeId);
        }
      }
      // Asked after the attempt: a node that has just written its lease is alive.
      const hasLease = (await registry.node(nodeId)) !== undefined;
      const mayJudge = this.#buried.has(nodeId) || this.#settings.mayJudge();
      return !hasLease && mayJudge && !this.#abort.signal.aborted ? this.#bury(nodeId) : { kind: 'unreachable' };
    } catch (error) {
      debugCluster('node %s could not be looked up: %s', nodeId, error);
      return { kind: 'unreachable' };
    }
  }

  /** Tells of nodes that were not listed before, and of those that were. */
  #tellChanges(others: readonly NodeRecord[]): void {
    const { metrics } = this.#settings;
    const gone = new Set(this.#listed);
    for (const { id, address } of others) {
      if (!gone.delete(id)) {
        metrics.nodeChanged('joined', id, address);
      }
    }
    for (const id of gone) {
      metrics.nodeChanged('left', id, this.#records.get(id)?.address);
    }
  }

  #bury(nodeId: string): Reached {
    if (!this.#buried.has(nodeId)) {
      this.#settings.metrics.nodeChanged('dead', nodeId, this.#records.get(nodeId)?.address);
    }
    this.#records.delete(nodeId);
    this.#buried.add(nodeId);
    return { kind: 'dead' };
  }

  /** Makes a link, unless one is being made. */
  #dial(node: NodeRecord): Promise<DialResult> {
    const underWay = this.#dialling.get(node.id);
    if (underWay !== undefined) {
      return underWay;
    }
    const { nodeId, machine, nodeTimeout, maxQueuedBytes, timers, tls, rooms } = this.#settings;
    if (node.machine !== machine && isLocalAddress(node.address)) {
      this.#warnOf(node, 'only processes of its own machine can dial it; give it the option "listen.host"');
      return Promise.resolve({ kind: 'failed', error: new Error('sockjs: a loopback address of another machine') });
    }
    const limits = { timers, nodeTimeout, maxQueuedBytes, metrics: this.#settings.metrics };
    const attempt = dial(
      {
        self: { id: nodeId, versions: LINK_VERSIONS },
        node,
        timeout: nodeTimeout / 2,
        ...(tls === undefined ? {} : { tls }),
        limits,
        signal: this.#abort.signal,
      },
      (link) => {
        const since = performance.now();
        const side = new RequesterSide(link, limits, () => this.#onLinkEnd(node.id, since), rooms?.onDialled(link));
        this.#sides.set(node.id, side);
        this.#met.add(node.id);
        if (this.#isYielding) {
          void side.yield();
        }
        this.#settings.onLinks();
        return side;
      },
    ).then((result) => {
      this.#dialling.delete(node.id);
      this.#explain(node, result);
      return result;
    });
    this.#dialling.set(node.id, attempt);
    return attempt;
  }

  #onLinkEnd(nodeId: string, since: number): void {
    this.#settings.onLinks();
    // One that has just been made may have been ended for a reason that stays.
    if (performance.now() - since > this.#settings.nodeTimeout / RENEWALS) {
      this.meet(nodeId);
    }
  }

  #explain(node: NodeRecord, result: DialResult): void {
    debugCluster('dialled node %s at %s: %s', node.id, node.address, result.kind);
    if (result.kind !== 'linked' && result.kind !== 'aborted') {
      this.#settings.metrics.dialFailed(node.id, result.kind);
    }
    if (result.kind === 'other-node') {
      this.#warnOf(node, 'another process answers there; give each the option "advertise" with an address of its own');
    } else if (result.kind === 'version') {
      this.#warnOf(node, 'its release speaks no version of the link protocol that this one speaks');
    }
  }

  #warnOf({ address }: NodeRecord, text: string): void {
    this.#settings.warn(text, `a process of the cluster is at ${address}: ${text}`);
  }

  /** A process with a lease lives. One that cannot be dialled for long has the wrong address. */
  #warnIfUnlinked(node: NodeRecord): void {
    const now = performance.now();
    const since = this.#unlinkedSince.get(node.id) ?? now;
    this.#unlinkedSince.set(node.id, since);
    if (now - since > 2 * this.#settings.nodeTimeout) {
      const isSocket = 'path' in (parseAddress(node.address) ?? {});
      const remedy = isSocket ? 'it stalls, or its socket was removed' : 'see its options "listen" and "advertise"';
      this.#warnOf(node, `it cannot be reached there; ${remedy}`);
    }
  }

  /** Forgets nodes without a lease that came first, and links that have ended. */
  #forgetOldest(): void {
    forgetFirst(this.#records, this.#listed.size + MAX_REMEMBERED);
    forgetFirst(this.#buried, MAX_REMEMBERED);
    for (const nodeId of this.#unlinkedSince.keys()) {
      if (!this.#listed.has(nodeId)) {
        this.#unlinkedSince.delete(nodeId);
      }
    }
    for (const [nodeId, side] of this.#sides) {
      if (side.hasEnded && !this.#records.has(nodeId)) {
        this.#sides.delete(nodeId);
        this.#met.delete(nodeId);
      }
    }
  }
}
