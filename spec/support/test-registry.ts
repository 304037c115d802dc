/** A registry that keeps its reservations by id, so a test can reserve, commit and release in one line each. */
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import type { RefusalReason, Reservation, SessionIdentity } from '../../lib/session/directory.ts';
import { Lifecycle, type SessionEnvironment } from '../../lib/session/lifecycle.ts';
import type { TransportName } from '../../lib/session/ports.ts';
import type { QuotaLimits } from '../../lib/session/quota.ts';
import { SessionRegistry } from '../../lib/session/registry.ts';
import type { Session } from '../../lib/session/session.ts';
import type { CloseResult } from '../../lib/session/shutdown.ts';
import { adopt, environmentWith } from './fake-receiver.ts';

/** The result of `find()`, with the session in place of its port. */
export type FoundSession =
  | { readonly kind: 'live'; readonly session: Session }
  | { readonly kind: 'ended'; readonly code: number; readonly reason: string }
  | { readonly kind: 'pending' | 'foreign' | 'unknown' };

interface TestReservation {
  readonly id: string;
  readonly of: SessionIdentity;
  readonly reservation: Reservation<unknown, IncomingMessage>;
}

export class TestRegistry {
  readonly registry: SessionRegistry<unknown, IncomingMessage>;
  readonly #reservations: TestReservation[] = [];

  constructor(hooks: Partial<SessionEnvironment<Session>>, limits: QuotaLimits) {
    this.registry = new SessionRegistry(environmentWith(hooks), limits);
  }

  get size(): number {
    return this.registry.size;
  }

  get(id: string): Session | undefined {
    return this.registry.get(id);
  }

  *[Symbol.iterator](): IterableIterator<Session> {
    for (const { session } of this.registry) {
      yield session;
    }
  }

  find(id: string, by: Pick<SessionIdentity, 'family' | 'client'>): FoundSession {
    const found = this.registry.find(id, by);
    if (found.kind !== 'live') {
      return found;
    }
    assert.ok(found.port instanceof Lifecycle);
    return { kind: 'live', session: found.port.session };
  }

  /** Reserves an id. Returns the reason of a refusal, or undefined. */
  reserve(id: string, of: SessionIdentity): RefusalReason | undefined {
    const claim = this.registry.reserve(id, of);
    if (claim.kind === 'refused') {
      return claim.reason;
    }
    this.#reservations.push({ id, of, reservation: claim.reservation });
    return undefined;
  }

  /** Commits a reservation: makes its session. */
  create(id: string, request: IncomingMessage, transport: TransportName, of: SessionIdentity, data: unknown): Session {
    const port = this.#remove(id, of).commit(request, transport, data);
    assert.ok(port instanceof Lifecycle);
    return adopt(port);
  }

  /** Releases a reservation. */
  release(id: string, of: SessionIdentity): void {
    this.#remove(id, of).release();
  }

  get isClosing(): boolean {
    return this.registry.shutdown.isClosing;
  }

  get whenClosing(): Set<() => void> {
    return this.registry.shutdown.whenClosing;
  }

  close(code: number, reason: string, timeout: number): Promise<CloseResult> {
    return this.registry.shutdown.close(code, reason, timeout);
  }

  #remove(id: string, of: SessionIdentity): Reservation<unknown, IncomingMessage> {
    const index = this.#reservations.findIndex((reservation) => reservation.id === id && reservation.of === of);
    const [reservation] = this.#reservations.splice(index, 1);
    assert.ok(index !== -1 && reservation !== undefined, `no reservation of ${id}`);
    return reservation.reservation;
  }
}
