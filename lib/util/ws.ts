/**
 * The classes of ws, also where `import 'ws'` gives none.
 *
 * Jest's jsdom environment resolves packages by the condition `browser`, for which ws has a function that throws. The
 * server of a test runs in Node all the same: it gets the classes by their file.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as imported from 'ws';

/** Classes that ws exports, but its types leave out. */
interface Internals {
  readonly Sender?: {
    readonly frame: unknown;
    readonly prototype: { readonly send: unknown; readonly dispatch: unknown; readonly sendFrame: unknown };
  };
  readonly Receiver?: {
    readonly prototype: { readonly emit: unknown; readonly on: unknown };
  };
}

function load(): typeof imported & Internals {
  if ('WebSocketServer' in imported) {
    return imported;
  }
  const require = createRequire(import.meta.url);
  return require(join(dirname(require.resolve('ws/package.json')), 'index.js'));
}

const ws = load();

/** A WebSocket. */
export type WebSocket = imported.WebSocket;
export const { WebSocket } = ws;

/** A WebSocket engine. */
export type WebSocketServer = imported.WebSocketServer;
export const { WebSocketServer } = ws;

/** Writes the frames of a WebSocket, and reads them. Undefined where a version of ws does not export them. */
export const { Sender, Receiver } = ws;
