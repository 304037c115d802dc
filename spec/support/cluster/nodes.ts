/** Several nodes of one endpoint in one process, with links and a registry in memory. */
import { createServer, type IncomingMessage } from 'node:http';
import express from 'express';
import { ClusterDirectory } from '../../../lib/cluster/cluster-directory.ts';
import { OwnerSide } from '../../../lib/cluster/owner-side.ts';
import type { Peers, Reached } from '../../../lib/cluster/peers.ts';
import { RequesterSide } from '../../../lib/cluster/requester-side.ts';
import { attachUpgrade, type SessionHandler, type SockjsOptions, type SockjsRouter } from '../../../lib/index.ts';
import type { SessionRegistry } from '../../../lib/session/registry.ts';
import { createSockjsRouter } from '../../../lib/sockjs.ts';
import { TimerQueue } from '../../../lib/util/timer-queue.ts';
import { echo, listen, type serve } from '../test-server.ts';
import { MemoryLink, Turns } from './memory-link.ts';
import { PlainRegistry } from './plain-registry.ts';

type Pair = ReturnType<typeof MemoryLink.pair>;

/** ms after which nodes give each other up. */
export const NODE_TIMEOUT = 10_000;

/** A node that has a lease, in a registry that forgets nothing. */
export const MEMBER = { joined: () => undefined, epoch: '1', requestReassert: () => {} };

/** One node: its directory, its sessions, and the links that it has dialled. */
export class Node {
  readonly id: string;
  readonly router: SockjsRouter;
  /** Links that this node has dialled, by the node at the other end. */
  readonly links = new Map<string, { readonly pair: Pair; readonly side: RequesterSide }>();
  /** Whether others can dial it, and what they take it for where they cannot. */
  state: Exclude<Reached['kind'], 'linked'> | 'alive' = 'alive';
  sessions: SessionRegistry<unknown, IncomingMessage> | undefined;
  directory: ClusterDirectory<unknown, IncomingMessage> | undefined;
  readonly #cluster: Cluster;
  readonly #responseLimit: number;
  readonly #timers = new TimerQueue();

  constructor(id: string, cluster: Cluster, options: SockjsOptions, onSession: SessionHandler) {
    this.id = id;
    this.#cluster = cluster;
    this.#responseLimit = options.responseLimit ?? 131_072;
    this.router = createSockjsRouter(options, onSession, (sessions) => {
      this.sessions = sessions;
      this.directory = new ClusterDirectory(sessions, {
        nodeId: id,
        registry: cluster.registry,
        peers: this.#peers,
        membership: MEMBER,
        secret: 'secret',
        disconnectDelay: options.disconnectDelay ?? 5000,
      });
      return this.directory;
    });
  }

  /** The side of this node on a link that another has dialled. */
  accept(link: Pair['owner']): void {
    if (this.sessions !== undefined) {
      link.handler = new OwnerSide(link, this.sessions, {
        responseLimit: this.#responseLimit,
        nodeTimeout: NODE_TIMEOUT,
        timers: this.#timers,
      });
    }
  }

  get #peers(): Peers {
    return { reach: (nodeId) => this.#reach(nodeId) };
  }

  #reach(nodeId: string): Reached {
    const known = this.links.get(nodeId);
    if (known !== undefined && !known.side.hasEnded) {
      return { kind: 'linked', side: known.side };
    }
    const node = this.#cluster.nodes.find(({ id }) => id === nodeId);
    if (node === undefined || node.state !== 'alive') {
      return { kind: node === undefined || node.state === 'alive' ? 'dead' : node.state };
    }
    // A second link from the same node ends the first, before it is served.
    known?.pair.owner.terminate();
    const pair = MemoryLink.pair(this.id, nodeId, this.#cluster.turns.post);
    const side = new RequesterSide(pair.requester, {
      nodeTimeout: NODE_TIMEOUT,
      maxQueuedBytes: 16_777_216,
      timers: this.#timers,
    });
    pair.requester.handler = side;
    node.accept(pair.owner);
    this.links.set(nodeId, { pair, side });
    return { kind: 'linked', side };
  }
}

/** Nodes that share a registry. */
export class Cluster {
  readonly turns = new Turns();
  readonly registry = new PlainRegistry(this.turns.post);
  readonly nodes: Node[] = [];

  add(options: SockjsOptions = {}, onSession: SessionHandler = echo): Node {
    const node = new Node(`node-${this.nodes.length}`, this, options, onSession);
    this.nodes.push(node);
    return node;
  }

  /** All links between the nodes. */
  get links(): Pair[] {
    return this.nodes.flatMap(({ links }) => [...links.values()].map(({ pair }) => pair));
  }

  settled(): Promise<void> {
    return this.turns.settled();
  }
}

/** As `serve`, with some nodes, which get the requests to `/echo` in turns. `onCluster` gets them. */
export function serveNodes(count: number, onCluster: (cluster: Cluster) => void): typeof serve {
  return (options: SockjsOptions = {}, onSession: SessionHandler = echo, { before, ...upgrade } = {}) => {
    const cluster = new Cluster();
    for (let made = 0; made < count; made += 1) {
      cluster.add(options, onSession);
    }
    onCluster(cluster);
    const app = express();
    before?.(app);
    let requests = 0;
    app.use('/echo', (req, res, next) => {
      const node = cluster.nodes[requests % count];
      requests += 1;
      node?.router(req, res, next);
    });
    const server = createServer(app);
    attachUpgrade(server, upgrade);
    return listen(server);
  };
}
