/** How an upgrade request shows itself to the WebSocket endpoints: a symbol on the request, nothing else. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { debugUpgrade } from '../util/debug.ts';

/** An upgrade that runs through the request handling of its server and can be taken over on the way. */
export interface PendingUpgrade {
  /** What the client sent behind its request. */
  readonly head: Buffer;

  /**
   * Takes the connection over: no other listener will see it. The caller does the handshake or closes the socket. The
   * time limit of the upgrade goes on until `finish()`, or until the socket is closed.
   *
   * @returns the raw socket, or undefined when it is too late: it was closed, or the time to decide ran out
   */
  claim(): Duplex | undefined;

  /** Answers 503 and closes the connection, also where it was claimed; does nothing once the handshake is answered. */
  refuse(): void;

  /**
   * Ends the response that stood for the handshake as a 101 would, so that middleware which waits for `writeHead` and
   * `end` does its work. To be called right before the 101 is written: nothing is read from the socket or held back any
   * more. Called again it does nothing.
   *
   * @returns the header lines that are to go onto the 101; none when it is too late
   */
  finish(): string[];
}

/** Registered, so that two copies of this package in one process understand each other. */
const PENDING_UPGRADE = Symbol.for('express-sockjs.pending-upgrade');

interface MaybeUpgrade {
  [PENDING_UPGRADE]?: PendingUpgrade | undefined;
}

/** Marks a request as an upgrade. */
export function setPendingUpgrade(req: IncomingMessage & MaybeUpgrade, upgrade: PendingUpgrade): void {
  req[PENDING_UPGRADE] = upgrade;
}

/** Takes the mark away, and with it the last that holds the response of a handshake in memory. */
export function clearPendingUpgrade(req: IncomingMessage & MaybeUpgrade): void {
  // Not deleted: that would have the engine keep the request as a hash table, at several times its size.
  req[PENDING_UPGRADE] = undefined;
}

/** The upgrade behind a request, or undefined where it is an ordinary one. */
export function pendingUpgrade(req: IncomingMessage & MaybeUpgrade): PendingUpgrade | undefined {
  return req[PENDING_UPGRADE];
}

/** Upgrades have left Node's own error handling; a reset with no listener would end the process. */
export function ignoreSocketError(error: Error): void {
  debugUpgrade('socket error: %s', error.message);
}
