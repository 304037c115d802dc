/**
 * Tells pipelined requests that their connection has closed. Node removes a listener by linear search, and warns of
 * more than ten on one emitter. So one `close` listener serves all requests of a connection.
 */
import type { Socket } from 'node:net';

const callbacksOf = new WeakMap<Socket, Set<() => void>>();

/** Has `callback` called once, when the socket closes. A second call with the same callback changes nothing. */
export function onSocketClose(socket: Socket, callback: () => void): void {
  let callbacks = callbacksOf.get(socket);
  if (callbacks === undefined) {
    callbacks = new Set();
    callbacksOf.set(socket, callbacks);
    // Never removed: a client that has pipelined once is likely to do so again.
    socket.on('close', callAll);
  }
  callbacks.add(callback);
}

/** Undoes `onSocketClose`. Does nothing for a callback that was not added. */
export function offSocketClose(socket: Socket, callback: () => void): void {
  callbacksOf.get(socket)?.delete(callback);
}

function callAll(this: Socket): void {
  for (const callback of callbacksOf.get(this) ?? []) {
    callback();
  }
}
