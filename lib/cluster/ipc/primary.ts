/** The primary's part of `nodeCluster()`: it keeps the registries of all endpoints, and knows which workers live. */
import type { LinkPaths } from './link-paths.ts';
import { MemoryStore } from './memory-store.ts';
import {
  ANSWER,
  type AnswerMessage,
  type Answers,
  type Command,
  isOurs,
  type Method,
  readCommand,
} from './messages.ts';

/** A worker, as `node:cluster` has it in the primary. */
export interface WorkerEnd {
  isConnected(): boolean;
  send(message: AnswerMessage, callback: (error: Error | null) => void): unknown;
}

/** A node of a worker: its registry, and where its sockets are. */
interface WorkerNode {
  readonly store: MemoryStore;
  readonly address: string;
}

/** Answers the commands of workers. Nothing that a worker sends makes a method throw. */
export class Primary {
  readonly #paths: Pick<LinkPaths, 'removeSocket'>;
  /** By the name of the endpoint. */
  readonly #stores = new Map<string, MemoryStore>();
  /** By node id, the nodes of each living worker: one for each of its routers. */
  readonly #workers = new Map<WorkerEnd, Map<string, WorkerNode>>();
  readonly #gone = new WeakSet<WorkerEnd>();

  constructor(paths: Pick<LinkPaths, 'removeSocket'>) {
    this.#paths = paths;
  }

  /** Takes a message of a worker. One of the application is ignored, and so are those of a worker that has gone. */
  onMessage(worker: WorkerEnd, message: unknown): void {
    // Messages may come after the exit: a claim among them would have an owner that does not live.
    if (!isOurs(message) || this.#gone.has(worker)) {
      return;
    }
    const read = readCommand(message);
    if (read !== undefined) {
      const answer = this.#run(worker, read.name, read.command);
      send(worker, { type: ANSWER, id: read.id, ...(answer === undefined ? {} : { answer }) });
    } else if (typeof message.id === 'number') {
      send(worker, { type: ANSWER, id: message.id, error: 'sockjs: the primary does not understand this command' });
    }
  }

  /** A worker has exited or disconnected: it is dead, with all of its nodes. May be called again. */
  onGone(worker: WorkerEnd): void {
    this.#gone.add(worker);
    for (const [nodeId, { store, address }] of this.#workers.get(worker) ?? []) {
      store.bury(nodeId);
      this.#paths.removeSocket(address);
    }
    this.#workers.delete(worker);
  }

  #run(worker: WorkerEnd, name: string, command: Command): Answers[Method] {
    const store = this.#storeOf(name);
    switch (command.method) {
      case 'renew':
        this.#nodesOf(worker).set(command.node.id, { store, address: command.node.address });
        return store.renew(command.node);
      case 'remove':
        // By the worker itself, which has ended its sessions; or by one that has found the node dead, which is not.
        this.#workers.get(worker)?.delete(command.nodeId);
        store.remove(command.nodeId);
        return undefined;
      case 'node':
        return store.node(command.nodeId);
      case 'claim':
        return store.claim(command.sessionId, command.owner, command.life);
      case 'find':
        return store.find(command.sessionId);
      case 'release':
        store.release(command.sessionId, command.owner);
        return undefined;
      case 'end':
        return store.end(command.sessionId, command.owner, command.tombstone, command.life, command.deadNode);
      case 'reassert':
        return store.reassert(command.sessions, command.life);
    }
  }

  #storeOf(name: string): MemoryStore {
    const store = this.#stores.get(name) ?? new MemoryStore();
    this.#stores.set(name, store);
    return store;
  }

  #nodesOf(worker: WorkerEnd): Map<string, WorkerNode> {
    const nodes = this.#workers.get(worker) ?? new Map<string, WorkerNode>();
    this.#workers.set(worker, nodes);
    return nodes;
  }
}

/** The answer is lost where the worker goes meanwhile. Without a callback that would be an `error` event in the primary. */
function send(worker: WorkerEnd, message: AnswerMessage): void {
  if (worker.isConnected()) {
    worker.send(message, () => {});
  }
}
