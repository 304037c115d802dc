/**
 * The ws engine of an endpoint: its limits, the headers of its 101 responses, and which messages are read without ws.
 */
import type { IncomingMessage } from 'node:http';
import { isWebSocketServer, type ResolvedOptions } from '../../options/options.ts';
import { pendingUpgrade } from '../../upgrade/pending-upgrade.ts';
import { MAX_DELAY } from '../../util/timer-queue.ts';
import { WebSocket, WebSocketServer } from '../../util/ws.ts';

/**
 * ws closes with 1008 when one message comes in more fragments, or in more chunks, than this: each costs memory beyond
 * its bytes. A message of `maxMessageSize` may always come in pieces of 256 bytes.
 */
const MIN_PIECES = 16_384;
const SMALLEST_PIECE = 256;

/** Keeps ws from cutting a closing WebSocket. keepalive.ts does so, by how much the client has still to read. */
const NO_CLOSE_TIMEOUT = MAX_DELAY;

/**
 * Messages up to this many bytes are read without ws from the WebSockets of an engine; 0 where the engine may handle
 * messages in a way that this package does not know. An application may give one engine to several endpoints.
 */
export const maxBypassBytesOf = new WeakMap<WebSocketServer, number>();

/**
 * Returns the engine for the option `websocketServer`: the engine that the application gave, or a new one with the
 * settings that it gave. The 101 responses of the engine carry the headers that middleware has set.
 */
export function webSocketServerOf<Data, Req extends IncomingMessage>({
  websocketServer: option,
  maxMessageSize,
}: Pick<ResolvedOptions<Data, Req>, 'websocketServer' | 'maxMessageSize'>): WebSocketServer {
  if (isWebSocketServer(option)) {
    prepare(option, 0);
    return option;
  }
  const pieces = Math.max(MIN_PIECES, Math.ceil(maxMessageSize / SMALLEST_PIECE));
  // An object of its own: the types of ws do not know all of them, and would refuse a literal in the call.
  const limits = {
    // ws takes 0 for no limit.
    maxPayload: maxMessageSize || 1,
    maxFragments: pieces,
    maxBufferedChunks: pieces,
    closeTimeout: NO_CLOSE_TIMEOUT,
  };
  const engine = new WebSocketServer({
    perMessageDeflate: false,
    ...limits,
    ...option,
    clientTracking: false,
    noServer: true,
  });
  const { maxPayload = 0, allowSynchronousEvents, WebSocket: Class } = engine.options;
  // A class of the application may override methods. Without synchronous events, ws emits one message a turn.
  const isStandard = allowSynchronousEvents !== false && Class === WebSocket;
  prepare(engine, isStandard ? Math.min(maxPayload || Number.POSITIVE_INFINITY, maxMessageSize) : 0);
  return engine;
}

function prepare(engine: WebSocketServer, maxBypassBytes: number): void {
  if (!maxBypassBytesOf.has(engine)) {
    maxBypassBytesOf.set(engine, maxBypassBytes);
    engine.on('headers', (lines, req) => {
      for (const line of pendingUpgrade(req)?.finish() ?? []) {
        lines.push(line);
      }
    });
  }
}
