/** The servers that `attachUpgrade()` takes. */
import type { Server } from 'node:http';
import type { Http2SecureServer } from 'node:http2';
import type { Server as HttpsServer } from 'node:https';

/** A server of node:http, node:https or node:http2. */
export type UpgradeServer = Server | HttpsServer | Http2SecureServer;
