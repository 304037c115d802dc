/** One endpoint in a driven process: a router of the cluster, and a server that gets connections from the spec. */
import { createServer, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import express, { type Express } from 'express';
import { attachUpgrade, type Session, type SessionHandler, type SockjsRouter, sockjs } from '../../../../lib/index.ts';
import type { ClusterRegistry } from '../../../../lib/options/cluster-adapter.ts';
import { afterTest } from '../../cleanup.ts';
import { stopClock } from '../../clock.ts';
import type { TestClock } from '../../contract.ts';
import { CountingRegistry } from '../mounts.ts';
import { watchSockets, watchTimers } from '../watched.ts';
import type { Call, DrivenState, Report } from './calls.ts';
import { HANDLERS, known, MIDDLEWARE, OPTIONS } from './known.ts';
import type { RegistryPlace } from './registry-place.ts';

/** ms without a sign of life until a process is given up: the longest, since the spec moves a stopped clock in leaps. */
const NODE_TIMEOUT = 3_600_000;

type Serve = Extract<Call, { do: 'serve' }>;

export class DrivenEndpoint {
  readonly #report: (message: Report) => void;
  readonly #place: RegistryPlace;
  readonly #clock: TestClock | undefined;
  readonly #registry: CountingRegistry;
  readonly #router: SockjsRouter;
  readonly #server;
  readonly #sessions: Session[] = [];
  readonly #sockets = watchSockets();
  readonly #countTimers = watchTimers();
  readonly #connections = new Map<Socket, number>();
  readonly #link: Promise<void>;
  #startLink = () => {};
  #requests = 0;

  constructor(place: RegistryPlace, serve: Serve, report: (message: Report) => void) {
    this.#report = report;
    this.#place = place;
    this.#clock = serve.stopsClock ? stopClock() : undefined;
    this.#link = new Promise((resolve) => {
      this.#startLink = resolve;
    });
    const adapter = place.adapter({ name: serve.name, nodeTimeout: NODE_TIMEOUT });
    this.#registry = new CountingRegistry(this.#tellingOfEnds(adapter.registry), () => this.#link);
    const onSession = serve.onSession === undefined ? this.#onSession : known(serve.onSession, HANDLERS);
    const options = typeof serve.options === 'string' ? known(serve.options, OPTIONS) : serve.options;
    const cluster = { ...adapter, registry: this.#registry };
    this.#router = sockjs({ ...options, cluster, ...(serve.isBare ? { prefix: '/echo' } : {}) }, onSession);
    this.#server = createServer(serve.isBare ? this.#router : this.#app(serve.before));
    this.#server.maxRequestsPerSocket = serve.closesConnections ? 1 : 0;
    attachUpgrade(this.#server);
    this.#reportRequests();
    if (serve.listens) {
      this.#server.listen(0, '127.0.0.1');
    }
    afterTest(() => this.#clock?.uninstall());
  }

  /** The first answer of the registry lists all processes. No clock that stands still would have them look again. */
  link(): void {
    this.#startLink();
  }

  session(index: number): Session {
    const session = this.#sessions[index];
    if (session === undefined) {
      throw new Error(`there is no session ${index}`);
    }
    return session;
  }

  tick(ms: number): void {
    this.#clock?.tick(ms);
  }

  state(): Omit<DrivenState, 'reports'> {
    const { cluster } = this.#router;
    const address = this.#server.address();
    // All that this process has dialled, and accepted by itself. Clients come by way of the spec.
    const links = [...this.#sockets].filter((socket) => this.#place.isLink(socket));
    return {
      hasJoined: this.#registry.record !== undefined,
      isUp: cluster?.status === 'up',
      peers: cluster?.peers.length ?? 0,
      written: links.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0),
      read: links.reduce((sum, { bytesRead }) => sum + bytesRead, 0),
      isWaiting: this.#registry.pending > 0 || links.some(({ connecting }) => connecting),
      timers: this.#countTimers(),
      port: address !== null && typeof address === 'object' ? address.port : undefined,
    };
  }

  accept(id: number, socket: Socket): void {
    this.#connections.set(socket, id);
    socket.once('close', () => {
      this.#connections.delete(socket);
      this.#report({ type: 'connection over', id });
    });
    // As a server of Node does with those that it accepts by itself.
    socket.allowHalfOpen = true;
    this.#server.emit('connection', socket);
    socket.resume();
  }

  async shutDown(): Promise<void> {
    await this.#router.close();
  }

  async reset(): Promise<void> {
    for (const socket of this.#connections.keys()) {
      socket.destroy();
    }
    this.#server.close();
    this.#server.closeAllConnections();
    await this.#router.close({ timeout: 0 });
  }

  readonly #onSession: SessionHandler = (session) => {
    const index = this.#sessions.push(session) - 1;
    session.on('close', (event) => this.#report({ type: 'close', session: index, event }));
    this.#report({ type: 'open', session: index, id: session.id, transport: session.transport });
  };

  #app(before: string): Express {
    const app = express();
    known(before, MIDDLEWARE)(app);
    app.use('/echo', this.#router);
    return app;
  }

  #reportRequests(): void {
    // Before the app, which may have responded by the time that Node has called all listeners of `request`.
    this.#server.prependListener('request', (req: IncomingMessage, res) => {
      const id = this.#requests++;
      res.once('close', () => this.#report({ type: 'response over', id }));
      const connection = this.#connections.get(req.socket) ?? -1;
      this.#report({ type: 'request', id, connection, url: req.url ?? '' });
    });
  }

  /** The clock of the spec does not move that of Redis. So the spec deletes ended sessions when their time has come. */
  #tellingOfEnds(registry: ClusterRegistry): ClusterRegistry {
    const { end } = registry;
    return Object.assign(registry, {
      end: (...args: Parameters<typeof end>) => {
        const [id, , , life] = args;
        this.#report({ type: 'tombstone', id, life });
        return end.apply(registry, args);
      },
    } satisfies Partial<ClusterRegistry>);
  }
}
