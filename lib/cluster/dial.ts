/** Makes a link to another node. */
import { createConnection, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { NodeRecord } from '../options/cluster-adapter.ts';
import { DeadlineTimer } from '../util/timer-queue.ts';
import { WebSocket } from '../util/ws.ts';
import { type LinkAddress, parseAddress } from './address.ts';
import { DiallerHandshake, HANDSHAKE_CLOSE, type LinkParty } from './handshake.ts';
import { type HandshakeListener, readHandshake } from './handshake-socket.ts';
import { readOwnerMessage } from './link-codec.ts';
import type { OwnerMessage, RequesterMessage } from './messages.ts';
import { type LinkLimits, type ServeLink, WEBSOCKET_SETTINGS, WireLink } from './wire-link.ts';

/** How to dial. */
export interface DialOptions {
  /** This node. */
  readonly self: LinkParty;
  /** The node to dial, as the registry has it. */
  readonly node: Pick<NodeRecord, 'id' | 'address' | 'token'>;
  /** ms until the link must be made. */
  readonly timeout: number;
  /** How to trust the listener of the other node, where it uses TLS. Not for Unix sockets. */
  readonly tls?: ConnectionOptions;
  readonly limits: LinkLimits;
  /** Ends the attempt. A link that was made goes on. */
  readonly signal?: AbortSignal;
}

/** What has become of an attempt. */
export type DialResult =
  | { readonly kind: 'linked'; readonly link: WireLink<RequesterMessage, OwnerMessage> }
  /** Nothing listens at the address: the connection was refused, by each of the addresses that a host name has. */
  | { readonly kind: 'refused' }
  /** The link was not made in time. */
  | { readonly kind: 'timeout' }
  /** The signal has ended the attempt. */
  | { readonly kind: 'aborted' }
  /** Another node listens at the address. It has proved nothing. */
  | { readonly kind: 'other-node'; readonly id: string }
  /** One side did not know the token: the record is old, or the listener is no node. */
  | { readonly kind: 'unproven' }
  /** No version of the link protocol is common. */
  | { readonly kind: 'version' }
  /** Anything else: a missing socket file, a reset, a certificate, a listener that is none for links. */
  | { readonly kind: 'failed'; readonly error: Error };

/**
 * Dials a node. A link is served before the promise settles: messages of the peer may come at once. Nothing that the
 * other node does makes the promise reject.
 *
 * @param serve called for the link, if one is made
 * @throws RangeError, as a rejection, for an id of this node that no handshake could use
 */
export function dial(options: DialOptions, serve: ServeLink<RequesterMessage, OwnerMessage>): Promise<DialResult> {
  return new Promise((resolve) => {
    new Attempt(options, serve, resolve).start();
  });
}

/** One attempt. It is over with the first result. */
class Attempt implements HandshakeListener {
  readonly #options: DialOptions;
  readonly #serve: ServeLink<RequesterMessage, OwnerMessage>;
  readonly #resolve: (result: DialResult) => void;
  readonly #handshake: DiallerHandshake;
  readonly #timer: DeadlineTimer;
  #socket: Socket | undefined;
  #webSocket: WebSocket | undefined;
  /** Known once the challenge has been answered. */
  #version: number | undefined;
  #stopReading: () => void = () => {};
  #isOver = false;

  constructor(
    options: DialOptions,
    serve: ServeLink<RequesterMessage, OwnerMessage>,
    resolve: (result: DialResult) => void,
  ) {
    this.#options = options;
    this.#serve = serve;
    this.#resolve = resolve;
    this.#handshake = new DiallerHandshake(options.self, options.node);
    this.#timer = new DeadlineTimer(options.limits.timers, { onTimer: () => this.#end({ kind: 'timeout' }) });
  }

  start(): void {
    const { node, signal, timeout } = this.#options;
    const address = parseAddress(node.address);
    if (signal?.aborted) {
      this.#end({ kind: 'aborted' });
    } else if (address === undefined) {
      this.#end({ kind: 'failed', error: new RangeError(`sockjs: nothing can listen at ${node.address}`) });
    } else {
      signal?.addEventListener('abort', this.#onAbort);
      this.#timer.limit(timeout);
      this.#connect(address);
    }
  }

  onMessage(bytes: Buffer): void {
    if (this.#version !== undefined) {
      this.#finish(bytes, this.#version);
      return;
    }
    const check = this.#handshake.check(bytes);
    if (check.kind === 'expected') {
      this.#version = check.version;
      this.#webSocket?.send(check.answer);
    } else if (check.kind === 'malformed') {
      this.onMalformed();
    } else {
      this.#end(check);
    }
  }

  onMalformed(): void {
    this.#fail('the listener speaks another protocol');
  }

  onClose(code: number): void {
    if (code === HANDSHAKE_CLOSE.unproven) {
      this.#end({ kind: 'unproven' });
    } else if (code === HANDSHAKE_CLOSE.version) {
      this.#end({ kind: 'version' });
    } else {
      this.#fail(`the listener has closed the connection with code ${code}`);
    }
  }

  readonly #onAbort = (): void => this.#end({ kind: 'aborted' });

  #connect(address: LinkAddress): void {
    const webSocket = new WebSocket('ws://sockjs-link/', {
      ...WEBSOCKET_SETTINGS,
      // Masks protect proxies from what a script in a browser sends. A mask of zeros leaves the bytes as they are.
      generateMask: (mask) => mask.fill(0),
      // ws would take a colon in the path of a Unix socket for the end of the path.
      createConnection: () => {
        this.#socket = this.#connectionTo(address);
        return this.#socket;
      },
    });
    this.#webSocket = webSocket;
    webSocket.on('error', (error) => this.#onError(error));
    webSocket.on('open', () => {
      if (this.#socket !== undefined) {
        this.#stopReading = readHandshake(webSocket, this.#socket, this);
      }
    });
  }

  #connectionTo(address: LinkAddress): Socket {
    const { tls } = this.#options;
    if (tls === undefined || 'path' in address) {
      return createConnection(address);
    }
    return connectTls({ servername: isIP(address.host) === 0 ? address.host : '', ...tls, ...address });
  }

  #onError(error: Error): void {
    this.#end(isRefused(error) ? { kind: 'refused' } : { kind: 'failed', error });
  }

  #fail(what: string): void {
    this.#end({ kind: 'failed', error: new Error(`sockjs: ${what}`) });
  }

  /** The listener has answered the answer. */
  #finish(confirmation: Buffer, version: number): void {
    const { node, limits } = this.#options;
    if (!this.#handshake.isConfirmed(confirmation)) {
      this.#end({ kind: 'unproven' });
    } else if (this.#webSocket !== undefined && this.#socket !== undefined) {
      this.#settle();
      const proven = { webSocket: this.#webSocket, socket: this.#socket, peer: node.id, version };
      const link = new WireLink<RequesterMessage, OwnerMessage>(proven, limits, 'requester', readOwnerMessage);
      link.open(this.#serve);
      this.#resolve({ kind: 'linked', link });
    }
  }

  /** Ends the attempt without a link. */
  #end(result: DialResult): void {
    if (!this.#isOver) {
      this.#settle();
      this.#webSocket?.terminate();
      this.#socket?.destroy();
      this.#resolve(result);
    }
  }

  #settle(): void {
    this.#isOver = true;
    this.#timer.clear();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#stopReading();
  }
}

/** Whether all addresses of a host have refused. Node tries one after the other, and then has an error for each. */
function isRefused(error: Error): boolean {
  const errors: unknown[] = error instanceof AggregateError ? error.errors : [error];
  return errors.every((each) => each instanceof Error && 'code' in each && each.code === 'ECONNREFUSED');
}
