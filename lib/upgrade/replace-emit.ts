/**
 * Bypass: `server.emit` is replaced by a function that handles the event `upgrade` itself.
 *
 * What: `emit` of one server becomes an own property of that server. All other events go to the `emit` that was there.
 *
 * Why: it is no matter of speed. Other `upgrade` listeners must not see an upgrade that SockJS takes, nor any upgrade
 * before that is decided. A listener can hold an event back from the listeners behind it, but not from those before it.
 *
 * Guard: only the event `upgrade` is handled; the listeners of other packages get it through `emitToListeners`.
 *
 * Off: the function that `replaceEmit` returns puts `emit` back. Where another package has wrapped the new `emit`
 * since, it stays in place and lets every event through.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { UpgradeServer } from './server.ts';

/** Handles an upgrade. `emitToListeners` emits the event as it would have been. */
export type OnUpgrade = (req: IncomingMessage, socket: Duplex, head: Buffer, emitToListeners: () => void) => void;

/**
 * Has `onUpgrade` called for each upgrade of a server, before any listener.
 *
 * @returns a function that undoes it
 */
export function replaceEmit(server: UpgradeServer, onUpgrade: OnUpgrade): () => void {
  const hadOwnEmit = Object.hasOwn(server, 'emit');
  const { emit } = server;
  let isReplaced = true;
  const emitUpgrade = (...args: [event: string | symbol, ...unknown[]]): boolean => {
    if (args[0] !== 'upgrade' || !isReplaced) {
      return Reflect.apply(emit, server, args);
    }
    onUpgrade(args[1] as IncomingMessage, args[2] as Duplex, args[3] as Buffer, () => {
      Reflect.apply(emit, server, args);
    });
    return true;
  };
  server.emit = emitUpgrade;
  return () => {
    isReplaced = false;
    if (server.emit !== emitUpgrade) {
      return;
    }
    if (hadOwnEmit) {
      server.emit = emit;
    } else {
      Reflect.deleteProperty(server, 'emit');
    }
  };
}
