/** Which upgrade requests may be for a SockJS endpoint. */
import type { IncomingMessage } from 'node:http';
import { pathOf } from '../http/query.ts';
import { hasToken } from '../http/tokens.ts';

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
