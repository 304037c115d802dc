/** The ws engine of an endpoint. */
import type { IncomingMessage } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { isWebSocketServer, MAX_DELAY, type ResolvedOptions } from '../../options/options.ts';
import { pendingUpgrade } from '../../upgrade/pending-upgrade.ts';

/**
 * Fragments of one message, and chunks that one message may arrive in, that ws holds before it gives up (1008). Each
 * costs memory beyond its bytes. A message of the largest size may always come in pieces of 256 bytes.
 */
const MIN_PIECES = 16_384;
const SMALLEST_PIECE = 256;

/** ws is to leave the time limit on closing to us, which is by the size of what the client has still to take. */
const NO_CLOSE_TIMEOUT = MAX_DELAY;

/** The engine that an option asks for; headers that middleware has set go onto its 101 answers. */
export function webSocketServerOf<Data, Req extends IncomingMessage>({
  websocketServer: option,
  maxMessageSize,
}: Pick<ResolvedOptions<Data, Req>, 'websocketServer' | 'maxMessageSize'>): WebSocketServer {
  // To ws, 0 would mean no limit.
  const pieces = Math.max(MIN_PIECES, Math.ceil(maxMessageSize / SMALLEST_PIECE));
  const limits = {
    maxPayload: maxMessageSize || 1,
    maxFragments: pieces,
    maxBufferedChunks: pieces,
    closeTimeout: NO_CLOSE_TIMEOUT,
  };
  if (isWebSocketServer(option)) {
    prepare(option, 0);
    return option;
  }
  const engine = new WebSocketServer({
    perMessageDeflate: false,
    ...limits,
    ...option,
    clientTracking: false,
    noServer: true,
  });
  const { maxPayload = 0, allowSynchronousEvents, WebSocket: Custom } = engine.options;
  const isUsual = allowSynchronousEvents !== false && Custom === WebSocket;
  prepare(engine, isUsual ? Math.min(maxPayload || Number.POSITIVE_INFINITY, maxMessageSize) : 0);
  return engine;
}

function prepare(engine: WebSocketServer, maxBypassBytes: number): void {
  if (!maxBypassBytesOf.has(engine)) {
    maxBypassBytesOf.set(engine, maxBypassBytes);
    engine.on('headers', (lines, req) => {
      lines.push(...(pendingUpgrade(req)?.finish() ?? []));
    });
  }
}

/**
 * Up to which size we read the messages of an engine's WebSockets without ws; 0 where it may do something about them that
 * is not known here. An application may give the same engine to several mounts.
 */
export const maxBypassBytesOf = new WeakMap<WebSocketServer, number>();
