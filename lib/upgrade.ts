/**
 * WebSocket upgrades by way of the application: an upgrade request runs through the server's own request handling, so
 * that mount paths and earlier middleware apply to it, until a WebSocket endpoint takes it over.
 */
import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Http2SecureServer } from 'node:http2';
import type { Server as HttpsServer } from 'node:https';
import { Duplex } from 'node:stream';
import { debugUpgrade } from './debug.ts';
import { dropResponse } from './http/express.ts';
import { pathOf } from './http/query.ts';
import {
  clearPendingUpgrade,
  hasToken,
  ignoreSocketError,
  type PendingUpgrade,
  setPendingUpgrade,
} from './http/upgrade.ts';
import { MAX_DELAY } from './options.ts';

/** A server whose upgrades can be handled. */
export type UpgradeServer = Server | HttpsServer | Http2SecureServer;

/** Options of `attachUpgrade()`. */
export interface AttachUpgradeOptions {
  /**
   * ms that middleware has to decide about an upgrade; then the client gets 503.
   * @default 10_000 // 10 seconds
   */
  upgradeTimeout?: number | undefined;
}

/** ms that a socket is given to take the last bytes and to close from the other side. */
const LINGER = 2_000;

/** Where a server keeps what detaches it; registered, so that a second copy of this package sees the first. */
const DETACH = Symbol.for('express-sockjs.detach-upgrade');

/** What a server may have beyond its type: our mark, and what Node 22.21 and 24.9 brought. */
interface UpgradingServer {
  [DETACH]?: () => void;
  shouldUpgradeCallback?: (req: IncomingMessage) => boolean;
}

/**
 * Lets the WebSockets of all SockJS endpoints of a server in. Called again for the same server it changes nothing and
 * returns the same function.
 *
 * An upgrade request to a path that ends in `/websocket` is given to the server's `request` listeners first. What a
 * SockJS endpoint takes, no other `upgrade` listener sees. A refusal by the application (3xx, 4xx but 404, 5xx) is the
 * client's answer. Anything else is discarded and the event passed on to the other listeners; where there are none, the
 * client gets the application's answer and the connection is closed.
 *
 * @returns a function that undoes it; WebSockets that are open stay open
 * @throws TypeError for anything that is no server, RangeError for an `upgradeTimeout` that is no number above 0
 */
export function attachUpgrade(
  server: UpgradeServer,
  { upgradeTimeout = 10_000 }: AttachUpgradeOptions = {},
): () => void {
  // Apps of other frameworks, such as NestJS, are objects that listen, but emit nothing.
  const isServer =
    typeof server === 'object' && typeof server?.listen === 'function' && typeof server.on === 'function';
  if (!isServer) {
    throw new TypeError(
      'sockjs: attachUpgrade() takes the server, not the app; ' +
        'write const server = createServer(app); attachUpgrade(server); server.listen(8080), ' +
        'or in NestJS attachUpgrade(app.getHttpServer())',
    );
  }
  if (!(typeof upgradeTimeout === 'number' && upgradeTimeout > 0 && upgradeTimeout <= MAX_DELAY)) {
    throw new RangeError(
      `sockjs: option "upgradeTimeout" is ${String(upgradeTimeout)}; it must be a number of ms from 1 to ${MAX_DELAY}`,
    );
  }
  const marked = server as UpgradeServer & UpgradingServer;
  marked[DETACH] ??= attach(marked, upgradeTimeout);
  return marked[DETACH];
}

function attach(server: UpgradeServer & UpgradingServer, timeout: number): () => void {
  const others = () => server.listeners('upgrade').filter((other) => other !== listener).length;
  // Node tells of upgrades only where somebody listens. The work is done in `emit`, before any listener is called:
  // others must not see what is ours, nor anything before that is known, however early they were added.
  const listener = () => {};
  server.on('upgrade', listener);

  const ownEmit = Object.hasOwn(server, 'emit');
  const emit = server.emit;
  const intercept = (...args: [event: string | symbol, ...unknown[]]): boolean => {
    if (args[0] !== 'upgrade' || server[DETACH] !== detach) {
      return Reflect.apply(emit, server, args);
    }
    const [, req, socket, head] = args as [unknown, IncomingMessage, Duplex, Buffer];
    // Stays whoever takes the socket over: a listener that ignores an upgrade leaves it with no other.
    socket.on('error', ignoreSocketError);
    const passOn = () => {
      closeUnlessTaken(socket, timeout);
      Reflect.apply(emit, server, args);
    };
    if (!isWebSocketRequest(req)) {
      if (previous === undefined || others() === 0) {
        whenIdle(socket, () => replay(server, req, socket, head));
      } else {
        // Whoever set shouldUpgradeCallback said yes to this one.
        passOn();
      }
    } else if (isCandidate(req) || others() === 0) {
      whenIdle(socket, () => dispatch(server, req, socket, head, { timeout, others, passOn }));
    } else {
      passOn();
    }
    return true;
  };
  server.emit = intercept;

  const previous = server.shouldUpgradeCallback;
  const shouldUpgrade = (req: IncomingMessage): boolean => {
    if (isCandidate(req) || (isWebSocketRequest(req) && others() === 0)) {
      return true;
    }
    // Node's own callback counts listeners. Ours must not count, and nobody's for what is no WebSocket.
    const listenerCount = () => (isWebSocketRequest(req) ? others() : 0);
    const view: Server = Object.create(server, { listenerCount: { value: listenerCount } });
    return previous?.call(view, req) === true;
  };
  if (previous !== undefined) {
    server.shouldUpgradeCallback = shouldUpgrade;
  }

  const detach = () => {
    if (server[DETACH] !== detach) {
      return;
    }
    server.off('upgrade', listener);
    delete server[DETACH];
    // Where somebody has wrapped ours in the meantime it stays, and lets everything through.
    if (server.emit === intercept) {
      if (ownEmit) {
        server.emit = emit;
      } else {
        Reflect.deleteProperty(server, 'emit');
      }
    }
    if (previous !== undefined && server.shouldUpgradeCallback === shouldUpgrade) {
      server.shouldUpgradeCallback = previous;
    }
  };
  return detach;
}

/** A WebSocket handshake is a GET (RFC 6455, 4.1); everything else that names the protocol is an ordinary request. */
function isWebSocketRequest(req: IncomingMessage): boolean {
  return req.method === 'GET' && hasToken(req.headers.upgrade, 'websocket');
}

/** Whether an upgrade may be for SockJS: all its WebSocket paths end alike. */
function isCandidate(req: IncomingMessage): boolean {
  return isWebSocketRequest(req) && pathOf(req.url ?? '').endsWith('/websocket');
}

/**
 * Gives a request that Node took for an upgrade back to the HTTP parser, less the header that made it one: Java's HTTP
 * client, for one, asks to upgrade to h2c with every first request.
 */
function replay(server: UpgradeServer, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  debugUpgrade('replaying %s %s as an ordinary request', req.method, req.url);
  let text = `${req.method} ${req.url} HTTP/${req.httpVersion}\r\n`;
  for (let i = 0; i + 1 < req.rawHeaders.length; i += 2) {
    const name = req.rawHeaders[i] ?? '';
    if (name.toLowerCase() !== 'upgrade') {
      text += `${name}: ${req.rawHeaders[i + 1]}\r\n`;
    }
  }
  // Node decodes headers as latin1, so this gives back the very bytes that came.
  socket.off('error', ignoreSocketError);
  socket.unshift(Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]));
  server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket);
}

/** What an upgrade needs to know of its server. */
interface DispatchContext {
  readonly timeout: number;
  /** How many other listeners there are for upgrades. */
  others(): number;
  /** Gives the event to them. */
  passOn(): void;
}

/** Runs an upgrade through the `request` listeners of its server, with a response that decides what becomes of it. */
function dispatch(
  server: UpgradeServer,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { timeout, others, passOn }: DispatchContext,
): void {
  const url = req.url;
  const res = new ServerResponse(req);
  // Informational answers have no place before a 101, and are no decision. Own properties, since Express gives the
  // response another prototype.
  const skip = (...args: unknown[]) => {
    const callback = args.at(-1);
    if (typeof callback === 'function') {
      callback();
    }
  };
  Object.assign(res, { writeContinue: skip, writeProcessing: skip, writeEarlyHints: skip });
  res.shouldKeepAlive = false;
  let decided = false;

  const decide = () => {
    decided = true;
    clearTimeout(timer);
  };

  /** Called with the first bytes of an answer; returns whether they are the client's. */
  const isAnswer = () => {
    if (decided) {
      return false;
    }
    const refusal = res.statusCode >= 300 && res.statusCode !== 404;
    decide();
    socket.off('close', onSocketClose);
    debugUpgrade('%s: the application answered %d', url, res.statusCode);
    if (refusal || others() === 0) {
      return true;
    }
    // As it came, whatever the frameworks made of it on the way.
    if (url !== undefined) {
      req.url = url;
    }
    passOn();
    return false;
  };

  const answer = new AnswerSocket(socket, isAnswer);

  const onSocketClose = () => {
    decide();
    debugUpgrade('%s: the client left', url);
    answer.destroy();
    req.destroy();
  };
  socket.on('close', onSocketClose);

  let timer: NodeJS.Timeout | undefined;
  const onTimeout = () => {
    decide();
    debugUpgrade('%s: nobody decided in time', url);
    socket.off('close', onSocketClose);
    answerUnavailable(socket);
    answer.abandon();
    // Not at once: that would destroy the socket, too.
    socket.on('close', () => req.destroy());
  };

  const upgrade: PendingUpgrade = {
    head,
    claim: () => {
      if (decided) {
        return undefined;
      }
      decide();
      debugUpgrade('%s: taken over', url);
      return socket;
    },
    finish: () => {
      socket.off('close', onSocketClose);
      clearPendingUpgrade(req);
      res.writeHead(101);
      res.end();
      return headerLines(res);
    },
  };
  setPendingUpgrade(req, upgrade);

  res.on('finish', () => {
    res.detachSocket(answer as unknown as NonNullable<ServerResponse['socket']>);
    answer.end();
    // As Node does for the responses that it has made itself.
    res.destroyed = true;
    process.nextTick(() => {
      res.emit('close');
      dropResponse(req, res);
    });
  });
  res.assignSocket(answer as unknown as NonNullable<ServerResponse['socket']>);
  try {
    server.emit('request', req, res);
  } finally {
    // Most are decided by now, and need no timer.
    if (!decided) {
      timer = setTimeout(onTimeout, timeout);
    }
  }
}

/** Calls back when the answers to earlier requests on a connection have been written. */
function whenIdle(socket: Duplex & { _httpMessage?: ServerResponse | null }, callback: () => void): void {
  if (socket._httpMessage) {
    socket._httpMessage.once('close', () => whenIdle(socket, callback));
  } else if (socket.writable) {
    callback();
  }
}

/** Other listeners may all ignore an upgrade, and Node has no time limit for it. */
function closeUnlessTaken(socket: Duplex & { bytesWritten?: number }, timeout: number): void {
  const written = socket.bytesWritten;
  const timer = setTimeout(() => {
    if (socket.readableFlowing === null && socket.bytesWritten === written) {
      answerUnavailable(socket);
    }
  }, timeout);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}

/** Says that nobody decided in time, without a response that could say it. */
function answerUnavailable(socket: Duplex): void {
  socket.write('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  closeGently(socket);
}

/** Closes a socket once what was written has left, and without a reset that could overtake it. */
function closeGently(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), LINGER);
  socket.on('close', () => clearTimeout(timer));
  socket.resume();
  socket.end();
}

/** What middleware has set and a handshake may carry. */
function headerLines(res: ServerResponse): string[] {
  const lines: string[] = [];
  for (const [name, value] of Object.entries(res.getHeaders())) {
    if (value === undefined || NOT_OF_HANDSHAKES.test(name)) {
      continue;
    }
    for (const one of Array.isArray(value) ? value : [value]) {
      lines.push(`${name}: ${one}`);
    }
  }
  return lines;
}

/** Headers that the handshake has in its own way, or that belong to answers with a body. */
const NOT_OF_HANDSHAKES = /^(connection|upgrade|date|transfer-encoding|content-.*|sec-websocket-.*)$/;

/**
 * What the response to an upgrade writes to in place of the connection: at the first byte it asks whether the answer is
 * for the client, then writes through or throws away.
 */
class AnswerSocket extends Duplex {
  readonly #target: Duplex;
  readonly #isAnswer: () => boolean;
  #writesThrough: boolean | undefined;

  constructor(target: Duplex, isAnswer: () => boolean) {
    super();
    this.#target = target;
    this.#isAnswer = isAnswer;
    this.on('error', ignoreSocketError);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#writesThrough === undefined) {
      this.#writesThrough = this.#isAnswer();
      if (this.#writesThrough) {
        this.#target.resume();
        this.#target.on('close', () => this.destroy());
        this.#target.on('end', () => this.destroy());
      }
    }
    if (this.#writesThrough) {
      this.#target.write(chunk, callback);
    } else {
      callback();
    }
  }

  override _read(): void {}

  override _final(callback: (error?: Error | null) => void): void {
    if (this.#writesThrough) {
      closeGently(this.#target);
    }
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#writesThrough !== false && !this.writableFinished) {
      // The answer was cut short, by the client or by the application.
      this.#target.destroy();
    }
    callback(error);
  }

  /** Throws away whatever may still come; the connection is no longer this answer's to close. */
  abandon(): void {
    this.#writesThrough = false;
    this.destroy();
  }

  /** What middleware may ask of a socket, and a connection that is being upgraded keeps as it is. */
  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  get remoteAddress(): string | undefined {
    return (this.#target as Duplex & { remoteAddress?: string }).remoteAddress;
  }

  get encrypted(): boolean {
    return 'encrypted' in this.#target;
  }
}
