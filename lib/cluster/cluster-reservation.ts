/** A place for a session of this process, whose id the registry of all processes has given to it. */
import type { NewSessionPort, Reservation } from '../session/directory.ts';
import type { TransportName } from '../session/ports.ts';

/** A place in this process, and what becomes of the id in the registry. */
export class ClusterReservation<Data, Req> implements Reservation<Data, Req> {
  readonly #place: Reservation<Data, Req>;
  readonly #onCommit: () => void;
  readonly #onRelease: () => void;
  #isHeld = true;

  /**
   * @param onCommit called right before the session is made
   * @param onRelease called when the place is given back
   */
  constructor(place: Reservation<Data, Req>, onCommit: () => void, onRelease: () => void) {
    this.#place = place;
    this.#onCommit = onCommit;
    this.#onRelease = onRelease;
  }

  commit(request: Req, transport: TransportName, data: Data | undefined): NewSessionPort {
    if (this.#isHeld) {
      this.#isHeld = false;
      this.#onCommit();
    }
    return this.#place.commit(request, transport, data);
  }

  release(): void {
    if (this.#isHeld) {
      this.#isHeld = false;
      this.#place.release();
      this.#onRelease();
    }
  }
}
