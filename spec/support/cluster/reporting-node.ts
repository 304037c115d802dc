/** An endpoint at `/echo` in a process of its own: echoes messages, reports what it sees, and does what it is told. */
import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import express, { type Express } from 'express';
import { type ClusterAdapter, type Session, type SockjsRouter, sockjs } from '../../../lib/index.ts';
import type { EndpointSettings, Measure, NodeCommand, NodeReport } from './node-reports.ts';

/** The session id in the URL of a request. */
function idOf({ request }: Session<unknown, IncomingMessage>): string {
  return /([^/]+)\/\w+(?:\?.*)?$/.exec(request.url ?? '')?.[1] ?? '';
}

/** What this process holds, after a collection of garbage. */
export async function measure(): Promise<Measure> {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  // What is freed in later turns, such as weak references, is garbage only then.
  for (let times = 0; times < 3 && typeof collect === 'function'; times += 1) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const resources = process.getActiveResourcesInfo();
  const count = (type: string) => resources.filter((resource) => resource === type).length;
  return { heap: process.memoryUsage().heapUsed, sockets: count('TCPSocketWrap'), pipes: count('PipeWrap') };
}

/**
 * @param report called for each report
 * @param leave called when it is to shut down
 */
export function reportingNode(
  settings: Omit<EndpointSettings, 'name' | 'nodeTimeout'> & { readonly cluster: ClusterAdapter },
  report: (message: NodeReport) => void,
  leave: () => Promise<void>,
): { readonly router: SockjsRouter<unknown, IncomingMessage>; readonly app: Express } {
  const { cluster, responseLimit, disconnectDelay } = settings;
  const sessions = new Map<string, Session<unknown, IncomingMessage>>();
  const router = sockjs({ cluster, responseLimit, disconnectDelay }, (session: Session<unknown, IncomingMessage>) => {
    const id = idOf(session);
    sessions.set(id, session);
    report({ type: 'open', id });
    session.on('message', (text) => {
      report({ type: 'message', id, text });
      session.send(text);
    });
    session.on('close', ({ code, reason }) => {
      sessions.delete(id);
      report({ type: 'close', id, code, reason });
    });
  });
  const reportStatus = () => {
    const { status = 'down', peers = [] } = router.cluster ?? {};
    report({ type: 'status', status, peers });
  };
  router.cluster?.on('status', reportStatus);
  // It may be up all the time while others join: once they are listed, there are links to them.
  subscribe('sockjs:cluster:node', reportStatus);
  subscribe('sockjs:cluster:link', reportStatus);
  // A spec may send anything, as an attack.
  process.on('message', (command: NodeCommand | null) => {
    switch (command?.type) {
      case 'send':
        sessions.get(command.id)?.send(command.text);
        break;
      case 'close':
        sessions.get(command.id)?.close();
        break;
      case 'measure':
        void measure().then((measured) => report({ type: 'measured', ...measured }));
        break;
      case 'elapse':
        setTimeout(() => report({ type: 'elapsed' }), command.ms);
        break;
      case 'leave':
        void leave();
        break;
    }
  });
  return { router, app: express().use('/echo', router) };
}
