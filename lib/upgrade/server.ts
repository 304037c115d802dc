/** The servers whose upgrades are handled. */
import type { Server } from 'node:http';
import type { Http2SecureServer } from 'node:http2';
import type { Server as HttpsServer } from 'node:https';

/** A server of node:http, node:https or node:http2. */
export type UpgradeServer = Server | HttpsServer | Http2SecureServer;

/** The methods by which a server is told from an app. Apps of NestJS have no `on`, and those of Koa no `address`. */
const METHODS = ['listen', 'on', 'address'] as const;

/** Whether a value is a server, and not the app of a framework. */
export function isServer(value: unknown): value is UpgradeServer {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  return METHODS.every((name) => typeof Reflect.get(value, name) === 'function');
}
