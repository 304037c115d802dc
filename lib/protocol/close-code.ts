/** The close codes in use, by name (PROTOCOL.md section 11), and the rules about which may be sent where. */

/**
 * Close codes that the server itself gives. An application may use these and any of its own from 3000 to 4999.
 *
 * `Normal` is the default of `session.close()`. `Abnormal` and `NoStatus` are only ever reported, never sent.
 */
export const CloseCode = {
  /** The session did its work. */
  Normal: 1000,
  /** The server shuts down. */
  GoingAway: 1001,
  /** A receiver broke off, or none came back within `disconnectDelay`. */
  Interrupted: 1002,
  /** A binary message came on a WebSocket; SockJS carries text only. */
  UnsupportedData: 1003,
  /** The WebSocket client closed without naming a code. */
  NoStatus: 1005,
  /** A WebSocket ended without a closing handshake. */
  Abnormal: 1006,
  /** A WebSocket message was not what the protocol allows. */
  InvalidPayload: 1007,
  /** A WebSocket message was larger, or held more messages, than the limits allow. */
  MessageTooBig: 1009,
  /** `onSession` or a listener of the application threw. */
  InternalError: 1011,
  /** The client reads, or the application takes, too slowly for the limits on what is held for it. */
  TryAgainLater: 1013,
  /** Another request is already receiving for this session. */
  AnotherConnection: 2010,
} as const;

/** What a WebSocket close frame can carry, in bytes of UTF-8, once the code has taken its two (RFC 6455, 5.5). */
const MAX_REASON_BYTES = 123;

/** Codes between 1000 and 4999 that RFC 6455 reserves for reporting: they never travel. */
const REPORT_ONLY = new Set([1004, 1005, 1006, 1015]);

/**
 * Checks what an application wants to close a session with.
 *
 * @throws RangeError for a code outside 1000–4999, one that may only be reported, or a reason over 123 bytes
 * @throws TypeError for a reason that is no string
 */
export function assertClosable(code: number, reason: string): void {
  if (!Number.isInteger(code) || code < 1000 || code > 4999 || REPORT_ONLY.has(code)) {
    throw new RangeError(
      `sockjs: a session cannot be closed with code ${String(code)}; ` +
        'use an integer from 1000 to 4999 other than 1004, 1005, 1006 and 1015 (3000-4999 are yours)',
    );
  }
  if (typeof reason !== 'string') {
    throw new TypeError(`sockjs: the reason of a close must be a string, not ${typeof reason}`);
  }
  if (Buffer.byteLength(reason) > MAX_REASON_BYTES) {
    throw new RangeError(`sockjs: the reason of a close may have at most ${MAX_REASON_BYTES} bytes of UTF-8`);
  }
}

/** The code for the WebSocket's own close frame: 1016–2999 may not travel there, so they become 1000 (section 9). */
export function webSocketCloseCode(code: number): number {
  return code >= 1016 && code <= 2999 ? CloseCode.Normal : code;
}
