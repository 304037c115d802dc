/** Takes an upgrade over. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { identityOf, openSession } from '../../admission/admit.ts';
import type { RequestContext } from '../../context.ts';
import { sendError, setConnectionClose } from '../../http/respond.ts';
import type { Session } from '../../session/session.ts';
import { hasToken, ignoreSocketError, type PendingUpgrade, pendingUpgrade } from '../../upgrade/pending-upgrade.ts';
import type { UpgradedSocket } from './connection.ts';
import { maxBypassBytesOf } from './engine.ts';
import { isSendPristine } from './pristine-websocket.ts';

/**
 * Asks whether the client may have a session, then does the handshake, or answers why not (PROTOCOL.md section 1);
 * `attach` gets the new session and the open WebSocket.
 */
export function acceptWebSocket<Data, Req extends IncomingMessage>(
  context: RequestContext<Data, Req>,
  transport: 'websocket' | 'websocket-raw',
  attach: (session: Session<Data, Req>, socket: WebSocket, upgraded: UpgradedSocket) => void,
): void {
  const { endpoint, req, res, sessionId, next } = context;
  const upgrade = pendingUpgrade(req);
  if (upgrade === undefined) {
    refuse(req, res);
    return;
  }
  const identity = identityOf(context, 'websocket');
  openSession(context, identity, (data) => {
    const socket = upgrade.claim();
    if (socket === undefined) {
      return false;
    }
    // The handshake and the open frame leave in one write, before the application sees how much is on its way.
    socket.cork();
    let isCorked = true;
    const uncork = () => {
      if (isCorked) {
        isCorked = false;
        socket.uncork();
      }
    };
    let isOpen = false;
    let settle: (() => void) | undefined;
    try {
      endpoint.webSocketServer.handleUpgrade(req, socket, upgrade.head, (webSocket) => {
        settle?.();
        isOpen = true;
        // An engine of the application's own may not say when it writes the handshake.
        upgrade.finish();
        const session = endpoint.sessions.create(sessionId, req, transport, identity, data);
        const bypassesWs = socket === req.socket && webSocket.extensions === '' && isSendPristine(webSocket);
        const maxBypassBytes = bypassesWs ? (maxBypassBytesOf.get(endpoint.webSocketServer) ?? 0) : 0;
        if (maxBypassBytes > 0) {
          // ws has a listener of its own by now, and one is lighter than two.
          socket.off('error', ignoreSocketError);
        }
        attach(session, webSocket, { socket: req.socket, bypassesWs, maxBypassBytes, timers: endpoint.timers, uncork });
      });
    } catch (error) {
      // A function in the application's `websocketServer` options threw.
      socket.destroy();
      next(error);
    } finally {
      uncork();
    }
    if (!isOpen) {
      // The engine has refused, or waits for `verifyClient`: either way it opens a session or closes the socket.
      settle = awaitEngine(context, upgrade, socket, () => endpoint.sessions.release(sessionId, identity));
    }
    return true;
  });
}

/**
 * Gives the place back when the socket of an upgrade closes, and refuses the upgrade when shutdown begins before.
 *
 * @returns what ends that, since there is a session
 */
function awaitEngine<Data, Req extends IncomingMessage>(
  { endpoint, req }: RequestContext<Data, Req>,
  upgrade: PendingUpgrade,
  socket: Duplex,
  release: () => void,
): () => void {
  const rejectAsClosing = () => {
    endpoint.metrics.rejected(req, 'closing', 503);
    upgrade.refuse();
  };
  const settle = () => {
    socket.off('close', onClose);
    endpoint.sessions.whenClosing.delete(rejectAsClosing);
  };
  const onClose = () => {
    settle();
    release();
  };
  if (socket.closed) {
    release();
  } else {
    socket.on('close', onClose);
    if (socket.writable) {
      endpoint.sessions.whenClosing.add(rejectAsClosing);
    }
  }
  return settle;
}

let warnedNoUpgrade = false;

function refuse(req: IncomingMessage, res: RequestContext['res']): void {
  setConnectionClose(res);
  if (!hasToken(req.headers.upgrade, 'websocket')) {
    sendError(res, 400, 'Can "Upgrade" only to "WebSocket".');
  } else if (!hasToken(req.headers.connection, 'upgrade')) {
    sendError(res, 400, '"Connection" must be "Upgrade".');
  } else {
    // A proper upgrade that arrived as an ordinary request: nobody listens for upgrades on this server.
    if (!warnedNoUpgrade) {
      warnedNoUpgrade = true;
      process.emitWarning(
        'sockjs: a WebSocket arrived, but nobody handles upgrades; call attachUpgrade(server) for the server that ' +
          'listens: const server = createServer(app); attachUpgrade(server); server.listen(8080)',
        { code: 'SOCKJS_NO_UPGRADE' },
      );
    }
    sendError(res, 501, 'WebSocket upgrades are not handled here.');
  }
}
