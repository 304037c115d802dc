/**
 * Tells the subscribers of `sockjs:request` when the answer to a request has ended.
 *
 * Nothing is added to a request or a response that arrives while the channel has no subscribers.
 */
import type { ServerResponse } from 'node:http';
import { hasRequestSubscribers, publishRequest } from '../metrics.ts';
import type { MaybeExpressRequest } from './express.ts';
import { offSocketClose, onSocketClose } from './socket-close.ts';

/** How many listeners for `close` a response has whose end is to be reported. */
const REPORT_LISTENERS = 1;

const IS_REPORTED = Symbol('express-sockjs.is-reported');
const SENT_STATUS = Symbol('express-sockjs.sent-status');

interface ReportedResponse extends ServerResponse {
  [IS_REPORTED]?: true;
  [SENT_STATUS]?: number;
}

/** Publishes a request once its answer has ended, or its client has left. A second call for it does nothing. */
export function reportWhenEnded(req: MaybeExpressRequest, res: ReportedResponse): void {
  if (res[IS_REPORTED]) {
    return;
  }
  res[IS_REPORTED] = true;
  const { socket } = req;
  // Pipelined: until it is the turn of this response, Node does not tell it of the end of its connection.
  const isPipelined = req.httpVersionMajor === 1 && res.socket === null;
  const report = () => {
    res.off('close', report);
    if (isPipelined) {
      offSocketClose(socket, report);
    }
    publishRequest({
      request: req,
      method: req.method ?? '',
      path: req.originalUrl ?? req.url ?? '',
      status: res[SENT_STATUS] ?? statusOf(res, isPipelined),
    });
  };
  if (res.closed || (isPipelined && socket.destroyed)) {
    report();
    return;
  }
  res.on('close', report);
  if (isPipelined) {
    onSocketClose(socket, report);
  }
}

/** The status that was sent. The head of a response that waited for its turn until the end was written, not sent. */
function statusOf(res: ServerResponse, isPipelined: boolean): number | undefined {
  const hadTurn = !isPipelined || res.socket !== null || res.writableFinished;
  return res.headersSent && hadTurn ? res.statusCode : undefined;
}

/** The number of listeners for `close` that `reportWhenEnded` has added to a response and that are there still. */
export function reportListeners(res: ReportedResponse): number {
  return hasRequestSubscribers() && res[IS_REPORTED] ? REPORT_LISTENERS : 0;
}

/** Whether `reportWhenEnded` was called for a response. */
export function isReported(res: ReportedResponse): boolean {
  return res[IS_REPORTED] === true;
}

/** Notes the status that the client gets where it is not sent by way of the response. */
export function noteStatus(res: ReportedResponse, status: number): void {
  res[SENT_STATUS] = status;
}
