/** The adapter that has the gateways of a Nest application answer SockJS clients. */
import type { IncomingMessage } from 'node:http';
import {
  attachUpgrade,
  CloseCode,
  type Session,
  type SessionCloseEvent,
  type SockjsOptions,
  type SockjsRouter,
  sockjs,
  type UpgradeServer,
} from '../index.ts';
import { GatewayMessages, type MessageHandler, type Transform } from './gateway-messages.ts';

/** What the adapter uses of a Nest application. */
export interface NestApplication {
  use(middleware: unknown): unknown;
  getHttpServer(): UpgradeServer;
}

/** Options of all endpoints of an adapter: those of `sockjs()` but `prefix`, which is the path of a gateway. */
export type SockjsAdapterOptions<Data = unknown, Req extends IncomingMessage = IncomingMessage> = Omit<
  SockjsOptions<Data, Req>,
  'prefix'
>;

/** What `@WebSocketGateway()` takes with this adapter: a path, and options that replace those of the adapter. */
export interface SockjsGatewayOptions<Data = unknown, Req extends IncomingMessage = IncomingMessage>
  extends SockjsAdapterOptions<Data, Req> {
  /**
   * The path of the endpoint, as the option `prefix` of `sockjs()`. The global prefix of the application is not added.
   * @default '/sockjs'
   */
  readonly path?: string | RegExp | undefined;
}

/**
 * Has the gateways of a Nest application answer SockJS clients. Each path is an endpoint of its own, mounted by
 * `app.use()` when the application is initialised; the server of the application gets its upgrades by `attachUpgrade()`.
 *
 * A gateway gets the {@link Session} as its client, the router of its path by `@WebSocketServer()`, and the
 * {@link SessionCloseEvent} as the second argument of `handleDisconnect()` in Nest 12. Messages are JSON of
 * `{ event, data }`; others, and events without a method, are ignored. What a method returns, and each value of an
 * Observable, is sent as JSON; `undefined` and `null` are not. Observables are unsubscribed when the session closes.
 *
 * `Data` is the type of `session.data`; `Req` that of `session.request`.
 *
 * @example
 * import { NestFactory } from '@nestjs/core';
 * import { SockjsAdapter } from 'express-sockjs/nestjs';
 *
 * class AppModule {}
 * const app = await NestFactory.create(AppModule);
 * app.useWebSocketAdapter(new SockjsAdapter(app, { heartbeatDelay: 10_000 }));
 * await app.listen(3000);
 */
export class SockjsAdapter<Data = unknown, Req extends IncomingMessage = IncomingMessage> {
  readonly #app: NestApplication;
  readonly #optionsOf: (path: string | RegExp) => SockjsAdapterOptions<Data, Req>;
  /** For each endpoint what Nest wants to be called with new sessions: one function for each gateway. */
  readonly #connects = new Map<SockjsRouter<Data, Req>, ((session: Session<Data, Req>) => unknown)[]>();
  readonly #paths = new Set<string>();
  readonly #messages = new WeakMap<Session<Data, Req>, GatewayMessages<Data, Req>>();
  #detach: (() => void) | undefined;

  /**
   * @param app the Nest application, on Express or Fastify
   * @param options for all endpoints; or a function that returns them for a path, where endpoints differ
   * @throws TypeError where `app` is no Nest application
   */
  constructor(
    app: NestApplication,
    options: SockjsAdapterOptions<Data, Req> | ((path: string | RegExp) => SockjsAdapterOptions<Data, Req>) = {},
  ) {
    // Callers in JavaScript may give anything.
    if (typeof app?.getHttpServer !== 'function' || typeof app.use !== 'function') {
      throw withHelp(
        'sockjsadapter-takes-the-nest-application',
        new TypeError(
          'sockjs: SockjsAdapter takes the Nest application; write app.useWebSocketAdapter(new SockjsAdapter(app))',
        ),
      );
    }
    this.#app = app;
    this.#optionsOf = typeof options === 'function' ? options : () => options;
  }

  /**
   * Makes the endpoint of a path. Nest calls it once for each path.
   *
   * @throws TypeError for a port, for a namespace, and for two paths that differ in their options only; TypeError or
   *   RangeError for a wrong option
   */
  create(port: number, options: SockjsGatewayOptions<Data, Req> = {}): SockjsRouter<Data, Req> {
    if (port !== 0) {
      throw withHelp(
        'a-gateway-has-a-path-no-port-and-no-namespace',
        new TypeError(
          `sockjs: a gateway has the port ${port}; SockJS gateways answer on the port of the application, so give it a ` +
            "path alone: @WebSocketGateway({ path: '/chat' })",
        ),
      );
    }
    if ('namespace' in options) {
      throw withHelp(
        'a-gateway-has-a-path-no-port-and-no-namespace',
        new TypeError(
          "sockjs: a gateway has a namespace, and there are none in SockJS; give it a path: @WebSocketGateway({ path: '/chat' })",
        ),
      );
    }
    const { path = '/sockjs', ...own } = options;
    if (this.#paths.has(String(path))) {
      throw withHelp(
        'a-gateway-has-a-path-no-port-and-no-namespace',
        new TypeError(`sockjs: two gateways have the path ${path}, one of them by default; write it in both`),
      );
    }
    const connects: ((session: Session<Data, Req>) => unknown)[] = [];
    const router = sockjs<Data, Req>({ ...this.#optionsOf(path), ...own, prefix: path }, (session) => {
      for (const connect of connects) {
        connect(session);
      }
    });
    this.#paths.add(String(path));
    this.#connects.set(router, connects);
    this.#app.use(router);
    this.#detach ??= attachUpgrade(this.#app.getHttpServer());
    return router;
  }

  /** Has Nest called with each new session of an endpoint. */
  bindClientConnect(router: SockjsRouter<Data, Req>, connect: (session: Session<Data, Req>) => unknown): void {
    this.#connects.get(router)?.push(connect);
  }

  /** Has Nest called when a session has closed. */
  bindClientDisconnect(session: Session<Data, Req>, disconnect: (event: SessionCloseEvent) => unknown): void {
    session.on('close', disconnect);
  }

  /** Sends the messages of a session to the methods of a gateway. */
  bindMessageHandlers(session: Session<Data, Req>, handlers: readonly MessageHandler[], transform: Transform): void {
    let messages = this.#messages.get(session);
    if (messages === undefined) {
      messages = new GatewayMessages(session);
      this.#messages.set(session, messages);
    }
    messages.add(handlers, transform);
  }

  /**
   * Closes a session that came before the application was ready, with 1013.
   *
   * The interface of adapters has it since `@nestjs/common` 12.5.0. `@nestjs/websockets` up to 12.1.1, the newest in
   * November 2026, does not call it; a release that does would otherwise serve such a client half.
   */
  closeClient(session: Session<Data, Req>): void {
    session.close(CloseCode.TryAgainLater, 'Server is starting');
  }

  /** Shuts an endpoint down, as `router.close()` does. Nest calls it within `app.close()`. */
  async close(router: SockjsRouter<Data, Req>): Promise<void> {
    await router.close();
  }

  /** Takes no further upgrades. Nest calls it once all endpoints are closed. */
  async dispose(): Promise<void> {
    this.#detach?.();
    this.#detach = undefined;
  }
}

/** An error with the place of its explanation, as errors of the package itself have it. This entry shares no code with it. */
function withHelp(anchor: string, error: TypeError): TypeError & { readonly help: string } {
  return Object.assign(error, { help: `express-sockjs/docs/reference/warnings-and-errors.md#${anchor}` });
}
