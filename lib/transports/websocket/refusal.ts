/**
 * Notes the status by which ws refuses a handshake, for subscribers of `sockjs:request`.
 *
 * Bypass: the connection gets an `end` of its own until ws has decided.
 *
 * What: `end` looks at the first text that it is given, then calls the method that was there.
 *
 * Why: ws writes the response to a malformed handshake, and to one that `verifyClient` refuses, to the connection. It
 * emits no event then: a listener for `wsClientError` would have to answer in its place.
 *
 * Guard: only for requests that are reported, so only where the channel has subscribers.
 *
 * Off: the function that `noteRefusal` returns, which is called when the WebSocket is open.
 */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { noteStatus } from '../../http/report.ts';

/** Notes the status on `res` when an engine ends `stream` with a response. Returns a function that undoes it. */
export function noteRefusal(stream: Duplex, res: ServerResponse): () => void {
  const hadOwnEnd = Object.hasOwn(stream, 'end');
  const { end } = stream;
  stream.end = function (this: Duplex, ...args: unknown[]) {
    const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(String(args[0])) ?? [];
    if (status !== undefined) {
      noteStatus(res, Number(status));
    }
    return Reflect.apply(end, this, args);
  };
  return () => {
    if (hadOwnEnd) {
      stream.end = end;
    } else {
      Reflect.deleteProperty(stream, 'end');
    }
  };
}
