/** Runs an upgrade through the request handling of its server. */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { dropResponse } from '../http/express.ts';
import { debugUpgrade } from '../util/debug.ts';
import { DeadlineTimer } from '../util/timer-queue.ts';
import { clearPendingUpgrade, type PendingUpgrade, setPendingUpgrade } from './pending-upgrade.ts';
import { ResponseSocket } from './response-socket.ts';
import type { UpgradeServer } from './server.ts';
import { answerAndClose, type UpgradeTime } from './sockets.ts';
import { WaitingClient } from './waiting-client.ts';

/** What an upgrade needs to know of its server. */
export interface DispatchContext extends UpgradeTime {
  /** How many other listeners there are for upgrades. */
  countOtherListeners(): number;
  /** Gives the event to them. */
  emitToOtherListeners(): void;
}

/** Runs an upgrade through the `request` listeners of its server, with a response that decides what becomes of it. */
export function dispatch(
  server: UpgradeServer,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { timers, timeout, countOtherListeners, emitToOtherListeners }: DispatchContext,
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

  /** `claimed` lasts until the handshake has been answered: `verifyClient` of an application may take its time. */
  let state: 'undecided' | 'claimed' | 'settled' = 'undecided';
  let timer: DeadlineTimer | undefined;
  let client: WaitingClient | undefined;

  const isPending = () => state !== 'settled';
  const settle = () => {
    state = 'settled';
    timer?.clear();
    client?.release();
  };

  /** Called with the first bytes of an answer; returns whether they are the client's. */
  const shouldForward = () => {
    if (state !== 'undecided') {
      return false;
    }
    const refusal = res.statusCode >= 300 && res.statusCode !== 404;
    settle();
    socket.off('close', onSocketClose);
    debugUpgrade('%s: the application answered %d', url, res.statusCode);
    if (refusal || countOtherListeners() === 0) {
      return true;
    }
    // As it came; frameworks may have changed it on the way.
    if (url !== undefined) {
      req.url = url;
    }
    emitToOtherListeners();
    return false;
  };

  const answer = new ResponseSocket(socket, timers, shouldForward);

  const onSocketClose = () => {
    settle();
    debugUpgrade('%s: the client left', url);
    answer.destroy();
    req.destroy();
  };
  socket.on('close', onSocketClose);

  const refuse = () => {
    if (!isPending()) {
      return;
    }
    settle();
    socket.off('close', onSocketClose);
    // An engine that decides later finds a socket that cannot be written any more.
    answerAndClose(socket, 503, timers);
    answer.discard();
    // Not at once: that would destroy the socket, too.
    socket.on('close', () => req.destroy());
  };

  const upgrade: PendingUpgrade = {
    head,
    claim: () => {
      if (state !== 'undecided') {
        return undefined;
      }
      state = 'claimed';
      debugUpgrade('%s: taken over', url);
      return socket;
    },
    refuse,
    finish: () => {
      if (state === 'settled') {
        return [];
      }
      settle();
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
    // Most are settled by now, and need neither.
    if (isPending()) {
      timer = new DeadlineTimer(timers, {
        onTimer: () => {
          debugUpgrade('%s: not answered in time', url);
          refuse();
        },
      });
      timer.limit(timeout);
      // Where the handshake has a body, Node wraps the connection, and to read the wrapper would discard the body.
      client = new WaitingClient(socket, socket === req.socket);
    }
  }
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
