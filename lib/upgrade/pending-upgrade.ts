/** How a WebSocket route sees that a request is an upgrade: by a symbol on the request. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { debugUpgrade } from '../util/debug.ts';

/** An upgrade that runs through the application, and that a WebSocket route may take over. */
export interface PendingUpgrade {
  /** Bytes that the client sent behind its request. */
  readonly head: Buffer;

  /** Whether other listeners have got the upgrade. One of them may be of this package, and takes it anew. */
  readonly isPassedOn: boolean;

  /**
   * Takes the connection over: no other listener gets the upgrade. The caller has to do the handshake or to close the
   * socket. The time limit of the upgrade lasts until `finish()`, or until the socket closes.
   *
   * @returns the raw socket; undefined where the upgrade is settled: its client has left, or its time limit has passed
   */
  claim(): Duplex | undefined;

  /** Answers 503 and closes the connection, even after `claim()`; does nothing once the upgrade is settled. */
  refuse(): void;

  /**
   * Ends the response to the upgrade with 101, since middleware may wait for `writeHead` and `end`. Call it right
   * before the 101 is written: from then on, nothing is read from the socket, nor held back. A second call does
   * nothing.
   *
   * @returns the header lines for the 101; none where the upgrade is settled
   */
  finish(): string[];
}

/** Registered, so that two copies of this package in one process understand each other. */
const PENDING_UPGRADE = Symbol.for('express-sockjs.pending-upgrade');

interface MaybeUpgrade {
  [PENDING_UPGRADE]?: PendingUpgrade | undefined;
}

/**
 * Whether an upgrade is taken, and not passed on to other listeners since. A dispatcher of the application may call two
 * listeners for one upgrade, or one of them twice.
 */
export function isTaken(req: IncomingMessage & MaybeUpgrade): boolean {
  return PENDING_UPGRADE in req && req[PENDING_UPGRADE]?.isPassedOn !== true;
}

/** Marks an upgrade as taken, before it is pending. */
export function setTaken(req: IncomingMessage & MaybeUpgrade): void {
  req[PENDING_UPGRADE] = undefined;
}

/** Marks a request as an upgrade. */
export function setPendingUpgrade(req: IncomingMessage & MaybeUpgrade, upgrade: PendingUpgrade): void {
  req[PENDING_UPGRADE] = upgrade;
}

/**
 * Ends the mark, which would keep the response to the upgrade in memory for as long as the request. The upgrade stays
 * taken.
 */
export function clearPendingUpgrade(req: IncomingMessage & MaybeUpgrade): void {
  // Not deleted: V8 would turn the request into a hash table, at several times its size.
  req[PENDING_UPGRADE] = undefined;
}

/** The upgrade of a request; undefined where it is an ordinary request. */
export function pendingUpgrade(req: IncomingMessage & MaybeUpgrade): PendingUpgrade | undefined {
  return req[PENDING_UPGRADE];
}

/**
 * A listener for sockets of upgrades, whose errors Node does not handle: a reset without a listener ends the process.
 */
export function ignoreSocketError(error: Error): void {
  debugUpgrade('socket error: %s', error.message);
}
