/**
 * Rooms over several nodes. Each node tells the others which rooms have members there, and how many; a message to a room
 * goes to the nodes that have members.
 *
 *     broadcast ──> sessions here
 *         └──> for each other node with members ──> OutgoingBroadcasts ──> link ──> IncomingBroadcasts ──> its sessions
 */
import { forgetFirst } from '../util/forget-first.ts';
import { promiseWithResolvers } from '../util/promises.ts';
import type { TimerQueue } from '../util/timer-queue.ts';
import type { ClusterMetrics } from './cluster-metrics.ts';
import { within } from './deadlines.ts';
import { type DeliverBroadcast, IncomingBroadcasts } from './incoming-broadcasts.ts';
import type { Link } from './link.ts';
import type { OwnerMessage, RequesterMessage } from './messages.ts';
import { NotConfirmedError } from './not-confirmed-error.ts';
import type { Broadcast, KeptBytes } from './outgoing-broadcasts.ts';
import { type LocalRooms, type Room, RoomAnnouncements } from './room-announcements.ts';
import { RoomPeer } from './room-peer.ts';

/** How many nodes without a link are remembered. */
const MAX_REMEMBERED = 1000;

/** What the rooms of a node need to know. */
export interface ClusterRoomsSettings {
  readonly timers: TimerQueue;
  readonly nodeTimeout: number;
  readonly local: LocalRooms;
  readonly metrics: Pick<ClusterMetrics, 'broadcastsOut' | 'broadcastsIn' | 'gap'>;
  /** Gives a message that has come from another node to the sessions of this one. */
  readonly deliver: DeliverBroadcast;
}

/** A link that another node has dialled, and what has come on it and those before. */
interface AcceptedLink {
  readonly link: Link<OwnerMessage>;
  readonly incoming: IncomingBroadcasts;
}

/** The rooms of one endpoint at all nodes. */
export class ClusterRooms {
  readonly #settings: ClusterRoomsSettings;
  readonly #announcements: RoomAnnouncements;
  readonly #peers = new Map<string, RoomPeer>();
  /** Nodes that seem to have gone, with what was posted when they went. They may come back, and have missed messages. */
  readonly #gone = new Map<string, RoomPeer>();
  /** The links that others have dialled, one of each node. */
  readonly #accepted = new Map<string, AcceptedLink>();
  /** What nodes have sent that have no link now. */
  readonly #remembered = new Map<string, IncomingBroadcasts>();
  readonly #kept: KeptBytes = { total: 0 };
  /** Settles when there is another link, or another renewal. */
  #changed = promiseWithResolvers<void>();
  #hasEnded = false;
  /** How many messages were posted, and when the last of each kind was. Tells what a node has missed that had gone. */
  readonly #posted = { all: 0, forAll: 0, closes: 0 };

  constructor(settings: ClusterRoomsSettings) {
    this.#settings = settings;
    this.#announcements = new RoomAnnouncements(settings.timers, settings.local);
  }

  /** How many sessions a room has at the other nodes, as they have told; undefined for all sessions. */
  countElsewhere(room: Room): number {
    let sum = 0;
    for (const peer of this.#peers.values()) {
      sum += peer.countOf(room);
    }
    return sum;
  }

  /** Sends a message to the other nodes whose sessions it is for. */
  post(broadcast: Extract<Broadcast, { type: 'message' }>): void {
    this.#countPost(broadcast);
    for (const peer of this.#peers.values()) {
      if (peer.mayHave(broadcast.room)) {
        this.#settings.metrics.broadcastsOut += 1;
        peer.outgoing.post(broadcast);
      }
    }
  }

  /**
   * Sends a close to all other nodes.
   *
   * @returns settles when all have confirmed it. Rejects with a {@link NotConfirmedError} where one has not within twice
   *   `nodeTimeout`, or cannot any more
   */
  close(broadcast: Extract<Broadcast, { type: 'close' }>): Promise<void> {
    this.#countPost(broadcast);
    this.#settings.metrics.broadcastsOut += this.#peers.size;
    const answers = [...this.#peers].map(([nodeId, peer]) => [nodeId, peer.outgoing.confirm(broadcast)] as const);
    return this.#allConfirm(answers);
  }

  /**
   * @returns settles when all that was sent, joined and left so far has reached all other nodes. Rejects as `close()`
   */
  synced(): Promise<void> {
    this.#announcements.flush();
    const until = performance.now() + 2 * this.#settings.nodeTimeout;
    const answers = [...this.#peers].map(([nodeId, { outgoing }]) => {
      const isConfirmed = outgoing.confirm({ type: 'sync' });
      return [nodeId, this.#told(nodeId, until).then((isTold) => isTold && isConfirmed)] as const;
    });
    return this.#allConfirm(answers);
  }

  /** Settles when all that was sent so far has arrived, or twice `nodeTimeout` later. */
  async flushed(): Promise<void> {
    const behind = [...this.#peers.values()].filter(({ outgoing }) => !outgoing.isEmpty);
    const { timers, nodeTimeout } = this.#settings;
    await within(
      timers,
      2 * nodeTimeout,
      Promise.all(behind.map(({ outgoing }) => outgoing.confirm({ type: 'sync' }))),
    );
  }

  /** A session has come to a room of this node, or has left it. */
  onChange(room: Room): void {
    this.#announcements.onChange(room);
  }

  /** Takes the nodes that have a lease. Called after each renewal, four times in `nodeTimeout`. */
  update(listed: ReadonlySet<string>): void {
    for (const nodeId of listed) {
      if (!this.#gone.has(nodeId)) {
        this.#peer(nodeId);
      }
    }
    for (const [nodeId, peer] of [...this.#gone, ...this.#peers]) {
      peer.isAlive = listed.has(nodeId) || this.hasLinkFrom(nodeId);
    }
    for (const [nodeId, peer] of this.#peers) {
      if (peer.countRenewal()) {
        this.#peers.delete(nodeId);
        peer.leave(this.#posted);
        this.#gone.set(nodeId, peer);
      }
    }
    forgetFirst(this.#gone, MAX_REMEMBERED);
    this.#onChanged();
  }

  /** Acknowledges what has come since the last time. */
  acknowledge(): void {
    for (const { incoming } of this.#accepted.values()) {
      incoming.acknowledge();
    }
  }

  /** Forgets all: this process has left. What waits for an answer gets none. */
  end(): void {
    this.#hasEnded = true;
    for (const { outgoing } of this.#peers.values()) {
      outgoing.drop();
    }
    this.#peers.clear();
    this.#gone.clear();
    this.#onChanged();
  }

  // ---- On links that this node has dialled

  /** Returns the node at the other end, which is to hear of the link. */
  onDialled(link: Link<RequesterMessage>): RoomPeer {
    return this.#peer(link.peer);
  }

  // ---- On links that others have dialled

  /** Whether that node has dialled this one, and can hear of its rooms. */
  hasLinkFrom(nodeId: string): boolean {
    return this.#accepted.has(nodeId);
  }

  /** Tells the other node of all rooms, and of what it has sent before. */
  onAccepted(link: Link<OwnerMessage>): IncomingBroadcasts {
    const { peer: nodeId } = link;
    const incoming = this.#remembered.get(nodeId) ?? this.#makeIncoming(nodeId);
    this.#remembered.delete(nodeId);
    this.#accepted.set(nodeId, { link, incoming });
    // It lives. From now on all is kept for it, until there is a link to it.
    this.#peer(nodeId);
    this.#announcements.add(link, () => {
      incoming.onTold(link);
      this.#onChanged();
    });
    return incoming;
  }

  onAcceptedWritable(link: Link<OwnerMessage>): void {
    this.#announcements.onWritable(link);
  }

  onAcceptedEnd(link: Link<OwnerMessage>): void {
    const accepted = this.#accepted.get(link.peer);
    this.#announcements.delete(link);
    if (accepted?.link === link) {
      accepted.incoming.onLinkEnd();
      this.#accepted.delete(link.peer);
      this.#remembered.set(link.peer, accepted.incoming);
      forgetFirst(this.#remembered, MAX_REMEMBERED);
    }
  }

  #makeIncoming(nodeId: string): IncomingBroadcasts {
    const { metrics, deliver } = this.#settings;
    return new IncomingBroadcasts((broadcast) => {
      if (broadcast.type === 'gap') {
        metrics.gap(nodeId, 'in', broadcast);
      } else if (broadcast.type !== 'sync') {
        metrics.broadcastsIn += 1;
      }
      deliver(broadcast);
    });
  }

  /** A node, as far as rooms are concerned. One that had gone has come back. */
  #peer(nodeId: string): RoomPeer {
    const gone = this.#gone.get(nodeId);
    const peer =
      this.#peers.get(nodeId) ??
      gone ??
      new RoomPeer(this.#kept, (loss) => this.#settings.metrics.gap(nodeId, 'out', loss));
    if (gone !== undefined) {
      this.#gone.delete(nodeId);
      gone.comeBack(this.#posted);
    }
    this.#peers.set(nodeId, peer);
    return peer;
  }

  #countPost(broadcast: Extract<Broadcast, { type: 'message' | 'close' }>): void {
    this.#posted.all += 1;
    if (broadcast.room === undefined) {
      this.#posted.forAll = this.#posted.all;
    }
    if (broadcast.type === 'close') {
      this.#posted.closes = this.#posted.all;
    }
  }

  /** Settles with whether another node has heard of all that its link was told before. */
  async #told(nodeId: string, until: number): Promise<boolean> {
    while (this.#peers.has(nodeId) && performance.now() < until) {
      const link = this.#accepted.get(nodeId)?.link;
      if (link === undefined || !this.#announcements.isTold(link)) {
        await this.#changed.promise;
        continue;
      }
      await link.delivered();
      if (this.#accepted.get(nodeId)?.link === link) {
        return true;
      }
    }
    return false;
  }

  #onChanged(): void {
    this.#changed.resolve();
    this.#changed = promiseWithResolvers();
  }

  /** Waits for all answers, but not for those of nodes that live no more. Nodes that cannot be reached do not confirm. */
  #allConfirm(answers: readonly (readonly [nodeId: string, isConfirmed: Promise<boolean>])[]): Promise<void> {
    if (this.#hasEnded) {
      return Promise.reject(new Error('sockjs: this process has left the cluster'));
    }
    const unreachable = [...this.#gone].filter(([, { isAlive }]) => isAlive).map(([nodeId]) => nodeId);
    const missing = new Set([...unreachable, ...answers.map(([nodeId]) => nodeId)]);
    const answered = answers.map(async ([nodeId, isConfirmed]) => {
      if ((await isConfirmed) || this.#gone.get(nodeId)?.isAlive === false) {
        missing.delete(nodeId);
      }
    });
    const { timers, nodeTimeout } = this.#settings;
    return within(timers, 2 * nodeTimeout, Promise.all(answered)).then(() => {
      if (missing.size > 0) {
        throw new NotConfirmedError([...missing]);
      }
    });
  }
}
