/** How a receiving request comes to its session: the one it names, or a new one if the client may have it. */
import type { IncomingMessage } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { RequestContext } from '../context.ts';
import type { MaybeExpressRequest } from '../http/express.ts';
import { applyDeferredHeaders, setHeader } from '../http/head.ts';
import { endConnectionIfClosing, sendError } from '../http/respond.ts';
import { offSocketClose, onSocketClose } from '../http/socket-close.ts';
import type { RejectionReason } from '../metrics.ts';
import { CloseCode } from '../protocol/close-code.ts';
import type { TransportName } from '../session/ports.ts';
import type { RefusalReason } from '../session/registry.ts';
import type { Session, SessionIdentity } from '../session/session.ts';
import { ignoreRejection, isThenable } from '../util/promises.ts';

/** What an HTTP transport can be told instead of being attached to a session. */
interface Refusable {
  readonly name: TransportName;
  close(code: number, reason: string): void;
}

const REFUSALS: Record<RefusalReason, { status: number; text: string }> = {
  closing: { status: 503, text: 'Server shutting down.' },
  sessions: { status: 503, text: 'Too many sessions (see the maxSessions option).' },
  'client-sessions': { status: 429, text: 'Too many sessions (see the maxSessionsPerClient option).' },
};

/** Seconds after which a client that found no place may ask again. */
const RETRY_AFTER = 5;

/** The same for all sessions where nobody asks whose they are. */
const ANONYMOUS: Readonly<Record<SessionIdentity['family'], SessionIdentity>> = {
  xhr: { family: 'xhr', client: '', quotaKey: '' },
  jsonp: { family: 'jsonp', client: '', quotaKey: '' },
  websocket: { family: 'websocket', client: '', quotaKey: '' },
};

/** Whose request this is, as far as sessions are concerned. */
export function identityOf<Data, Req extends IncomingMessage>(
  { endpoint, req }: RequestContext<Data, Req>,
  family: SessionIdentity['family'],
): SessionIdentity {
  const { identify, maxSessionsPerClient } = endpoint.options;
  const client: unknown = identify?.(req) ?? '';
  if (typeof client !== 'string') {
    ignoreRejection(client);
    throw new TypeError('sockjs: the function in option "identify" must return a string');
  }
  if (identify === undefined && maxSessionsPerClient === Number.POSITIVE_INFINITY) {
    return ANONYMOUS[family];
  }
  if (identify !== undefined) {
    return { family, client, quotaKey: client };
  }
  const { ip } = req as MaybeExpressRequest;
  return { family, client, quotaKey: typeof ip === 'string' ? ip : (req.socket.remoteAddress ?? '') };
}

/**
 * Brings an HTTP receiver to the session that its request names. `attach` gets it; every other outcome is answered
 * here: with a close frame by `transport`, or with an HTTP error.
 */
export function admit<Data, Req extends IncomingMessage>(
  context: RequestContext<Data, Req>,
  family: 'xhr' | 'jsonp',
  transport: Refusable,
  attach: (session: Session<Data, Req>) => void,
): void {
  const { endpoint, req, res, sessionId } = context;
  const identity = identityOf(context, family);
  const found = endpoint.sessions.find(sessionId, identity);
  switch (found.kind) {
    case 'live':
      attach(found.session);
      break;
    case 'ended':
      transport.close(found.code, found.reason);
      break;
    case 'pending':
      endpoint.metrics.rejected(req, 'busy', CloseCode.AnotherConnection);
      transport.close(CloseCode.AnotherConnection, 'Another connection still open');
      break;
    case 'foreign':
      reject(context, 'identity', 404, 'Session not found.');
      break;
    default:
      openSession(context, identity, (data) => {
        // A response that waits behind another of its connection does not hear of its end.
        if (!res.destroyed && !req.socket.destroyed) {
          const session = endpoint.sessions.create(sessionId, req, transport.name, identity, data);
          try {
            attach(session);
          } catch (error) {
            session.abandon();
            throw error;
          }
          return true;
        }
        return false;
      });
  }
}

/**
 * Asks whether a new session may be opened, takes a place for it, and calls `open` with what `authorize` returned.
 * `open` makes the session and returns true, or returns false where there is nobody left to make it for.
 */
export function openSession<Data, Req extends IncomingMessage>(
  context: RequestContext<Data, Req>,
  identity: SessionIdentity,
  open: (data: Data | undefined) => boolean,
): void {
  const { endpoint, req, res, sessionId, next } = context;
  const { sessions, options } = endpoint;
  const refuse = (refusal: RefusalReason) => {
    const { status, text } = REFUSALS[refusal];
    if (!res.headersSent) {
      setHeader(res, 'Retry-After', RETRY_AFTER);
    }
    reject(context, refusal, status, text);
  };
  const refusal = sessions.reserve(sessionId, identity);
  if (refusal !== undefined) {
    refuse(refusal);
    return;
  }

  let isReserved = true;
  const release = () => {
    if (isReserved) {
      isReserved = false;
      sessions.release(sessionId, identity);
    }
  };
  const rejectAsClosing = () => {
    release();
    refuse('closing');
  };
  const onVerdict = (verdict: unknown) => {
    if (!isReserved) {
      // The client left in the meantime.
      return;
    }
    if (verdict !== true && (typeof verdict !== 'object' || verdict === null)) {
      release();
      reject(context, 'authorize', 403, 'Forbidden.');
    } else if (sessions.isClosing) {
      release();
      refuse('closing');
    } else {
      // Whatever happens from here on, the place is the session's.
      isReserved = false;
      let isOpen = true;
      try {
        isOpen = open(verdict === true ? undefined : (verdict as Data));
      } catch (error) {
        // Middleware has replaced the writing of the response; the session has ended by now.
        next(error);
      }
      if (!isOpen) {
        sessions.release(sessionId, identity);
      }
    }
  };
  const onError = (error: unknown) => {
    if (!isReserved) {
      return;
    }
    release();
    const status = statusOf(error);
    if (status === undefined) {
      next(error);
    } else {
      reject(context, 'authorize', status, `${STATUS_CODES[status] ?? 'Error'}.`);
    }
  };

  if (options.authorize === undefined) {
    onVerdict(true);
    return;
  }
  // Whatever the application does about the answer meanwhile is to find it as it is.
  applyDeferredHeaders(res);
  let verdict: unknown;
  try {
    verdict = options.authorize(req);
  } catch (error) {
    onError(error);
    return;
  }
  if (!isThenable(verdict)) {
    onVerdict(verdict);
    return;
  }
  // Pipelined: until its turn comes, the response does not hear of the end of its connection.
  const socket = res.socket === null ? req.socket : undefined;
  const forget = () => {
    sessions.whenClosing.delete(rejectAsClosing);
    res.off('close', onClose);
    if (socket !== undefined) {
      offSocketClose(socket, onClose);
    }
  };
  // The place must not stay taken for a client that left, however long `authorize` thinks.
  const onClose = () => {
    forget();
    release();
  };
  res.on('close', onClose);
  if (socket !== undefined) {
    onSocketClose(socket, onClose);
  }
  sessions.whenClosing.add(rejectAsClosing);
  Promise.resolve(verdict).then(onVerdict).catch(onError).finally(forget);
}

/** Answers an error and tells why. */
export function reject<Data, Req extends IncomingMessage>(
  context: RequestContext<Data, Req>,
  reason: RejectionReason,
  status: number,
  text: string,
): void {
  const { endpoint, req, res } = context;
  endpoint.metrics.rejected(req, reason, status);
  if (!res.headersSent && !res.destroyed) {
    endConnectionIfClosing(context);
    sendError(res, status, text);
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
