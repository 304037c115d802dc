/** Which nodes own sessions that requests have asked for lately, so that not each of them asks the registry. */

import type { OwnerMark } from '../options/cluster-adapter.ts';
import { forgetFirst } from '../util/forget-first.ts';
import { type HttpIdentity, type OwnerLookup, RemoteSession, type SessionOwner } from './remote-session.ts';
import type { RequesterSide } from './requester-side.ts';

/** How many owners are remembered at most; beyond that those that were not used for longest are forgotten. */
export const MAX_KNOWN_OWNERS = 10_000;

/** How many clients of one session id are told apart. More than one of them has no session there. */
const MAX_CLIENTS = 4;

/** The owner of one session id, as the registry has named it, and the link to it. */
export class KnownOwner implements SessionOwner {
  readonly mark: OwnerMark;
  readonly side: RequesterSide;
  #ports: readonly RemoteSession[] = [];

  constructor(mark: OwnerMark, side: RequesterSide) {
    this.mark = mark;
    this.side = side;
  }

  /** The port for the sends of a client, always the same: sends of a session take turns by it. */
  portFor(id: string, identity: HttpIdentity, lookup: OwnerLookup): RemoteSession {
    const { family, client } = identity;
    const known = this.#ports.find(({ identity: of }) => of.family === family && of.client === client);
    if (known !== undefined) {
      return known;
    }
    const port = new RemoteSession(id, identity, this, lookup);
    this.#ports = [...this.#ports.slice(1 - MAX_CLIENTS), port];
    return port;
  }
}

/** The owners of some session ids of other nodes. */
export class KnownOwners {
  /** In the order in which they were used last. */
  readonly #byId = new Map<string, KnownOwner>();

  /** The owner of a session id, as long as the link to it lasts. */
  get(id: string): KnownOwner | undefined {
    const owner = this.#byId.get(id);
    if (owner === undefined) {
      return undefined;
    }
    this.#byId.delete(id);
    if (owner.side.hasEnded) {
      return undefined;
    }
    this.#byId.set(id, owner);
    return owner;
  }

  /** Remembers an owner. Keeps the one there is, where the registry has named it again. */
  add(id: string, mark: OwnerMark, side: RequesterSide): KnownOwner {
    const before = this.get(id);
    if (before?.side === side && before.mark.reservation === mark.reservation) {
      return before;
    }
    const owner = new KnownOwner(mark, side);
    this.#byId.delete(id);
    this.#byId.set(id, owner);
    forgetFirst(this.#byId, MAX_KNOWN_OWNERS);
    return owner;
  }

  /** Forgets an owner, unless another is known by now. */
  forget(id: string, owner: SessionOwner): void {
    if (this.#byId.get(id) === owner) {
      this.#byId.delete(id);
    }
  }
}
