/** Two processes of one cluster, in the runtime. */
import { setTimeout as delay } from 'node:timers/promises';
import type { SockjsStats } from '../../../lib/index.ts';
import type { Child } from '../../support/child-process.ts';
import { fetchText } from '../../support/http.ts';
import { originOf } from '../../support/npm-script.ts';
import { startInRuntime } from './runtime.ts';

const PROGRAM = 'spec/runtime/support/cluster-node.ts';

/** ms. Links ping four times in it. Only a machine that gives a process no CPU for so long has links end unasked. */
const NODE_TIMEOUT = 15_000;

/** ms between two questions to a process, which has no other way to tell. */
const POLL = 20;

type ClusterStats = NonNullable<SockjsStats['cluster']>;

/** What a process tells of its cluster. */
export interface NodeFacts {
  readonly pid: number;
  /** ms by its own clock. */
  readonly now: number;
  readonly status: string;
  readonly peers: readonly string[];
  readonly links: ClusterStats['links'] | undefined;
  readonly linksEnded: ClusterStats['linksEnded'] | undefined;
  readonly linksFailed: ClusterStats['linksFailed'] | undefined;
  /** Where it listens for links. */
  readonly linkAddress: string;
  /** Portions that it has sent in a flood. */
  readonly sent: number;
}

/** One process. */
export class ClusterNode {
  readonly origin: string;
  /** Its output, which workers of `node:cluster` share. */
  readonly program: Child;

  constructor(origin: string, program: Child) {
    this.origin = origin;
    this.program = program;
  }

  async facts(): Promise<NodeFacts> {
    return JSON.parse((await fetchText(`${this.origin}/cluster`)).body);
  }

  /** Settles once it has answered with what the condition wants. */
  async until(condition: (facts: NodeFacts) => boolean): Promise<NodeFacts> {
    for (;;) {
      const facts = await this.facts();
      if (condition(facts)) {
        return facts;
      }
      await delay(POLL);
    }
  }
}

/** The two processes of a suite. */
export class RuntimeCluster {
  readonly nodeTimeout = NODE_TIMEOUT;
  #programs: Child[] = [];
  #nodes: ClusterNode[] = [];

  get nodes(): readonly [ClusterNode, ClusterNode] {
    const [first, second] = this.#nodes;
    if (first === undefined || second === undefined) {
      throw new Error('the cluster is not started');
    }
    return [first, second];
  }

  /** Starts two processes which share their sessions by a Redis, each with a client of its own kind. */
  async startWithRedis(port: number, clients: readonly [string, string]): Promise<void> {
    this.#programs = clients.map((client) => this.#start({ REDIS_PORT: `${port}`, REDIS_CLIENT: client }));
    for (const program of this.#programs) {
      this.#nodes.push(new ClusterNode(await originOf(program), program));
    }
    await this.untilLinked();
  }

  /** Starts a primary of `node:cluster` and two workers. */
  async startWorkers(): Promise<void> {
    const program = this.#start({});
    this.#programs = [program];
    for (let worker = 0; worker < 2; worker += 1) {
      this.#nodes.push(new ClusterNode(await originOf(program), program));
    }
    await this.untilLinked();
  }

  async kill(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.kill()));
  }

  /** Settles once each process has a link to the other. */
  async untilLinked(): Promise<void> {
    for (const node of this.nodes) {
      await node.until(
        ({ status, peers, links }) =>
          status === 'up' && peers.length === 1 && links?.dialled === 1 && links.accepted === 1,
      );
    }
  }

  /** Asks both processes for so many ms. Settles with the longest time from one answer of a process to its next, in ms. */
  async longestPause(ms: number): Promise<number> {
    const pauses = this.nodes.map(async (node) => {
      const { now: start } = await node.facts();
      let last = start;
      let longest = 0;
      await node.until(({ now }) => {
        longest = Math.max(longest, now - last);
        last = now;
        return now > start + ms;
      });
      return longest;
    });
    return Math.max(...(await Promise.all(pauses)));
  }

  #start(env: NodeJS.ProcessEnv): Child {
    return startInRuntime(PROGRAM, { NODE_TIMEOUT: `${NODE_TIMEOUT}`, ...env });
  }
}
