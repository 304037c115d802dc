/** The server to which other nodes make their links. What the public reaches is another one. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';
import { debugWebSocket } from '../util/debug.ts';
import { promiseWithResolvers } from '../util/promises.ts';
import { type WebSocket, WebSocketServer } from '../util/ws.ts';
import { formatAddress } from './address.ts';
import { HANDSHAKE_CLOSE, type LinkParty, ListenerHandshake } from './handshake.ts';
import { MAX_HANDSHAKE_BYTES, readHandshake } from './handshake-socket.ts';
import type { ListenerRefusal } from './link-cause.ts';
import { readRequesterMessage } from './link-codec.ts';
import type { OwnerMessage, RequesterMessage } from './messages.ts';
import { WaitingSockets } from './waiting-sockets.ts';
import { type LinkLimits, type ProvenSocket, type ServeLink, WEBSOCKET_SETTINGS, WireLink } from './wire-link.ts';

/** How to listen for links. */
export interface ListenOptions {
  /** This node. */
  readonly self: LinkParty;
  /** The token of this node's record, 16 characters or more. */
  readonly token: string;
  /** Host and port, or the path of a Unix socket. The default host is 127.0.0.1, the default port any that is free. */
  readonly at: { readonly host?: string | undefined; readonly port?: number | undefined } | { readonly path: string };
  /** Certificate and key, for networks that are not trusted. Not for Unix sockets. */
  readonly tls?: TlsOptions;
  readonly limits: LinkLimits;
  /** Called for each new link. If the same node had one before, that one has ended. */
  readonly serve: ServeLink<OwnerMessage, RequesterMessage>;
  /** Called for each connection that has become no link by the fault of the peer. */
  readonly onRefused?: (cause: ListenerRefusal) => void;
}

/**
 * Listens for the links of other nodes.
 *
 * @returns the listener, once it listens. Rejects where it cannot.
 */
export function listenForLinks(options: ListenOptions): Promise<LinkListener> {
  return new Promise((resolve, reject) => {
    const listener = new LinkListener(options);
    listener.start(() => resolve(listener), reject);
  });
}

/** A listener for links. */
export class LinkListener {
  readonly #options: ListenOptions;
  readonly #server: Server;
  readonly #engine = new WebSocketServer({ ...WEBSOCKET_SETTINGS, noServer: true, clientTracking: false });
  readonly #waiting: WaitingSockets;
  readonly #links = new Map<string, WireLink<OwnerMessage, RequesterMessage>>();
  #address = '';
  #closed: Promise<void> | undefined;

  /** @throws RangeError for a node id or a token that no handshake could use */
  constructor(options: ListenOptions) {
    this.#options = options;
    // Checks id and token before a peer needs them.
    new ListenerHandshake(options.self, options.token);
    this.#waiting = new WaitingSockets(options.limits.timers, (cause) => this.#refused(cause));
    this.#server = serverOf(options.tls);
    this.#server.on('connection', (socket: Socket) => this.#waiting.add(socket));
    this.#server.on('upgrade', (req, socket, head) => this.#onUpgrade(req, socket, head));
  }

  /** Where it is reached: `host:port`, or the path of its Unix socket. Empty until it listens. */
  get address(): string {
    return this.#address;
  }

  /** Connections whose peers have not proved yet who they are. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** Begins to listen. For `listenForLinks()`. */
  start(onListening: () => void, onError: (error: Error) => void): void {
    this.#server.once('error', onError);
    // Not shared with other workers of node:cluster, which would all listen on one port 0.
    this.#server.listen({ ...whereOf(this.#options.at), exclusive: true }, () => {
      this.#server.off('error', onError);
      this.#address = formatAddress(this.#server.address());
      // Such as a lack of file descriptors when a connection comes.
      this.#server.on('error', (error) => debugWebSocket('the listener for links: %s', error));
      onListening();
    });
  }

  /** Ends all links, cuts all other connections, and stops listening. Settles once that is done. */
  close(): Promise<void> {
    if (this.#closed === undefined) {
      const { promise, resolve } = promiseWithResolvers<void>();
      this.#closed = promise;
      this.#server.close(() => resolve());
      for (const link of [...this.#links.values()]) {
        link.end();
      }
      this.#waiting.destroyAll();
    }
    return this.#closed;
  }

  #onUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {});
    const { origin, 'sec-websocket-origin': oldOrigin } = req.headers;
    if (origin !== undefined || oldOrigin !== undefined) {
      this.#refused('origin');
      socket.once('finish', () => socket.destroy());
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    } else {
      this.#engine.handleUpgrade(req, socket, head, (webSocket) => this.#challenge(webSocket, req.socket));
    }
  }

  #challenge(webSocket: WebSocket, socket: Socket): void {
    const handshake = new ListenerHandshake(this.#options.self, this.#options.token);
    const refuse = (cause: keyof typeof HANDSHAKE_CLOSE) => {
      stop();
      this.#refused(cause);
      webSocket.close(HANDSHAKE_CLOSE[cause]);
      // The dialler has the rest of its time to take the close frame, and nothing more to say.
      socket.on('data', () => socket.destroy());
    };
    const stop = readHandshake(webSocket, socket, {
      onMessage: (bytes) => {
        const check = handshake.check(bytes);
        if (check.kind === 'proven') {
          stop();
          this.#accept({ webSocket, socket, ...check }, check.confirmation);
        } else {
          refuse(check.kind);
        }
      },
      onMalformed: () => refuse('malformed'),
      onClose: () => {},
    });
    webSocket.send(handshake.challenge);
  }

  #accept(proven: ProvenSocket & { readonly socket: Socket }, confirmation: Buffer): void {
    const { webSocket, socket, peer } = proven;
    this.#links.get(peer)?.endBy('replaced');
    if (this.#closed !== undefined) {
      // The handler of the earlier link has closed this listener.
      return;
    }
    this.#waiting.release(socket);
    webSocket.send(confirmation);
    const link = new WireLink<OwnerMessage, RequesterMessage>(
      proven,
      this.#options.limits,
      'owner',
      readRequesterMessage,
      // A link never outlives the next one of its node.
      () => this.#links.delete(peer),
    );
    this.#links.set(peer, link);
    link.open(this.#options.serve);
  }

  #refused(cause: ListenerRefusal): void {
    debugWebSocket('a connection has become no link: %s', cause);
    this.#options.onRefused?.(cause);
  }
}

function serverOf(tls: TlsOptions | undefined): Server {
  const settings = { maxHeaderSize: MAX_HANDSHAKE_BYTES };
  return tls === undefined
    ? createServer(settings, refuseRequest)
    : createTlsServer({ ...tls, ...settings }, refuseRequest);
}

/** Answers a request that is no upgrade. */
const refuseRequest: RequestListener = (_req, res) => {
  res.writeHead(426, { Connection: 'close', 'Content-Length': 0, Upgrade: 'websocket' });
  res.end();
};

function whereOf(at: ListenOptions['at']): { host: string; port: number } | { path: string } {
  return 'path' in at ? at : { host: at.host ?? '127.0.0.1', port: at.port ?? 0 };
}
