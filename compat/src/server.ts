/** `Server`: what `createServer()` returns. */
import { captureRejectionSymbol, EventEmitter } from 'node:events';
import { SockJSConnection } from './connection.ts';
import { type Handler, Listener } from './listener.ts';
import { type CompatOptions, mergeOptions } from './options.ts';

/** What emits `request` and `upgrade`, such as a server of `node:http`. */
export type HttpServer = Pick<EventEmitter, 'listeners' | 'removeAllListeners' | 'addListener'>;

/** Emits `connection` with each client of all its listeners. */
export class Server extends EventEmitter {
  readonly options: CompatOptions;

  constructor(options?: Partial<CompatOptions>) {
    super({ captureRejections: true });
    this.options = mergeOptions(options);
  }

  /** Node calls it when an asynchronous listener has failed. Programs may emit events of their own. */
  override [captureRejectionSymbol](error: Error, _event: string | symbol, connection: unknown): void {
    if (connection instanceof SockJSConnection) {
      connection._session.didReject(error);
    } else {
      // As without `captureRejections`: it ends the process unless that listens for `unhandledRejection`.
      void Promise.reject(error);
    }
  }

  /** Makes what answers one prefix. Options here win over those of `createServer()`. */
  listener(options?: Partial<CompatOptions>): Listener {
    return new Listener({
      options: mergeOptions(this.options, options),
      emit: (event, connection) => this.emit(event, connection),
    });
  }

  /** Has an HTTP server pass on what is below the prefix, before the listeners that it has now. */
  installHandlers(httpServer: HttpServer, options?: Partial<CompatOptions>): true {
    const handler = this.listener(options).getHandler();
    comeFirst(httpServer, 'request', handler);
    comeFirst(httpServer, 'upgrade', handler);
    return true;
  }

  /** A handler that is its own `upgrade` as well. */
  middleware(options?: Partial<CompatOptions>): Handler {
    const handler = this.listener(options).getHandler();
    handler.upgrade = handler;
    return handler;
  }
}

/** Puts a handler in the place of all listeners, which get what the handler does not take. */
function comeFirst(httpServer: HttpServer, event: string, handler: Handler): void {
  const others = httpServer.listeners(event);
  httpServer.removeAllListeners(event);
  httpServer.addListener(event, function (this: unknown, ...args: Parameters<Handler>) {
    if (handler(...args)) {
      return true;
    }
    for (const other of others) {
      other.apply(this, args);
    }
    return false;
  });
}
