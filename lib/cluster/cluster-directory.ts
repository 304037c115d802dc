/**
 * Finds sessions wherever they are, and claims ids that no process owns.
 *
 *                      known here          owner known, linked               registry: free
 *     request ──> local sessions ──> owners known from earlier ──> registry ────────────────> place of this process
 *                      │                     │                        │ owned          │ ended
 *                      v                     v                        v                v
 *                 its answer           attach or send ────────────> link           its close frame
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { ClusterRegistry, Entry, OwnerMark, Tombstone } from '../options/cluster-adapter.ts';
import { CLOSES } from '../protocol/close-code.ts';
import type { Claim, Found, SendTarget, SessionDirectory, SessionIdentity } from '../session/directory.ts';
import { UNAVAILABLE, UNKNOWN } from '../session/directory.ts';
import type { SessionCloseEvent } from '../session/events.ts';
import type { HttpReceiver, ReceivingPort, SendingPort } from '../session/ports.ts';
import type { SessionRegistry } from '../session/registry.ts';
import { Background } from './background.ts';
import { ClusterReservation } from './cluster-reservation.ts';
import { type KnownOwner, KnownOwners } from './known-owners.ts';
import { LOST, LOST_LIFE } from './lost-session.ts';
import { ENTRY_LIFE, type Membership } from './membership.ts';
import type { Peers } from './peers.ts';
import type { HttpIdentity, OwnerLookup, SessionOwner } from './remote-session.ts';

/** What the directory of a cluster needs to know. */
export interface ClusterDirectorySettings {
  /** The id of this node. */
  readonly nodeId: string;
  readonly registry: ClusterRegistry;
  readonly peers: Peers;
  readonly membership: Pick<Membership, 'joined' | 'epoch' | 'requestReassert'>;
  /** The key of the hashes in tombstones; the same at all nodes. */
  readonly secret: string;
  /** The option of the same name. A tombstone lasts twice as long, from 1 ms to a day. */
  readonly disconnectDelay: number;
}

/** Bytes of the salt in a tombstone, and the characters that it has there. */
const SALT_BYTES = 12;
const SALT_LENGTH = 16;

/** What is known of an id once the registry was asked: it is in the hands of another node, or the answer is there. */
type Asked<Answer> = Answer | { readonly kind: 'owned'; readonly owner: KnownOwner };

/** The directory of one endpoint that shares its sessions with other processes. */
export class ClusterDirectory<Data, Req extends IncomingMessage> implements SessionDirectory<Data, Req>, OwnerLookup {
  readonly #sessions: SessionRegistry<Data, Req>;
  readonly #settings: ClusterDirectorySettings;
  readonly #owners = new KnownOwners();
  /** The registered sessions of this process. */
  readonly #owned = new Map<string, OwnerMark>();
  /** Commands on whose answers no request waits. */
  readonly #background = new Background();
  #reservations = 0;

  constructor(sessions: SessionRegistry<Data, Req>, settings: ClusterDirectorySettings) {
    this.#sessions = sessions;
    this.#settings = settings;
    sessions.onSessionEnd = (id, identity, event) => this.#onSessionEnd(id, identity, event);
  }

  /** The registered sessions of this process, which are to be written again where the registry may have lost them. */
  get owned(): ReadonlyMap<string, OwnerMark> {
    return this.#owned;
  }

  /** Ends sessions of this process that the registry says are not its own any more. They get no tombstone. */
  surrender(ids: Iterable<string>): void {
    for (const id of ids) {
      // One that has ended meanwhile is not asked for: a WebSocket may have the same id.
      if (this.#owned.delete(id)) {
        this.#sessions.get(id)?.close(CLOSES.sessionLost.code, CLOSES.sessionLost.reason);
      }
    }
  }

  /** Settles when no command is under way on which no request waits, such as that for a tombstone. Never rejects. */
  settled(): Promise<void> {
    return this.#background.settled();
  }

  find(id: string, identity: SessionIdentity): SendTarget | PromiseLike<SendTarget> {
    const found = this.#sessions.find(id, identity);
    // A poll that claims the id holds a place here for as long. The session may be open at another process.
    if (found.kind !== 'unknown' && found.kind !== 'pending') {
      return found;
    }
    const owner = this.#owners.get(id);
    return owner === undefined ? this.#lookUp(id, identity) : this.#portOf(id, identity, owner);
  }

  findOrReserve(
    id: string,
    identity: SessionIdentity,
    receiver: Pick<HttpReceiver, 'name' | 'callback'>,
  ): Claim<Data, Req> | PromiseLike<Claim<Data, Req>> {
    const found = this.#sessions.find(id, identity);
    return found.kind === 'unknown' ? this.#attachOrClaim(id, identity, receiver) : found;
  }

  forget(id: string, owner: SessionOwner): void {
    this.#owners.forget(id, owner);
  }

  // ---- Sends

  async #lookUp(id: string, identity: SessionIdentity): Promise<SendTarget> {
    try {
      const entry = await this.#settings.registry.find(id);
      if (entry === undefined || this.#isOwn(entry)) {
        // This process may have opened it meanwhile.
        return this.#sessions.find(id, identity);
      }
      const asked = await this.#follow(id, identity, entry);
      return asked.kind === 'owned' ? this.#portOf(id, identity, asked.owner) : asked;
    } catch {
      return UNAVAILABLE;
    }
  }

  #portOf(id: string, identity: SessionIdentity, owner: KnownOwner): SendTarget {
    if (!isHttp(identity)) {
      return UNKNOWN;
    }
    if (owner.side.isSendingFull) {
      return UNAVAILABLE;
    }
    const port: SendingPort = owner.portFor(id, identity, this);
    return { kind: 'live', port };
  }

  // ---- Receiving requests

  async #attachOrClaim(
    id: string,
    identity: SessionIdentity,
    receiver: Pick<HttpReceiver, 'name' | 'callback'>,
  ): Promise<Claim<Data, Req>> {
    try {
      const known = this.#owners.get(id);
      let outcome: Claim<Data, Req> | undefined =
        known === undefined ? undefined : await this.#attach(id, identity, receiver, known);
      // Once more where the registry has named an owner that has no such session, or a link that has just ended.
      for (let attempts = 0; outcome === undefined && attempts < 2; attempts += 1) {
        const asked = await this.#claim(id, identity);
        outcome = asked.kind === 'owned' ? await this.#attach(id, identity, receiver, asked.owner) : asked;
      }
      return outcome ?? UNAVAILABLE;
    } catch {
      return UNAVAILABLE;
    }
  }

  /** Takes a place for a new session, here and in the registry; or finds out who has the id. */
  async #claim(id: string, identity: SessionIdentity): Promise<Asked<Claim<Data, Req>>> {
    const found = this.#sessions.find(id, identity);
    if (found.kind !== 'unknown') {
      return found;
    }
    const { registry, nodeId, membership } = this.#settings;
    const claim = this.#sessions.reserve(id, identity);
    if (claim.kind === 'refused') {
      // Sessions of other nodes need no place here.
      const entry = await registry.find(id);
      return entry === undefined || this.#isOwn(entry) ? claim : this.#follow(id, identity, entry);
    }
    this.#reservations += 1;
    const mark: OwnerMark = { nodeId, reservation: this.#reservations };
    let epoch: string | undefined;
    const onCommit = () => {
      this.#owned.set(id, mark);
      if (membership.epoch !== epoch) {
        // The registry may have forgotten the claim, when this session was not yet among those to write again.
        membership.requestReassert();
      }
    };
    const place = new ClusterReservation(claim.reservation, onCommit, () =>
      this.#background.run(() => registry.release(id, mark)),
    );
    let entry: Entry | undefined;
    try {
      await membership.joined();
      epoch = membership.epoch;
      entry = await registry.claim(id, mark, ENTRY_LIFE);
    } catch (error) {
      // The registry may have given the id to this process all the same.
      place.release();
      throw error;
    }
    if (entry === undefined) {
      return { kind: 'reserved', reservation: place };
    }
    claim.reservation.release();
    return this.#isOwn(entry) ? UNAVAILABLE : this.#follow(id, identity, entry);
  }

  /** Asks the owner of a session to attach a request. Undefined where the registry has to be asked who that is. */
  async #attach(
    id: string,
    { client }: SessionIdentity,
    { name, callback }: Pick<HttpReceiver, 'name' | 'callback'>,
    owner: KnownOwner,
  ): Promise<Found<ReceivingPort> | typeof UNAVAILABLE | undefined> {
    const outcome = await owner.side.attach({ sessionId: id, client, transport: name, callback });
    switch (outcome.kind) {
      case 'attached':
        return { kind: 'live', port: outcome.response, release: () => outcome.response.release() };
      case 'busy':
        return { kind: 'pending' };
      case 'foreign':
        return { kind: 'foreign' };
      case 'ended':
        this.#owners.forget(id, owner);
        return outcome;
      case 'not-mine':
        this.#owners.forget(id, owner);
        await this.#settings.registry.release(id, owner.mark);
        return undefined;
      case 'lost':
        // Attached or not: a living owner says on the next link what has become of the session.
        this.#owners.forget(id, owner);
        return undefined;
      case 'late':
        return UNAVAILABLE;
    }
  }

  // ---- The registry

  #isOwn(entry: Entry): boolean {
    return entry.kind === 'owned' && entry.owner.nodeId === this.#settings.nodeId;
  }

  /** What the entry of another node means: its session can be reached, has ended, or is lost. */
  async #follow(
    id: string,
    identity: SessionIdentity,
    entry: Entry,
  ): Promise<Asked<Found<never> | typeof UNAVAILABLE>> {
    if (entry.kind === 'ended') {
      return this.#endedBy(entry.tombstone, identity);
    }
    const { registry, peers } = this.#settings;
    const { nodeId } = entry.owner;
    const reached = await peers.reach(nodeId);
    if (reached.kind === 'linked') {
      return { kind: 'owned', owner: this.#owners.add(id, entry.owner, reached.side) };
    }
    // The registry may have found out meanwhile that the owner is dead.
    const now = await (reached.kind === 'dead'
      ? registry.end(id, entry.owner, LOST, LOST_LIFE, nodeId)
      : registry.find(id));
    return now?.kind === 'ended' ? this.#endedBy(now.tombstone, identity) : UNAVAILABLE;
  }

  #endedBy({ code, reason, identityHash }: Tombstone, identity: SessionIdentity): Found<never> {
    return identityHash === '' || this.#isOf(identityHash, identity)
      ? { kind: 'ended', code, reason }
      : { kind: 'foreign' };
  }

  #onSessionEnd(id: string, identity: SessionIdentity, { code, reason }: SessionCloseEvent): void {
    const mark = this.#owned.get(id);
    if (mark !== undefined) {
      this.#owned.delete(id);
      const { registry, disconnectDelay } = this.#settings;
      const tombstone = { code, reason, identityHash: this.#hash(identity) };
      // Registries take neither 0 nor Infinity, and then the entry would lead here for a day.
      const life = Math.min(Math.max(2 * disconnectDelay, 1), ENTRY_LIFE);
      this.#background.run(() => registry.end(id, mark, tombstone, life));
    }
  }

  /** Whether a tombstone is of a session of this client and family. */
  #isOf(identityHash: string, identity: SessionIdentity): boolean {
    return identityHash === this.#hash(identity, identityHash.slice(0, SALT_LENGTH));
  }

  /** A hash with a salt of its own: two that are alike do not show that a client has come again. */
  #hash({ family, client }: SessionIdentity, salt = randomBytes(SALT_BYTES).toString('base64url')): string {
    return salt + createHmac('sha256', this.#settings.secret).update(`${salt} ${family} ${client}`).digest('base64url');
  }
}

/** No request asks for the session of a WebSocket. */
function isHttp(identity: SessionIdentity): identity is HttpIdentity {
  return identity.family !== 'websocket';
}
