/**
 * Bypass: `socket._httpMessage` is read, where Node keeps the response that it is writing on a connection.
 *
 * Why: an upgrade may follow pipelined requests. Node emits it while the responses to those have not left, and offers
 * no other way to see them. Without this, the handshake would be written in the middle of an earlier response.
 *
 * Guard: where a runtime has no `_httpMessage`, the connection counts as idle.
 *
 * Off: nothing is changed, so nothing is undone.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { debugUpgrade } from '../util/debug.ts';
import { DeadlineTimer } from '../util/timer-queue.ts';
import type { UpgradeTime } from './sockets.ts';
import { WaitingClient } from './waiting-client.ts';

type Connection = Duplex & { _httpMessage?: ServerResponse | null; setTimeout?(ms: number): unknown };

/**
 * Calls back when the connection of an upgrade is idle: at once, or when all responses to earlier requests have left.
 * The client may have received all of a response, by its Content-Length, before the application ends it.
 *
 * Destroys the connection where the responses take longer than `timeout` ms, or where the client leaves meanwhile. Node
 * does not read any more for an earlier response, which may be a poll that waits for messages.
 */
export function whenIdle(req: IncomingMessage, socket: Duplex, time: UpgradeTime, callback: () => void): void {
  const connection: Connection = req.socket;
  if (connection._httpMessage) {
    waitForAnswers(req, connection, socket === connection, time, callback);
  } else {
    callback();
  }
}

/** @param reads whether the bytes of the connection are those of the WebSocket */
function waitForAnswers(
  req: IncomingMessage,
  connection: Connection,
  reads: boolean,
  { timers, timeout }: UpgradeTime,
  callback: () => void,
): void {
  const client = new WaitingClient(connection, reads);
  const timer = new DeadlineTimer(timers, {
    onTimer: () => {
      debugUpgrade('%s: an earlier answer has not ended in time', req.url);
      connection.destroy();
    },
  });
  timer.limit(timeout);
  const onClose = () => timer.clear();
  connection.once('close', onClose);
  const wait = () => {
    if (connection.destroyed) {
      return;
    }
    if (connection._httpMessage) {
      connection._httpMessage.once('close', wait);
      return;
    }
    connection.off('close', onClose);
    timer.clear();
    client.release();
    // Node has set the time limit of an idle connection, which a request that is replayed would not end.
    connection.setTimeout?.(0);
    // The last response may have closed the connection.
    if (connection.writable) {
      callback();
    }
  };
  wait();
}
