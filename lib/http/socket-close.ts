/**
 * The end of a connection, for the requests that are pipelined on it. Node finds the `close` listener that it removes by
 * linear search and warns of more than ten, so one listener serves all of them.
 */
import type { Socket } from 'node:net';

const callbacksOf = new WeakMap<Socket, Set<() => void>>();

/** Has `callback` called when the socket closes. Adding the same one again changes nothing. */
export function onSocketClose(socket: Socket, callback: () => void): void {
  let callbacks = callbacksOf.get(socket);
  if (callbacks === undefined) {
    callbacks = new Set();
    callbacksOf.set(socket, callbacks);
    // Stays with the socket: a client that pipelines once is likely to do so again.
    socket.on('close', callAll);
  }
  callbacks.add(callback);
}

/** Takes back what `onSocketClose` was given; does nothing for any other function. */
export function offSocketClose(socket: Socket, callback: () => void): void {
  callbacksOf.get(socket)?.delete(callback);
}

function callAll(this: Socket): void {
  for (const callback of callbacksOf.get(this) ?? []) {
    callback();
  }
}
