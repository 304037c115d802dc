/**
 * The channels of `node:diagnostics_channel` about the cluster. Each message is published in a tick of its own: what a
 * subscriber does, it does not do in the middle of the work of a link.
 */
import { type Channel, channel } from 'node:diagnostics_channel';
import type { ClusterStatus } from './cluster-state.ts';
import type { DialFailure, LinkEnd, ListenerRefusal } from './link-cause.ts';

/** What every message about the cluster says. */
export interface ClusterMessage {
  /** The name of the endpoint: `name` of the option `cluster`. */
  readonly name: string;
  /** The id of this process: `router.cluster.nodeId`. */
  readonly nodeId: string;
}

/** Published on `sockjs:cluster:status` when `router.cluster.status` has changed. */
export interface ClusterStatusMessage extends ClusterMessage {
  readonly status: ClusterStatus;
  readonly previous: ClusterStatus;
}

/** Published on `sockjs:cluster:node` when this process has learnt something of another one. */
export interface ClusterNodeMessage extends ClusterMessage {
  /** The id of the other process. */
  readonly peer: string;
  /** Where others dial it; undefined where this process has not heard of it before. */
  readonly address: string | undefined;
  /**
   * - `joined`: it has a lease in the registry.
   * - `left`: it has none any more. It has signed off, or has not renewed it.
   * - `dead`: a request for one of its sessions found it without a lease, and it cannot be dialled. Its sessions are lost.
   */
  readonly event: 'joined' | 'left' | 'dead';
}

/** Published on `sockjs:cluster:link` when a link was made or has ended, or a connection has become none. */
export interface ClusterLinkMessage extends ClusterMessage {
  /** The id of the other process; undefined where a connection to this process has not proved whose it is. */
  readonly peer: string | undefined;
  /** Whether this process has dialled the other one. */
  readonly direction: 'dialled' | 'accepted';
  readonly event: 'opened' | 'ended' | 'failed';
  /** Why it has ended, or has become no link; undefined for one that was made. */
  readonly cause: LinkEnd | DialFailure | ListenerRefusal | undefined;
}

/** Published on `sockjs:cluster:gap` when messages or closes to rooms were lost between two processes. */
export interface ClusterGapMessage extends ClusterMessage {
  /** The id of the other process. */
  readonly peer: string;
  /** `out`: sessions of the other process have missed them; `in`: those of this process. */
  readonly direction: 'out' | 'in';
  /** Whether one of them may have been for all sessions, not only for those in rooms. */
  readonly isForAll: boolean;
  /** Whether one of them may have been a close. */
  readonly hasClose: boolean;
}

const STATUS = channel('sockjs:cluster:status');
const NODE = channel('sockjs:cluster:node');
const LINK = channel('sockjs:cluster:link');
const GAP = channel('sockjs:cluster:gap');

/** Publishes that the status has changed. */
export function publishStatus(message: ClusterStatusMessage): void {
  publish(STATUS, message);
}

/** Publishes what this process has learnt of another one. */
export function publishNode(message: ClusterNodeMessage): void {
  publish(NODE, message);
}

/** Publishes what has become of a link. */
export function publishLink(message: ClusterLinkMessage): void {
  publish(LINK, message);
}

/** Publishes that messages were lost. */
export function publishGap(message: ClusterGapMessage): void {
  publish(GAP, message);
}

function publish(to: Channel, message: ClusterMessage): void {
  if (to.hasSubscribers) {
    process.nextTick(() => to.publish(message));
  }
}
