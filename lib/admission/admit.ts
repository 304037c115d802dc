/** The lookup of the session that an HTTP request names, for receiving and for sending requests. */
import type { IncomingMessage } from 'node:http';
import type { RequestContext } from '../context.ts';
import { endConnectionIfClosing, sendError } from '../http/respond.ts';
import { CLOSES } from '../protocol/close-code.ts';
import type { HttpFamily } from '../protocol/transports.ts';
import type { Claim, Reservation, SendTarget } from '../session/directory.ts';
import type { HttpReceiver, ReceivingPort, SendingPort } from '../session/ports.ts';
import { isThenable } from '../util/promises.ts';
import { identityOf } from './identity.ts';
import { openSession } from './open-session.ts';
import { reject, rejectAsUnavailable, rejectForLackOfPlace } from './reject.ts';

const NOT_FOUND = 'Session not found.';

/**
 * Brings the receiver of a receiving request to its session, or to a new one if the client may have it. `attach` gets
 * the port of the session. Every other outcome is answered here: by a frame of the receiver, or by an HTTP error.
 */
export function admit<Data, Req extends IncomingMessage>(
  context: RequestContext<Data, Req>,
  family: HttpFamily,
  receiver: Pick<HttpReceiver, 'name' | 'callback' | 'close' | 'refuse'>,
  attach: (port: ReceivingPort) => void,
): void {
  const { endpoint, sessionId } = context;
  const claim = endpoint.directory.findOrReserve(sessionId, identityOf(context, family), receiver);
  whenKnown(context, claim, (known) => {
    switch (known.kind) {
      case 'live':
        attachTo(known, attach);
        break;
      case 'ended':
        receiver.close(known.code, known.reason);
        break;
      case 'pending':
        receiver.refuse(CLOSES.anotherConnection.code, CLOSES.anotherConnection.reason);
        break;
      case 'foreign':
        reject(context, 'identity', 404, NOT_FOUND);
        break;
      case 'unavailable':
        rejectAsUnavailable(context);
        break;
      case 'refused':
        rejectForLackOfPlace(context, known.reason);
        break;
      case 'reserved':
        openFor(context, known.reservation, receiver, attach);
        break;
    }
  });
}

function attachTo(
  { port, release }: { readonly port: ReceivingPort; readonly release?: () => void },
  attach: (port: ReceivingPort) => void,
): void {
  try {
    attach(port);
  } catch (error) {
    // Another process has attached this request to its session already.
    release?.();
    throw error;
  }
}

function openFor<Data, Req extends IncomingMessage>(
  context: RequestContext<Data, Req>,
  reservation: Reservation<Data, Req>,
  receiver: Pick<HttpReceiver, 'name'>,
  attach: (port: ReceivingPort) => void,
): void {
  const { req } = context;
  openSession(context, reservation, (data) => {
    if (isGone(context)) {
      reservation.release();
      return;
    }
    const port = reservation.commit(req, receiver.name, data);
    try {
      attach(port);
    } catch (error) {
      port.discard();
      throw error;
    }
  });
}

/**
 * Finds the session of a sending request. `found` gets the port of a session that takes messages; 404 is answered here
 * where there is none, also later by {@link sendNotFound}, when the session ends while the body comes in.
 */
export function findForSend<Data, Req extends IncomingMessage>(
  context: RequestContext<Data, Req>,
  family: HttpFamily,
  found: (port: SendingPort) => void,
): void {
  const { endpoint, sessionId } = context;
  whenKnown(context, endpoint.directory.find(sessionId, identityOf(context, family)), (known) => {
    if (known.kind === 'live' && known.port.isActive) {
      found(known.port);
    } else if (known.kind === 'foreign') {
      reject(context, 'identity', 404, NOT_FOUND);
    } else if (known.kind === 'unavailable') {
      rejectAsUnavailable(context);
    } else {
      sendNotFound(context);
    }
  });
}

/** Answers a send for which there is no session, or none any more. */
export function sendNotFound<Data, Req extends IncomingMessage>(context: RequestContext<Data, Req>): void {
  endConnectionIfClosing(context);
  sendError(context.res, 404, NOT_FOUND);
}

/** Goes on with the answer of the directory: at once, or when its promise settles and the client is still there. */
function whenKnown<Data, Req extends IncomingMessage, Answer extends Claim<Data, Req> | SendTarget>(
  context: RequestContext<Data, Req>,
  answer: Answer | PromiseLike<Answer>,
  proceed: (answer: Answer) => void,
): void {
  if (!isThenable(answer)) {
    proceed(answer);
    return;
  }
  Promise.resolve(answer)
    .then((known) => {
      if (!isGone(context)) {
        proceed(known);
      } else if (known.kind === 'reserved') {
        known.reservation.release();
      } else if (known.kind === 'live') {
        known.release?.();
      }
    })
    .catch(context.next);
}

/** Whether the client has left. A response that waits behind another of its connection does not hear of its end. */
function isGone<Data, Req extends IncomingMessage>({ req, res }: RequestContext<Data, Req>): boolean {
  return res.destroyed || req.socket.destroyed;
}
