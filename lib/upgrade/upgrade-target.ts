/** What answers upgrades, and which listeners may get those that it does not take. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { UpgradeServer } from './server.ts';
import type { UpgradeTime } from './sockets.ts';

/** The listeners of a server, an app, or an endpoint; with the time limit of their upgrades. */
export interface UpgradeTarget extends UpgradeTime {
  /** The server that serves what is no WebSocket after all; undefined for the server of the connection. */
  readonly server: UpgradeServer | undefined;
  /** Answers a request. It throws what the application throws. */
  request(req: IncomingMessage, res: ServerResponse): void;
}

/** The `upgrade` listeners of other packages, as one upgrade sees them. */
export interface OtherListeners {
  /** How many there are now. */
  count(): number;
  /** Whether they get an upgrade that the target has not seen. */
  comeFirst(req: IncomingMessage): boolean;
  /** Emits the upgrade to them. */
  emit(): void;
}

/** Has the `request` listeners of a server answer upgrades. */
export function serverTarget(server: UpgradeServer, { timers, timeout }: UpgradeTime): UpgradeTarget {
  const request = (req: IncomingMessage, res: ServerResponse) => {
    server.emit('request', req, res);
  };
  return { timers, timeout, server, request };
}
