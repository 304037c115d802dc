/** Takes the upgrade of a request over, has ws do the handshake, and opens a session; or answers why not. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { identityOf } from '../../admission/identity.ts';
import { openSession } from '../../admission/open-session.ts';
import { rejectForLackOfPlace } from '../../admission/reject.ts';
import type { EndpointContext, RequestContext } from '../../context.ts';
import { isReported } from '../../http/report.ts';
import { sendError, setConnectionClose } from '../../http/respond.ts';
import { hasToken } from '../../http/tokens.ts';
import type { LocalSessionPort } from '../../session/ports.ts';
import { ignoreSocketError, type PendingUpgrade, pendingUpgrade } from '../../upgrade/pending-upgrade.ts';
import { warnOnce } from '../../util/warn-once.ts';
import type { UpgradedSocket } from './connection.ts';
import { bypassesWs } from './direct-writer.ts';
import { maxBypassBytesOf } from './engine.ts';
import { noteRefusal } from './refusal.ts';

/**
 * Asks whether the client may have a session, then has the handshake done, or answers why not (docs/protocol.md,
 * section 1).
 *
 * @param attach gets the port of the new session and its open WebSocket
 */
export function acceptWebSocket<Data, Req extends IncomingMessage>(
  context: RequestContext<Data, Req>,
  transport: 'websocket' | 'websocket-raw',
  attach: (session: LocalSessionPort, webSocket: WebSocket, upgraded: UpgradedSocket) => void,
): void {
  const { endpoint, req, res, sessionId } = context;
  const upgrade = pendingUpgrade(req);
  if (upgrade === undefined) {
    answerWithoutUpgrade(req, res);
    return;
  }
  // A WebSocket brings its session with it: no other request can ask for it, so there is nothing to look up.
  const claim = endpoint.sessions.reserve(sessionId, identityOf(context, 'websocket'));
  if (claim.kind === 'refused') {
    rejectForLackOfPlace(context, claim.reason);
    return;
  }
  const { reservation } = claim;
  openSession(context, reservation, (data) => {
    const stream = upgrade.claim();
    if (stream === undefined) {
      reservation.release();
      return;
    }
    const open = (webSocket: WebSocket, uncork: () => void) => {
      const session = reservation.commit(req, transport, data);
      attach(session, webSocket, upgradedSocket(endpoint, req, stream, webSocket, uncork));
    };
    completeHandshake(context, upgrade, stream, open, () => reservation.release());
  });
}

/**
 * Has the engine do the handshake on `stream`.
 *
 * @param open called with the open WebSocket, and with the function that sends the handshake
 * @param release called where there will be no WebSocket
 */
function completeHandshake<Data, Req extends IncomingMessage>(
  context: RequestContext<Data, Req>,
  upgrade: PendingUpgrade,
  stream: Duplex,
  open: (webSocket: WebSocket, uncork: () => void) => void,
  release: () => void,
): void {
  // The handshake and the open frame leave in one write, before the application sees how many bytes wait.
  stream.cork();
  let isCorked = true;
  const uncork = () => {
    if (isCorked) {
      isCorked = false;
      stream.uncork();
    }
  };
  let isOpen = false;
  let isReleased = false;
  let stopWaiting: (() => void) | undefined;
  const forgetRefusal = isReported(context.res) ? noteRefusal(stream, context.res) : undefined;
  try {
    context.endpoint.webSocketServer.handleUpgrade(context.req, stream, upgrade.head, (webSocket) => {
      if (isReleased) {
        // An engine of the application may call back although the connection has closed.
        stream.destroy();
        return;
      }
      stopWaiting?.();
      forgetRefusal?.();
      isOpen = true;
      // An engine of the application may not emit `headers`, which ends the response as well.
      upgrade.finish();
      open(webSocket, uncork);
    });
  } catch (error) {
    // A function in the option `websocketServer` has thrown.
    stream.destroy();
    context.next(error);
  } finally {
    uncork();
  }
  if (!isOpen) {
    // The engine has refused, or waits for `verifyClient`. In the end it opens a session or closes the stream.
    stopWaiting = awaitEngine(context, upgrade, stream, () => {
      isReleased = true;
      release();
    });
  }
}

function upgradedSocket<Data, Req extends IncomingMessage>(
  { webSocketServer, timers }: EndpointContext<Data, Req>,
  { socket }: IncomingMessage,
  stream: Duplex,
  webSocket: WebSocket,
  uncork: () => void,
): UpgradedSocket {
  const bypasses = bypassesWs(webSocket, stream, socket);
  const maxBypassBytes = bypasses ? (maxBypassBytesOf.get(webSocketServer) ?? 0) : 0;
  if (maxBypassBytes > 0) {
    // ws has added a listener of its own, and each one costs memory.
    stream.off('error', ignoreSocketError);
  }
  return { socket, bypassesWs: bypasses, maxBypassBytes, timers, uncork };
}

/**
 * Waits for an engine that decides later. Calls `release` when the stream closes before the WebSocket is open, and
 * refuses the upgrade when the endpoint shuts down.
 *
 * @returns a function that ends the wait: the WebSocket is open
 */
function awaitEngine<Data, Req extends IncomingMessage>(
  { endpoint, req }: RequestContext<Data, Req>,
  upgrade: PendingUpgrade,
  stream: Duplex,
  release: () => void,
): () => void {
  const rejectAsClosing = () => {
    // Once: a subscriber of `sockjs:rejected` may call `router.close()`, too.
    endpoint.shutdown.whenClosing.delete(rejectAsClosing);
    endpoint.metrics.rejected(req, 'closing', 503);
    upgrade.refuse();
  };
  const stopWaiting = () => {
    stream.off('close', onClose);
    endpoint.shutdown.whenClosing.delete(rejectAsClosing);
  };
  const onClose = () => {
    stopWaiting();
    release();
  };
  if (stream.closed) {
    release();
  } else {
    stream.on('close', onClose);
    if (stream.writable) {
      endpoint.shutdown.whenClosing.add(rejectAsClosing);
    }
  }
  return stopWaiting;
}

/** Answers a request to a WebSocket route that has not come as an upgrade. */
function answerWithoutUpgrade(req: IncomingMessage, res: RequestContext['res']): void {
  setConnectionClose(res);
  if (!hasToken(req.headers.upgrade, 'websocket')) {
    sendError(res, 400, 'Can "Upgrade" only to "WebSocket".');
  } else if (!hasToken(req.headers.connection, 'upgrade')) {
    sendError(res, 400, '"Connection" must be "Upgrade".');
  } else {
    // Node emits no `upgrade` event where the server has no listener for it, so the handshake is an ordinary request.
    warnOnce(
      'SOCKJS_NO_UPGRADE',
      'sockjs: a WebSocket arrived, but its server does not handle upgrades; call attachUpgrade(server) for the server ' +
        'that listens: const server = createServer(app); attachUpgrade(server); server.listen(8080)',
    );
    sendError(res, 501, 'WebSocket upgrades are not handled here.');
  }
}
