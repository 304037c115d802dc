/** At a node that gets sends for a session of another node: the port of that session. */
import type { HttpFamily } from '../protocol/transports.ts';
import type { SendTarget, SessionIdentity } from '../session/directory.ts';
import type { RelayedSend, SendingPort } from '../session/ports.ts';
import type { RequesterSide } from './requester-side.ts';

/** The identity of a request over HTTP. */
export interface HttpIdentity extends SessionIdentity {
  readonly family: HttpFamily;
}

/** The node that owns a session, as far as it is known. */
export interface SessionOwner {
  readonly side: RequesterSide;
}

/** Where the owner of a session is looked up. */
export interface OwnerLookup {
  /** The owner has no such session for this client: it is not to be asked for it again. */
  forget(id: string, owner: SessionOwner): void;
  find(id: string, identity: SessionIdentity): SendTarget | PromiseLike<SendTarget>;
}

/** A session of another node, for the sends of one client. While the owner is remembered it is the same object. */
export class RemoteSession implements SendingPort {
  readonly id: string;
  readonly identity: HttpIdentity;
  readonly #owner: SessionOwner;
  readonly #lookup: OwnerLookup;
  /** Whether no send has used it. Then the registry has just named the owner. */
  #isFresh = true;

  constructor(id: string, identity: HttpIdentity, owner: SessionOwner, lookup: OwnerLookup) {
    this.id = id;
    this.identity = identity;
    this.#owner = owner;
    this.#lookup = lookup;
  }

  /** Only the owner knows, and says it at each send. */
  get isActive(): boolean {
    return true;
  }

  receive(messages: readonly string[], bytes: number, done?: (accepted: boolean, relayed?: RelayedSend) => void): void {
    const { client, family } = this.identity;
    const wasFresh = this.#isFresh;
    this.#isFresh = false;
    if (this.#owner.side.hasEnded) {
      this.#askAgain(messages, bytes, done);
      return;
    }
    this.#owner.side.send({ sessionId: this.id, client, family, messages, bytes }, (accepted, relayed) => {
      if (accepted || relayed.isLost === true) {
        done?.(accepted, relayed);
        return;
      }
      this.#lookup.forget(this.id, this.#owner);
      if (wasFresh) {
        done?.(false);
      } else {
        this.#askAgain(messages, bytes, done);
      }
    });
  }

  /** Never calls back, since the owner does not tell of the end. A body that comes in meanwhile is read to its end. */
  whenEnded(): () => void {
    return () => {};
  }

  /**
   * The owner was remembered from earlier, and has no such session: another node may own one of the same id by now. Or the
   * link to it has ended before the messages were sent.
   */
  #askAgain(
    messages: readonly string[],
    bytes: number,
    done: ((accepted: boolean, relayed?: RelayedSend) => void) | undefined,
  ): void {
    Promise.resolve(this.#lookup.find(this.id, this.identity)).then(
      (found) => {
        if (found.kind === 'live' && found.port.isActive) {
          found.port.receive(messages, bytes, done);
        } else {
          done?.(false);
        }
      },
      () => done?.(false),
    );
  }
}
