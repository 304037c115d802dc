/**
 * How WebSockets are closed. ws takes only valid codes and reasons of at most 123 bytes, npm sockjs takes others for the
 * close frame of SockJS. The copy of ws in the package is its own, so that its method may be replaced.
 */
import { WebSocket } from 'ws';

const MAX_REASON_BYTES = 123;

const { close } = WebSocket.prototype;

/** Whether the next close is one of SockJS: the close frame before has told code and reason. */
let isFramed = false;

/** Runs what closes a WebSocket with SockJS frames: the WebSocket itself is closed with 1000, as npm sockjs does. */
export function closeFramed<Result>(run: () => Result): Result {
  isFramed = true;
  try {
    return run();
  } finally {
    isFramed = false;
  }
}

/**
 * The code by which a raw WebSocket is closed.
 *
 * @throws Error for a code that npm sockjs takes on no raw WebSocket
 */
export function rawCode(given: unknown): number {
  const code = Number.isNaN(given) ? 1000 : Number(given);
  if (code !== 1000 && !(code >= 3000 && code <= 4999)) {
    throw new Error(`a raw WebSocket can be closed with 1000 and with 3000 to 4999, not with ${given}`);
  }
  return code;
}

/**
 * The reason by which a raw WebSocket is closed.
 *
 * @throws TypeError for what npm sockjs makes no reason of
 */
export function rawReason(given: unknown): string {
  if (!given) {
    return '';
  }
  if (typeof given === 'string' || typeof given === 'number') {
    return String(given);
  }
  if (Array.isArray(given) || given instanceof Uint8Array) {
    return Buffer.from(given).toString();
  }
  throw new TypeError(`the reason for a raw WebSocket is a string, not of the type ${typeof given}`);
}

WebSocket.prototype.close = function (code?: number, reason?: string | Buffer): void {
  if (isFramed) {
    close.call(this, 1000, 'Normal closure');
  } else {
    close.call(this, code, reason === undefined ? reason : shortened(reason));
  }
};

/** The beginning of a reason, without half a character at its end. */
function shortened(reason: string | Buffer): string | Buffer {
  const bytes = Buffer.from(reason);
  if (bytes.length <= MAX_REASON_BYTES) {
    return reason;
  }
  const text = bytes.toString('utf8', 0, MAX_REASON_BYTES);
  return text.replace(/\ufffd+$/, '');
}
