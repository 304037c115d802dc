/** An upgrade as Node emits it, and whether it may be for a SockJS endpoint. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { pathOf } from '../http/query.ts';
import { hasToken } from '../http/tokens.ts';

/** The arguments of the event `upgrade`. */
export interface Upgrade {
  readonly req: IncomingMessage;
  /** The connection. Where a request has a body that has not come whole, some versions of Node wrap the connection. */
  readonly socket: Duplex;
  /** Bytes that the client sent behind its request. */
  readonly head: Buffer;
}

/**
 * A WebSocket handshake is a GET (RFC 6455, section 4.1). All else that asks for the protocol is an ordinary request.
 */
export function isWebSocketRequest(req: IncomingMessage): boolean {
  return req.method === 'GET' && hasToken(req.headers.upgrade, 'websocket');
}

/** Whether a request may be for a SockJS endpoint: the path of every WebSocket route ends in `/websocket`. */
export function isCandidate(req: IncomingMessage): boolean {
  return isWebSocketRequest(req) && pathOf(req.url ?? '').endsWith('/websocket');
}
