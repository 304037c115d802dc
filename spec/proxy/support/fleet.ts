/** Two servers with the endpoint at `/echo`, and one of the proxies before them. */
import type { Request } from 'express';
import type { Session, SockjsOptions } from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { afterTest } from '../../support/cleanup.ts';
import { echo, serve, type TestServer } from '../../support/test-server.ts';
import { type ProxyName, type Replacements, type RunningProxy, startProxy } from './proxy.ts';

export interface FleetServer extends TestServer {
  /** Ids of the sessions that were opened here, `''` for each raw WebSocket. */
  readonly ids: readonly string[];
}

export interface Fleet extends RunningProxy {
  readonly servers: readonly [FleetServer, FleetServer];
  /** The next session that either has opened. */
  nextSession(): Promise<Session<unknown, Request>>;
  /** Settles once a request to such a URL has come, of all that came since the last that was asked for. */
  request(url: RegExp): Promise<void>;
}

/** A proxy, and the files of `demo/deploy/` for it. */
export interface Deployment {
  readonly name: ProxyName;
  /** Sticky by the session in the URL. */
  readonly byUrl: string;
  /** Sticky by the JSESSIONID cookie. */
  readonly byCookie: string;
  /** Lines of `byUrl` that say how much silence ends a connection, with another time. */
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

/** Two servers that echo, behind a proxy that is to be trusted. */
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
        // One that polls would wait for its client's next request.
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
