/**
 * Tells whether the methods of a WebSocket are those of ws and of Node. Direct writes and direct reads skip some of
 * them. Where monitoring has replaced one, it must be called.
 *
 * Bypass: methods that ws does not document are read, to see whether they are replaced.
 */
import { EMIT, ON, pristine } from '../../util/pristine.ts';
import { Receiver, Sender, WebSocket } from '../../util/ws.ts';

const sender = Sender?.prototype;
const receiver = Receiver?.prototype;

// The marks are in the source text of ws 8.23. They are names of properties, which bundlers do not shorten.
const SEND = pristine(WebSocket.prototype.send, '._sender.send(');
const SENDER_SEND = pristine(sender?.send, '._firstFragment');
const DISPATCH = pristine(sender?.dispatch, '._bufferedBytes');
const FRAME = pristine(Sender?.frame, '.generateMask(');
const SEND_FRAME = pristine(sender?.sendFrame, '._socket.uncork()');

/** Whether every method that a direct write of a message skips is that of ws. */
export function isSendPristine(webSocket: WebSocket): boolean {
  return (
    webSocket.send === SEND &&
    sender?.send === SENDER_SEND &&
    sender?.dispatch === DISPATCH &&
    Sender?.frame === FRAME &&
    sender?.sendFrame === SEND_FRAME
  );
}

/** Whether every method that a direct read of a message skips is that of Node's `EventEmitter`. */
export function isReceivePristine(webSocket: WebSocket): boolean {
  return webSocket.emit === EMIT && webSocket.on === ON && receiver?.emit === EMIT && receiver?.on === ON;
}
