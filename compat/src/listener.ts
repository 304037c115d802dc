/** `Listener`: what one prefix answers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Session as InnerSession, type SockjsRouter, sockjs, upgradeHandler } from 'express-sockjs';
import { describe, endpointOptions } from './options.ts';
import { Paths, pathnameOf } from './paths.ts';
import { followReceivers, setLocation, withLocation } from './receivers.ts';
import { logAnswer, logUpgrade } from './request-log.ts';
import { type PathRequest, Session, type SessionServer } from './session.ts';
import { VERSION } from './version.ts';

/**
 * Answers a request, or an upgrade.
 *
 * @returns whether it was one of this listener
 */
export type Handler = {
  (req: IncomingMessage, res: ServerResponse | Duplex, head?: unknown): boolean;
  /** The handler itself, in what `middleware()` returns. */
  upgrade?: Handler;
};

/** A request with the properties that Express sets. */
type MountedRequest = PathRequest & { originalUrl?: string | undefined; baseUrl?: string | undefined };

/** The requests and upgrades of one prefix, which any number of HTTP servers may pass on. */
export class Listener {
  readonly options: SessionServer['options'];
  readonly #paths: Paths;
  readonly #router: SockjsRouter;
  readonly #upgrade: (req: IncomingMessage, socket: Duplex, head: Buffer) => void;

  constructor(server: SessionServer) {
    this.options = server.options;
    const { prefix, log } = server.options;
    this.#paths = new Paths(prefix);
    this.#router = sockjs(endpointOptions(server.options), (inner: InnerSession) => {
      const session = new Session(inner, server);
      followReceivers(inner, session);
      session.open();
    });
    this.#upgrade = upgradeHandler((req, res) => {
      logUpgrade(log, req);
      this.#answerHandshake(req, res);
    });
    log('debug', `SockJS v${VERSION} bound to ${JSON.stringify(prefix)}`);
  }

  /** Answers what is below the prefix. It needs no `this`. */
  readonly handler: Handler = (req, res, head) => {
    if (!this.#paths.owns(req.url ?? '')) {
      return false;
    }
    if ('writeHead' in res) {
      logAnswer(this.options.log, req, res);
      this.#answer(req, res);
    } else {
      // What is no handshake comes back as an ordinary request.
      this.#upgrade(req, res, Buffer.isBuffer(head) ? head : Buffer.alloc(0));
    }
    return true;
  };

  /** A function that answers requests and upgrades. */
  getHandler(): Handler {
    return (req, res, head) => this.handler(req, res, head);
  }

  /** Answers a WebSocket handshake. ws would take version 8 as well, a draft of RFC 6455. */
  #answerHandshake(req: IncomingMessage, res: ServerResponse): void {
    if (req.headers['sec-websocket-version'] === '8') {
      sendText(res, 400, 'Not a valid websocket request');
    } else {
      this.#answer(req, res);
    }
  }

  /** Has the endpoint answer. Listeners that come behind find the URL as it was. */
  #answer(req: MountedRequest, res: ServerResponse): void {
    const url = req.url ?? '';
    req.pathname = pathnameOf(url);
    const route = this.#paths.routeOf(req.pathname);
    if (route === undefined) {
      sendText(res, 404, NOT_FOUND);
      return;
    }
    setLocation(req, url, res);
    const query = url.indexOf('?');
    const { originalUrl, baseUrl } = req;
    req.originalUrl ??= url;
    req.url = (route || '/') + (query === -1 ? '' : url.slice(query));
    try {
      this.#router(req, res, (error?: unknown) => this.#answerLast(req, res, error));
    } finally {
      req.url = url;
      // The endpoint sets both where Express has not.
      req.originalUrl = originalUrl;
      req.baseUrl = baseUrl;
    }
  }

  /** Answers what the endpoint does not: a route that the options exclude, and what a function in an option throws. */
  #answerLast(req: IncomingMessage, res: ServerResponse, error: unknown): void {
    if (error !== undefined) {
      withLocation(req, () => {
        this.options.log('error', `Exception on "${req.method} ${req.url}": ${describe(error)}`);
      });
    }
    if (res.headersSent) {
      res.destroy();
    } else if (error === undefined) {
      sendText(res, 404, NOT_FOUND);
    } else {
      sendText(res, 500, '500 - Internal Server Error');
    }
  }
}

const NOT_FOUND = '404 Error: Page not found\n';

function sendText(res: ServerResponse, status: number, text: string): void {
  res.writeHead(status, { 'Content-Type': 'text/plain; charset=UTF-8' });
  res.end(text);
}
