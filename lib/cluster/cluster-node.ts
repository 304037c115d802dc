/**
 * This process as a node of its endpoint: made where the option `cluster` is given.
 *
 *     option `cluster` ──> listener for links ──> lease in the registry ──> links to all others
 *                               │ links of others                             │
 *                               v                                             v
 *                          OwnerSide ──> sessions of this process        RequesterSide <── ClusterDirectory <── requests
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { ConnectionOptions, TlsOptions } from 'node:tls';
import type { ClusterStats } from '../metrics.ts';
import type { ClusterAdapter, ClusterRegistry, NodeRecord } from '../options/cluster-adapter.ts';
import { type ClusterSettings, resolveCluster } from '../options/cluster-settings.ts';
import type { SessionRegistry } from '../session/registry.ts';
import type { CloseResult } from '../session/shutdown.ts';
import { debugCluster } from '../util/debug.ts';
import { helpAt, withHelp } from '../util/help.ts';
import { ignoreRejection } from '../util/promises.ts';
import { DeadlineTimer, type TimerQueue } from '../util/timer-queue.ts';
import { parseAddress } from './address.ts';
import { ClusterDirectory } from './cluster-directory.ts';
import { ClusterMetrics } from './cluster-metrics.ts';
import { ClusterRooms } from './cluster-rooms.ts';
import { ClusterState, type ClusterStatus } from './cluster-state.ts';
import { within } from './deadlines.ts';
import { deliver } from './deliver-broadcast.ts';
import { DialledPeers } from './dialled-peers.ts';
import { LINK_VERSIONS } from './handshake.ts';
import { type LinkListener, listenForLinks } from './link-listener.ts';
import { machineId } from './machine.ts';
import { Membership } from './membership.ts';
import type { Broadcast } from './outgoing-broadcasts.ts';
import { OwnerSide } from './owner-side.ts';
import type { LocalRooms } from './room-announcements.ts';

/** What a node needs of its endpoint. */
export interface NodeEndpoint {
  /** The options of the same names. */
  readonly responseLimit: number;
  readonly disconnectDelay: number;
  readonly timers: TimerQueue;
  /** Closes the endpoint, whose sessions are lost for all other nodes. May be called again. */
  readonly onCutOff: () => void;
}

/** Bytes of a token: more than anyone can guess. */
const TOKEN_BYTES = 32;

/** Bytes of a node id: none ever comes again. */
const ID_BYTES = 12;

/** Registries that have a router. */
const taken = new WeakSet<ClusterRegistry>();

/** Names that have a router in this process, and how many. */
const names = new Map<string, number>();

/** This process in the cluster of one endpoint. */
export class ClusterNode<Data, Req extends IncomingMessage> {
  readonly id = randomBytes(ID_BYTES).toString('hex');
  readonly state: ClusterState;
  readonly directory: ClusterDirectory<Data, Req>;
  readonly rooms: ClusterRooms;
  readonly #settings: ClusterSettings;
  readonly #sessions: SessionRegistry<Data, Req>;
  readonly #endpoint: NodeEndpoint;
  readonly #metrics: ClusterMetrics;
  readonly #membership: Membership;
  readonly #peers: DialledPeers;
  readonly #token = randomBytes(TOKEN_BYTES).toString('base64url');
  readonly #machine = machineId();
  readonly #warned = new Set<string>();
  readonly #retryTimer: DeadlineTimer;
  /** The listener for links, while it is being made and from then on. */
  #listening: Promise<LinkListener | undefined> = Promise.resolve(undefined);
  #closed: Promise<CloseResult> | undefined;

  /** @throws Error for an adapter that another router has */
  constructor(adapter: ClusterAdapter, sessions: SessionRegistry<Data, Req>, endpoint: NodeEndpoint) {
    const settings = resolveCluster(adapter);
    const { registry, name, nodeTimeout, maxQueuedBytes, secret, tls } = settings;
    const { timers, disconnectDelay } = endpoint;
    if (taken.has(registry)) {
      throw withHelp(
        'the-adapter-is-that-of-another-router',
        new Error('sockjs: option "cluster" is that of another router; each router needs an adapter of its own'),
      );
    }
    taken.add(registry);
    this.#settings = settings;
    this.#sessions = sessions;
    this.#endpoint = endpoint;
    this.#metrics = new ClusterMetrics(name, this.id);
    this.#membership = new Membership({
      registry,
      nodeTimeout,
      timers,
      owned: () => this.directory.owned,
      onTaken: (ids) => this.directory.surrender(ids),
      onNodes: (nodes) => this.#update(nodes),
      onCutOff: endpoint.onCutOff,
      onAttempt: (error) => this.#onAttempt(error),
    });
    this.rooms = this.#makeRooms();
    this.#peers = new DialledPeers({
      rooms: this.rooms,
      nodeId: this.id,
      machine: this.#machine,
      registry,
      nodeTimeout,
      maxQueuedBytes,
      timers,
      metrics: this.#metrics,
      tls: tls === undefined ? undefined : ({ ...tls } satisfies ConnectionOptions),
      mayJudge: () => this.#membership.mayJudge,
      onLinks: () => this.#updateStatus(),
      warn: (key, text) => this.#warn(key, text),
    });
    this.state = new ClusterState(this.id, {
      peers: () => this.#peers.nodeIds,
      synced: () => this.#onceJoined(() => this.rooms.synced()),
    });
    this.directory = new ClusterDirectory(sessions, {
      nodeId: this.id,
      registry,
      peers: this.#peers,
      membership: this.#membership,
      secret,
      disconnectDelay,
    });
    this.#retryTimer = new DeadlineTimer(timers, { onTimer: () => this.#listen() });
    const sameName = names.get(name) ?? 0;
    names.set(name, sameName + 1);
    if (sameName > 0) {
      this.#warn('name', 'another router of this process has the same name; they share their sessions');
    }
    this.#listen();
  }

  /** What this process has counted of its cluster. */
  stats(): ClusterStats {
    return this.#metrics.snapshot(this.#peers.nodeIds.length);
  }

  /**
   * Leaves the cluster once the sessions of this process have ended: has the others go on without the relayed responses
   * and sends that are under way here. Further calls return the first promise.
   *
   * @param ended settles when the sessions of this process have ended
   * @param timeout ms after which relayed requests that are not over are cut
   * @returns settles as `ended`, when the lease is deleted, and all links and the listener are closed
   */
  close(ended: Promise<CloseResult>, timeout: number): Promise<CloseResult> {
    this.#closed ??= this.#close(ended, timeout);
    return this.#closed;
  }

  async #close(ended: Promise<CloseResult>, timeout: number): Promise<CloseResult> {
    const { nodeTimeout, name } = this.#settings;
    try {
      return await ended;
    } finally {
      const { timers } = this.#endpoint;
      await within(timers, nodeTimeout, this.directory.settled());
      await within(timers, timeout, Promise.all([this.#peers.yield(), this.rooms.flushed()]));
      await within(timers, nodeTimeout, this.#membership.leave());
      this.#retryTimer.clear();
      this.#peers.close();
      await within(
        timers,
        nodeTimeout,
        this.#listening.then((listener) => listener?.close()),
      );
      this.rooms.end();
      this.#setStatus('down');
      forgetName(name);
    }
  }

  /**
   * Closes the sessions in a room at all other nodes.
   *
   * @returns settles as `ClusterRooms.close()`; rejects where this process has not joined within `nodeTimeout`. May be
   *   ignored
   */
  closeRoom(broadcast: Extract<Broadcast, { type: 'close' }>): Promise<void> {
    return this.#onceJoined(() => this.rooms.close(broadcast));
  }

  /** Does it at once where this process has joined, which it must to know the others. */
  #onceJoined(work: () => Promise<void>): Promise<void> {
    const done = this.#membership.joined()?.then(work) ?? work();
    // An application that does not wait for it must not end by it.
    ignoreRejection(done);
    return done;
  }

  #makeRooms(): ClusterRooms {
    const { rooms } = this.#sessions;
    const made = new ClusterRooms({
      timers: this.#endpoint.timers,
      nodeTimeout: this.#settings.nodeTimeout,
      local: localRoomsOf(this.#sessions),
      deliver: (broadcast) => deliver(broadcast, this.#sessions, this.#settings.onGap),
      metrics: this.#metrics,
    });
    rooms.onChange = (room) => made.onChange(room);
    this.#sessions.onSizeChange = () => made.onChange(undefined);
    return made;
  }

  /** Takes the nodes that have a lease. */
  #update(nodes: readonly NodeRecord[]): void {
    this.#peers.update(nodes);
    this.rooms.update(new Set(this.#peers.nodeIds));
  }

  /** Listens for links, then joins. Tries again later where it cannot. */
  #listen(): void {
    const { listen, tls, nodeTimeout, maxQueuedBytes } = this.#settings;
    const { timers, responseLimit } = this.#endpoint;
    this.#listening = listenForLinks({
      self: { id: this.id, versions: LINK_VERSIONS },
      token: this.#token,
      at: listen,
      ...(tls === undefined ? {} : { tls: serverTls(tls) }),
      limits: { timers, nodeTimeout, maxQueuedBytes, metrics: this.#metrics },
      onRefused: (cause) => this.#metrics.refused(cause),
      serve: (link) => {
        const side = new OwnerSide(link, this.#sessions, { responseLimit, nodeTimeout, timers }, this.rooms);
        this.#peers.meet(link.peer);
        this.#updateStatus();
        return side;
      },
    }).then(
      (listener) => {
        this.#membership.join(this.#recordOf(listener));
        return listener;
      },
      (error: unknown) => {
        this.#warn('listen', `this process cannot listen for links (${messageOf(error)}); see the option "listen"`);
        if (this.#closed === undefined) {
          this.#retryTimer.set(nodeTimeout);
        }
        return undefined;
      },
    );
  }

  #recordOf(listener: LinkListener): NodeRecord {
    const address = advertisedAddress(this.#settings, listener.address);
    return { id: this.id, address, token: this.#token, machine: this.#machine, versions: LINK_VERSIONS };
  }

  #onAttempt(error: unknown): void {
    if (error !== undefined) {
      // No answer says who is there. Those that were there last may still be.
      this.#peers.redial();
      debugCluster('node %s could not renew its lease: %s', this.id, messageOf(error));
      if (this.state.status === 'down') {
        // Perhaps a wrong set-up. Later, it is an outage.
        this.#warn(messageOf(error), `this process cannot join: ${messageOf(error)}`);
      }
    }
    this.rooms.acknowledge();
    this.#updateStatus();
  }

  #updateStatus(): void {
    const { hasJoined } = this.#membership;
    const areAllLinked = this.#peers.areAllLinked && this.#peers.nodeIds.every((id) => this.rooms.hasLinkFrom(id));
    const isUp = this.#membership.isUp && areAllLinked;
    const status: ClusterStatus = hasJoined ? (isUp ? 'up' : 'degraded') : 'down';
    if (this.#closed === undefined) {
      this.#setStatus(status);
    }
  }

  #setStatus(status: ClusterStatus): void {
    const previous = this.state.status;
    this.state.setStatus(status);
    if (status !== previous) {
      this.#metrics.statusChanged(status, previous);
    }
  }

  /** Prints a warning, unless it has printed one of this kind. */
  #warn(kind: string, text: string): void {
    if (!this.#warned.has(kind)) {
      this.#warned.add(kind);
      process.emitWarning(`sockjs: cluster "${this.#settings.name}": ${text}`, {
        code: 'SOCKJS_CLUSTER',
        detail: helpAt('sockjs_cluster'),
      });
    }
  }
}

/** The rooms of this process. */
function localRoomsOf<Data, Req extends IncomingMessage>(sessions: SessionRegistry<Data, Req>): LocalRooms {
  return {
    names: () => (sessions.size === 0 ? [] : [undefined, ...sessions.rooms.names()]),
    sizeOf: (room) => (room === undefined ? sessions.size : sessions.rooms.sizeOf(room)),
  };
}

/** The address that others dial. */
export function advertisedAddress(
  { advertise, listen }: Pick<ClusterSettings, 'advertise' | 'listen'>,
  at: string,
): string {
  const parsed = parseAddress(at);
  if (parsed === undefined || 'path' in parsed) {
    return at;
  }
  if (advertise !== undefined) {
    return /:\d+$/.test(advertise) && !advertise.endsWith(']') ? advertise : `${advertise}:${parsed.port}`;
  }
  // The name that was given, not the address that it has here: certificates are for names.
  const host = 'host' in listen ? listen.host : undefined;
  return host === undefined || host.includes(':') ? at : `${host}:${parsed.port}`;
}

/** Both ends show a certificate of an authority in `ca`. */
function serverTls({ servername: _, ...tls }: NonNullable<ClusterSettings['tls']>): TlsOptions {
  return { ...tls, requestCert: true, rejectUnauthorized: true };
}

/** A router of that name has ended. */
function forgetName(name: string): void {
  const left = (names.get(name) ?? 1) - 1;
  if (left === 0) {
    names.delete(name);
  } else {
    names.set(name, left);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
