/** The `authorize` option: asked about each new session, on all transports, before anything is made. */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { RequestContext } from '../context.ts';
import { applyDeferredHeaders } from '../http/head.ts';
import { offSocketClose, onSocketClose } from '../http/socket-close.ts';
import type { Reservation } from '../session/directory.ts';
import { isThenable } from '../util/promises.ts';
import { reject, rejectForLackOfPlace } from './reject.ts';

/**
 * Asks whether a session may be opened for which there is a place. Calls `open` with the data that `authorize` returned;
 * `open` commits the reservation or releases it. Every refusal releases it and is answered here.
 */
export function openSession<Data, Req extends IncomingMessage>(
  context: RequestContext<Data, Req>,
  reservation: Reservation<Data, Req>,
  open: (data: Data | undefined) => void,
): void {
  const { endpoint, req, res } = context;
  const { authorize } = endpoint.options;
  const opening = new Opening(context, reservation, open);
  if (authorize === undefined) {
    opening.decide(true);
    return;
  }
  // The application may look at the response, change its headers or answer by itself.
  applyDeferredHeaders(res);
  let verdict: unknown;
  try {
    verdict = authorize(req);
  } catch (error) {
    opening.fail(error);
    return;
  }
  if (isThenable(verdict)) {
    opening.waitFor(verdict);
  } else {
    opening.decide(verdict);
  }
}

/** A new session that waits for `authorize`. */
class Opening<Data, Req extends IncomingMessage> {
  readonly #context: RequestContext<Data, Req>;
  readonly #reservation: Reservation<Data, Req>;
  readonly #open: (data: Data | undefined) => void;
  /** Set once the request was answered, or its client has left: the verdict no longer matters. */
  #isOver = false;

  constructor(
    context: RequestContext<Data, Req>,
    reservation: Reservation<Data, Req>,
    open: (data: Data | undefined) => void,
  ) {
    this.#context = context;
    this.#reservation = reservation;
    this.#open = open;
  }

  /** Opens the session for `true` or an object; anything else is 403. */
  decide(verdict: unknown): void {
    if (this.#isOver) {
      return;
    }
    if (verdict !== true && (typeof verdict !== 'object' || verdict === null)) {
      this.#end();
      reject(this.#context, 'authorize', 403, 'Forbidden.');
    } else if (this.#context.endpoint.shutdown.isClosing) {
      this.#end();
      rejectForLackOfPlace(this.#context, 'closing');
    } else {
      this.#isOver = true;
      try {
        this.#open(verdict === true ? undefined : (verdict as Data));
      } catch (error) {
        // Middleware has replaced the writing of the response. The session has ended by now.
        this.#context.next(error);
      }
    }
  }

  /** `authorize` threw: an error with a `status` is the answer, any other is the application's error handling's. */
  fail(error: unknown): void {
    if (this.#isOver) {
      return;
    }
    this.#end();
    const status = statusOf(error);
    if (status === undefined) {
      this.#context.next(error);
    } else {
      reject(this.#context, 'authorize', status, `${STATUS_CODES[status] ?? 'Error'}.`);
    }
  }

  /** Waits for an async `authorize`, but no longer than the client does, nor beyond the beginning of shutdown. */
  waitFor(verdict: PromiseLike<unknown>): void {
    const { endpoint, req, res } = this.#context;
    const { whenClosing } = endpoint.shutdown;
    // Pipelined: until its turn comes, the response does not hear of the end of its connection.
    const socket = res.socket === null ? req.socket : undefined;
    const rejectAsClosing = () => {
      if (!this.#isOver) {
        this.#end();
        rejectForLackOfPlace(this.#context, 'closing');
      }
    };
    const forget = () => {
      whenClosing.delete(rejectAsClosing);
      res.off('close', onClose);
      if (socket !== undefined) {
        offSocketClose(socket, onClose);
      }
    };
    // The place must not stay taken for a client that has left, however long `authorize` takes.
    const onClose = () => {
      forget();
      this.#end();
    };
    res.on('close', onClose);
    if (socket !== undefined) {
      onSocketClose(socket, onClose);
    }
    whenClosing.add(rejectAsClosing);
    Promise.resolve(verdict)
      .then((settled) => this.decide(settled))
      .catch((error: unknown) => this.fail(error))
      .finally(forget);
  }

  #end(): void {
    this.#isOver = true;
    this.#reservation.release();
  }
}

/** The status that an error of the http-errors kind carries. */
function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('status' in error)) {
    return undefined;
  }
  const { status } = error;
  return typeof status === 'number' && Number.isInteger(status) && status >= 400 && status <= 599 ? status : undefined;
}
