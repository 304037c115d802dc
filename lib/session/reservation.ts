/** A place for a session of this process. */
import type { NewSessionPort, Reservation, SessionIdentity } from './directory.ts';
import type { LocalSessionPort, TransportName } from './ports.ts';

/** A new session of this process, which a WebSocket may belong to. */
type LocalNewPort = LocalSessionPort & NewSessionPort;

/** The registry, as far as its reservations need it. */
interface Owner<Data, Req> {
  create(
    reservation: LocalReservation<Data, Req>,
    request: Req,
    transport: TransportName,
    data: Data | undefined,
  ): LocalNewPort;
  cancel(reservation: LocalReservation<Data, Req>): void;
}

/** A place that the registry has taken; its session takes it over, or it is given back. */
export class LocalReservation<Data, Req> implements Reservation<Data, Req> {
  readonly id: string;
  readonly identity: SessionIdentity;
  readonly #owner: Owner<Data, Req>;
  #isHeld = true;

  constructor(id: string, identity: SessionIdentity, owner: Owner<Data, Req>) {
    this.id = id;
    this.identity = identity;
    this.#owner = owner;
  }

  commit(request: Req, transport: TransportName, data: Data | undefined): LocalNewPort {
    if (!this.#isHeld) {
      throw new Error('sockjs: the place of this session was given back');
    }
    this.#isHeld = false;
    return this.#owner.create(this, request, transport, data);
  }

  release(): void {
    if (this.#isHeld) {
      this.#isHeld = false;
      this.#owner.cancel(this);
    }
  }
}
