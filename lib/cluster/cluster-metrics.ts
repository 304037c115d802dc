/** What a process counts of its cluster for `router.stats().cluster`, and what it tells the channels. */
import type { ClusterStats } from '../metrics.ts';
import {
  type ClusterGapMessage,
  type ClusterNodeMessage,
  publishGap,
  publishLink,
  publishNode,
  publishStatus,
} from './cluster-channels.ts';
import type { ClusterStatus } from './cluster-state.ts';
import type { DialFailure, LinkEnd, ListenerRefusal } from './link-cause.ts';
import type { Loss } from './outgoing-broadcasts.ts';

/** A link, as far as it is measured. */
export interface MeasuredLink {
  /** The node at the other end. */
  readonly peer: string;
  /** Whether this process has dialled. */
  readonly direction: 'dialled' | 'accepted';
  /** Bytes that wait on it. */
  readonly queuedBytes: number;
  /** ms to the peer and back; undefined until that was measured. */
  readonly roundTrip: number | undefined;
}

/** The counters of one node. Links count on them directly: two additions for each write and each chunk. */
export class ClusterMetrics {
  readonly #identity: { readonly name: string; readonly nodeId: string };
  /** Requests that this process has relayed. */
  readonly relayedOut = { receiving: 0, sends: 0 };
  /** Requests that others have relayed to this process. */
  readonly relayedIn = { receiving: 0, sends: 0 };
  /** Messages and closes to rooms that have come from others. */
  broadcastsIn = 0;
  /** Messages and closes to rooms for others, for each process once. */
  broadcastsOut = 0;
  /** How often messages to rooms were lost. */
  readonly #gaps = { in: 0, out: 0 };
  bytesIn = 0;
  bytesOut = 0;
  readonly #links = new Set<MeasuredLink>();
  readonly #ended = new Map<string, number>();
  readonly #failed = new Map<string, number>();

  constructor(name: string, nodeId: string) {
    this.#identity = { name, nodeId };
  }

  /** A request has been relayed. */
  relayed(way: 'relayedIn' | 'relayedOut', type: 'attach' | 'send'): void {
    this[way][type === 'attach' ? 'receiving' : 'sends'] += 1;
  }

  statusChanged(status: ClusterStatus, previous: ClusterStatus): void {
    publishStatus({ ...this.#identity, status, previous });
  }

  nodeChanged(event: ClusterNodeMessage['event'], peer: string, address: string | undefined): void {
    publishNode({ ...this.#identity, peer, address, event });
  }

  linkOpened(link: MeasuredLink): void {
    const { peer, direction } = link;
    this.#links.add(link);
    publishLink({ ...this.#identity, peer, direction, event: 'opened', cause: undefined });
  }

  linkEnded(link: MeasuredLink, cause: LinkEnd): void {
    const { peer, direction } = link;
    this.#links.delete(link);
    count(this.#ended, cause);
    publishLink({ ...this.#identity, peer, direction, event: 'ended', cause });
  }

  /** This process could not make a link. */
  dialFailed(peer: string, cause: DialFailure): void {
    count(this.#failed, cause);
    publishLink({ ...this.#identity, peer, direction: 'dialled', event: 'failed', cause });
  }

  /** A connection to this process has become no link. */
  refused(cause: ListenerRefusal): void {
    count(this.#failed, cause);
    publishLink({ ...this.#identity, peer: undefined, direction: 'accepted', event: 'failed', cause });
  }

  /** Messages to rooms were lost. */
  gap(peer: string, direction: ClusterGapMessage['direction'], { isForAll, hasClose }: Loss): void {
    this.#gaps[direction] += 1;
    publishGap({ ...this.#identity, peer, direction, isForAll, hasClose });
  }

  /** @param nodes how many other nodes have a lease */
  snapshot(nodes: number): ClusterStats {
    const links = { dialled: 0, accepted: 0 };
    let queuedBytes = 0;
    let roundTrip: number | undefined;
    for (const link of this.#links) {
      links[link.direction] += 1;
      queuedBytes += link.queuedBytes;
      roundTrip = greater(roundTrip, link.roundTrip);
    }
    return {
      nodes,
      links,
      linksEnded: Object.fromEntries(this.#ended),
      linksFailed: Object.fromEntries(this.#failed),
      relayedIn: { ...this.relayedIn },
      relayedOut: { ...this.relayedOut },
      broadcastsIn: this.broadcastsIn,
      broadcastsOut: this.broadcastsOut,
      gapsIn: this.#gaps.in,
      gapsOut: this.#gaps.out,
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
      queuedBytes,
      roundTrip,
    };
  }
}

function count(by: Map<string, number>, cause: string): void {
  by.set(cause, (by.get(cause) ?? 0) + 1);
}

function greater(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.max(one, other);
}
