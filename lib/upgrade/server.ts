/** The servers whose upgrades can be handled. */
import type { Server } from 'node:http';
import type { Http2SecureServer } from 'node:http2';
import type { Server as HttpsServer } from 'node:https';

/** A server whose upgrades can be handled. */
export type UpgradeServer = Server | HttpsServer | Http2SecureServer;
