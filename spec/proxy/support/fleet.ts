/** Two servers with an endpoint at `/echo`, behind a proxy. */
import { createServer } from 'node:http';
import express, { type Request } from 'express';
import { attachUpgrade, type Session, type SockjsOptions, type SockjsRouter, sockjs } from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { afterTest } from '../../support/cleanup.ts';
import { MemoryRegistry, memoryStore } from '../../support/cluster/memory-registry.ts';
import { withoutWarning } from '../../support/cluster/mounts.ts';
import { until } from '../../support/link-nodes.ts';
import { echo, listen, type TestServer } from '../../support/test-server.ts';
import { type ProxyName, type Replacements, type RunningProxy, startProxy } from './proxy.ts';

export interface FleetServer extends TestServer {
  /** Ids of the sessions that this server has opened, `''` for each raw WebSocket. */
  readonly ids: readonly string[];
  readonly router: SockjsRouter<unknown, Request>;
}

export interface Fleet extends RunningProxy {
  readonly servers: readonly [FleetServer, FleetServer];
  /** Settles with the next session of either server. */
  nextSession(): Promise<Session<unknown, Request>>;
  /** Settles once a request with such a URL has arrived. It searches the requests after the one it found last. */
  request(url: RegExp): Promise<void>;
}

/** A proxy, and its files in `demo/deploy/`. */
export interface Deployment {
  readonly name: ProxyName;
  /** Sticky by the session id in the URL. */
  readonly byUrl: string;
  /** Sticky by the JSESSIONID cookie. */
  readonly byCookie: string;
  /** Not sticky: the servers share their sessions. */
  readonly roundRobin: string;
  /** Returns the timeouts on silence in `byUrl`, and the same lines with another time. */
  timeouts(seconds: number): Replacements;
}

export const DEPLOYMENTS: readonly Deployment[] = [
  {
    name: 'nginx',
    byUrl: 'nginx.conf',
    byCookie: 'nginx-sticky-cookie.conf',
    roundRobin: 'nginx-round-robin.conf',
    timeouts: (seconds) => ({ 'proxy_read_timeout 60s': `proxy_read_timeout ${seconds}s` }),
  },
  {
    name: 'HAProxy',
    byUrl: 'haproxy.cfg',
    byCookie: 'haproxy-sticky-cookie.cfg',
    roundRobin: 'haproxy-round-robin.cfg',
    timeouts: (seconds) =>
      Object.fromEntries(
        ['client', 'server', 'tunnel'].map((side) => [`timeout ${side} 60s`, `timeout ${side} ${seconds}s`]),
      ),
  },
];

/** Returns where the health checks of HAProxy find the servers, in place of what its file for round robin says. */
export function checksAt(file: string, ports: readonly [number, number]): Replacements {
  return file === 'haproxy-round-robin.cfg' ? { 'port 4001': `port ${ports[0]}`, 'port 4002': `port ${ports[1]}` } : {};
}

/** Starts two echo servers behind a proxy that they trust. They share their sessions where the proxy is not sticky. */
export async function startFleet(
  name: ProxyName,
  file: string,
  { replacements, ...options }: SockjsOptions & { readonly replacements?: Replacements } = {},
): Promise<Fleet> {
  const sessions = new AsyncQueue<Session<unknown, Request>>();
  const requests = new AsyncQueue<string>();
  const store = memoryStore();
  const isShared = DEPLOYMENTS.some(({ roundRobin }) => roundRobin === file);
  const startServer = async (): Promise<FleetServer> => {
    const ids: string[] = [];
    const cluster = isShared ? { cluster: { name: 'fleet', registry: new MemoryRegistry(store) } } : {};
    const onSession = (session: Session<unknown, Request>) => {
      ids.push(session.id);
      sessions.push(session);
      // A polling session would wait for the next request of its client.
      afterTest(() => {
        session.close();
      });
      return echo(session as Session);
    };
    const router = withoutWarning(() => sockjs({ rawWebsocket: true, ...cluster, ...options }, onSession));
    const app = express().set('trust proxy', 1).use('/echo', router);
    app.get('/ready', (_req, res) => {
      res.sendStatus(200);
    });
    const server = createServer(app);
    attachUpgrade(server);
    const listening = await listen(server);
    afterTest(async () => {
      await router.close({ timeout: 0 });
    });
    server.on('request', ({ url = '' }) => requests.push(url));
    return { ...listening, ids, router };
  };
  const servers = [await startServer(), await startServer()] as const;
  if (isShared) {
    await until(() =>
      servers.every(({ router: { cluster } }) => cluster?.status === 'up' && cluster.peers.length === 1),
    );
  }
  const ports = [servers[0].port, servers[1].port] as const;
  const proxy = await startProxy(name, file, ports, { ...checksAt(file, ports), ...replacements });
  return {
    ...proxy,
    servers,
    nextSession: () => sessions.next(),
    request: async (url) => {
      for (let next = ''; !url.test(next); next = await requests.next());
    },
  };
}
