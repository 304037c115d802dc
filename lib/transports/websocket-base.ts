/** What the two WebSocket endpoints share: taking an upgrade over, and the life of one WebSocket. */
import type { IncomingMessage } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { CloseCode, webSocketCloseCode } from '../close-code.ts';
import { debugWebSocket } from '../debug.ts';
import { sendError } from '../http/respond.ts';
import { hasToken, pendingUpgrade } from '../http/upgrade.ts';
import type { Exchange } from '../mount.ts';
import { isWebSocketServer, type ResolvedOptions } from '../options.ts';
import type { Receiver, Session } from '../session.ts';

/** The part of a session that a WebSocket needs, whatever the session holds. */
export type AnySession = Pick<Session, 'attach' | 'receive' | 'lost'>;

/** The engine that an option asks for; headers that middleware has set go onto its 101 answers. */
export function webSocketServerOf<Data, Req extends IncomingMessage>({
  websocketServer: option,
}: Pick<ResolvedOptions<Data, Req>, 'websocketServer'>): WebSocketServer {
  const engine = isWebSocketServer(option)
    ? option
    : new WebSocketServer({ perMessageDeflate: false, ...option, clientTracking: false, noServer: true });
  if (!prepared.has(engine)) {
    prepared.add(engine);
    engine.on('headers', (lines, req) => {
      lines.push(...(pendingUpgrade(req)?.finish() ?? []));
    });
  }
  return engine;
}

/** An application may give the same engine to several mounts. */
const prepared = new WeakSet<WebSocketServer>();

/** Does the handshake, or answers why not (PROTOCOL.md section 1); `onOpen` gets the open WebSocket. */
export function acceptWebSocket<Data, Req extends IncomingMessage>(
  { mount, req, res }: Exchange<Data, Req>,
  onOpen: (socket: WebSocket) => void,
): void {
  const upgrade = pendingUpgrade(req);
  if (upgrade === undefined) {
    refuse(req, res);
    return;
  }
  const socket = upgrade.claim();
  if (socket === undefined) {
    return;
  }
  try {
    mount.webSocketServer.handleUpgrade(req, socket, upgrade.head, onOpen);
  } catch (error) {
    // A function in the application's `websocketServer` options threw.
    socket.destroy();
    throw error;
  }
}

function refuse(req: IncomingMessage, res: Exchange['res']): void {
  res.setHeader('Connection', 'close');
  if (!hasToken(req.headers.upgrade, 'websocket')) {
    sendError(res, 400, 'Can "Upgrade" only to "WebSocket".');
  } else if (!hasToken(req.headers.connection, 'upgrade')) {
    sendError(res, 400, '"Connection" must be "Upgrade".');
  } else {
    // A proper upgrade that arrived as an ordinary request: nobody listens for upgrades on this server.
    process.emitWarning('A WebSocket arrived, but upgrades are not handled: call attachUpgrade(server).', {
      code: 'SOCKJS_NO_UPGRADE',
    });
    sendError(res, 501, 'WebSocket upgrades are not handled here.');
  }
}

/** One WebSocket: what it writes, what it takes in, and how it ends. */
export class WebSocketConnection {
  readonly #socket: WebSocket;
  readonly #writeTimeout: number;
  #unwritten = 0;
  #writeTimer: NodeJS.Timeout | undefined;

  constructor(socket: WebSocket, writeTimeout: number) {
    this.#socket = socket;
    this.#writeTimeout = writeTimeout;
  }

  /** Tells what comes in: texts to `onText`, and to the session how it ended. */
  listen(receiver: Receiver, session: AnySession, onText: (text: string) => void): void {
    this.#socket.on('message', (data, isBinary) => {
      if (this.#socket.readyState !== WebSocket.OPEN) {
        return;
      }
      if (isBinary) {
        this.refuse(receiver, session, CloseCode.UnsupportedData, 'Text messages only.');
      } else {
        onText(String(data));
      }
    });
    this.#socket.on('close', (code, reason) => {
      clearTimeout(this.#writeTimer);
      session.lost(receiver, { code, reason: reason.toString(), wasClean: code !== CloseCode.Abnormal });
    });
    // ws closes the socket itself after an error, so there is nothing to do but listen.
    this.#socket.on('error', (error) => debugWebSocket('%O', error));
  }

  /** Ends a WebSocket whose client does what the protocol forbids, and its session at once. */
  refuse(receiver: Receiver, session: AnySession, code: number, reason: string): void {
    // The session first, so that nothing more goes out before the closing handshake.
    session.lost(receiver, { code, reason, wasClean: false });
    this.close(code, reason);
  }

  /** Sends one text message; nothing once the WebSocket is closing. */
  send(text: string): void {
    if (this.#socket.readyState !== WebSocket.OPEN) {
      return;
    }
    if (this.#writeTimeout === 0) {
      this.#socket.send(text);
      return;
    }
    this.#unwritten += 1;
    this.#writeTimer ??= setTimeout(() => this.#socket.terminate(), this.#writeTimeout);
    this.#socket.send(text, () => this.#onWritten());
  }

  /** Asks the peer for a sign of life. */
  ping(): void {
    if (this.#socket.readyState === WebSocket.OPEN) {
      this.#socket.ping();
    }
  }

  /** Begins the closing handshake; nothing happens when it has begun already. */
  close(code: number, reason: string): void {
    this.#socket.close(webSocketCloseCode(code), reason);
  }

  #onWritten(): void {
    this.#unwritten -= 1;
    if (this.#unwritten === 0) {
      clearTimeout(this.#writeTimer);
      this.#writeTimer = undefined;
    } else {
      this.#writeTimer?.refresh();
    }
  }
}
