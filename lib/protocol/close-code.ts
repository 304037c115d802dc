/** The close codes in use, by name (docs/protocol.md, section 11), and the rules about which may go where. */

import { withHelp } from '../util/help.ts';
import { MAX_REASON_BYTES } from './limits.ts';

/**
 * The close codes that the server gives by itself. An application may use these, and codes of its own from 3000 to
 * 4999.
 *
 * `Normal` is the default of `session.close()`. `Abnormal` and `NoStatus` only occur in `close` events; they never
 * travel.
 */
export const CloseCode = {
  /** The session has served its purpose. */
  Normal: 1000,
  /** The server shuts down. */
  GoingAway: 1001,
  /** A receiving request was lost, or the client sent no other within `disconnectDelay`. */
  Interrupted: 1002,
  /** The client sent a binary message on a WebSocket. SockJS carries text only. */
  UnsupportedData: 1003,
  /** The client closed its WebSocket without a code. */
  NoStatus: 1005,
  /** A WebSocket ended without a closing handshake. */
  Abnormal: 1006,
  /** The client sent a WebSocket message that the protocol does not allow. */
  InvalidPayload: 1007,
  /** The client sent a WebSocket message that is larger, or holds more messages, than the limits allow. */
  MessageTooBig: 1009,
  /** `onSession` or a listener of the application threw. */
  InternalError: 1011,
  /**
   * With the option `cluster`: the process that held the session is gone, or messages may have been lost between
   * processes.
   */
  SessionLost: 1012,
  /** The client reads too slowly for `maxSendBuffer`, or the application for `receiveStallTimeout`. */
  TryAgainLater: 1013,
  /** Another receiving request of this session is open. */
  AnotherConnection: 2010,
} as const;

/** A close code with the reason that goes with it. */
interface Close {
  readonly code: number;
  readonly reason: string;
}

/** The closes that the server itself gives, as clients see them (docs/protocol.md, section 11). */
export const CLOSES = {
  normal: closeOf(CloseCode.Normal, 'Normal closure'),
  goingAway: closeOf(CloseCode.GoingAway, 'Server shutting down'),
  interrupted: closeOf(CloseCode.Interrupted, 'Connection interrupted'),
  internalError: closeOf(CloseCode.InternalError, 'Internal error'),
  sessionLost: closeOf(CloseCode.SessionLost, 'Session lost'),
  slowConsumer: closeOf(CloseCode.TryAgainLater, 'Slow consumer'),
  notRead: closeOf(CloseCode.TryAgainLater, 'Messages are not read'),
  anotherConnection: closeOf(CloseCode.AnotherConnection, 'Another connection still open'),
} as const;

/** Frozen: all sessions share it. */
function closeOf(code: number, reason: string): Close {
  return Object.freeze({ code, reason });
}

/** Codes between 1000 and 4999 that RFC 6455 reserves for reports to the application. They never travel. */
const REPORT_ONLY = new Set([1004, 1005, 1006, 1015]);

/**
 * The close that an application asks for. Without a code it is the normal one; a code without a reason has an empty one.
 *
 * @throws as `assertClosable()`
 */
export function closeFrom(code: number | undefined, reason: string | undefined): Close {
  const close = {
    code: code ?? CLOSES.normal.code,
    reason: reason ?? (code === undefined ? CLOSES.normal.reason : ''),
  };
  assertClosable(close.code, close.reason);
  return close;
}

/**
 * Checks the code and the reason that an application gives to close a session.
 *
 * @throws RangeError for a code outside 1000–4999 or one that may only be reported, and for a reason over 123 bytes
 * @throws TypeError for a reason that is not a string
 */
export function assertClosable(code: number, reason: string): void {
  if (!Number.isInteger(code) || code < 1000 || code > 4999 || REPORT_ONLY.has(code)) {
    throw withHelp(
      'a-session-cannot-be-closed-with-this-code',
      new RangeError(
        `sockjs: a session cannot be closed with code ${String(code)}; ` +
          'use an integer from 1000 to 4999 other than 1004, 1005, 1006 and 1015 (3000-4999 are yours)',
      ),
    );
  }
  if (typeof reason !== 'string') {
    throw withHelp(
      'the-reason-of-a-close',
      new TypeError(`sockjs: the reason of a close must be a string, not ${typeof reason}`),
    );
  }
  if (Buffer.byteLength(reason) > MAX_REASON_BYTES) {
    throw withHelp(
      'the-reason-of-a-close',
      new RangeError(`sockjs: the reason of a close may have at most ${MAX_REASON_BYTES} bytes of UTF-8`),
    );
  }
}

/**
 * The code for the close frame of the WebSocket itself. 1016–2999 may not travel in it, so they become 1000
 * (docs/protocol.md, section 9).
 */
export function webSocketCloseCode(code: number): number {
  return code >= 1016 && code <= 2999 ? CloseCode.Normal : code;
}
