/** Two servers with an endpoint at `/echo`, behind a proxy. */
import type { Request } from 'express';
import type { Session, SockjsOptions } from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { afterTest } from '../../support/cleanup.ts';
import { echo, serve, type TestServer } from '../../support/test-server.ts';
import { type ProxyName, type Replacements, type RunningProxy, startProxy } from './proxy.ts';

export interface FleetServer extends TestServer {
  /** Ids of the sessions that this server has opened, `''` for each raw WebSocket. */
  readonly ids: readonly string[];
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
  /** Returns the timeouts on silence in `byUrl`, and the same lines with another time. */
  timeouts(seconds: number): Replacements;
}

export const DEPLOYMENTS: readonly Deployment[] = [
  {
    name: 'nginx',
    byUrl: 'nginx.conf',
    byCookie: 'nginx-sticky-cookie.conf',
    timeouts: (seconds) => ({ 'proxy_read_timeout 60s': `proxy_read_timeout ${seconds}s` }),
  },
  {
    name: 'HAProxy',
    byUrl: 'haproxy.cfg',
    byCookie: 'haproxy-sticky-cookie.cfg',
    timeouts: (seconds) =>
      Object.fromEntries(
        ['client', 'server', 'tunnel'].map((side) => [`timeout ${side} 60s`, `timeout ${side} ${seconds}s`]),
      ),
  },
];

/** Starts two echo servers behind a proxy that they trust. */
export async function startFleet(
  name: ProxyName,
  file: string,
  { replacements, ...options }: SockjsOptions & { readonly replacements?: Replacements } = {},
): Promise<Fleet> {
  const sessions = new AsyncQueue<Session<unknown, Request>>();
  const requests = new AsyncQueue<string>();
  const startServer = async (): Promise<FleetServer> => {
    const ids: string[] = [];
    const server = await serve(
      { rawWebsocket: true, ...options },
      (session) => {
        ids.push(session.id);
        sessions.push(session as Session<unknown, Request>);
        // A polling session would wait for the next request of its client.
        afterTest(() => {
          session.close();
        });
        return echo(session);
      },
      { before: (app) => app.set('trust proxy', 1) },
    );
    server.server.on('request', ({ url = '' }) => requests.push(url));
    return { ...server, ids };
  };
  const servers = [await startServer(), await startServer()] as const;
  const proxy = await startProxy(name, file, [servers[0].port, servers[1].port], replacements);
  return {
    ...proxy,
    servers,
    nextSession: () => sessions.next(),
    request: async (url) => {
      for (let next = ''; !url.test(next); next = await requests.next());
    },
  };
}
