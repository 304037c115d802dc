/**
 * Three processes that serve one endpoint for each test: with a Redis, or as workers of a primary. The spec balances them:
 * each connection goes to the next process, and in the suites each request has its own. Sessions and clock of the processes
 * are at hand here, so that suites can be run over them that were written for one process.
 */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { Session, SessionHandler } from '../../../../lib/index.ts';
import { afterTest } from '../../cleanup.ts';
import type { HttpReceiver, TestClock } from '../../contract.ts';
import { noMiddleware } from '../../contract-app.ts';
import { until } from '../../link-nodes.ts';
import { describeWithRedis, useRedis } from '../../redis/redis-server.ts';
import { echo, type serve, type TestServer } from '../../test-server.ts';
import { DrivenBalancer } from './balancer.ts';
import type { DrivenState } from './calls.ts';
import type { DrivenKind } from './kind.ts';
import { HANDLERS, MIDDLEWARE, nameOf, OPTIONS } from './known.ts';
import type { DrivenProcess } from './process.ts';
import { RedisKind } from './redis-kind.ts';
import { DrivenSession, received } from './session.ts';
import { WorkersKind } from './workers-kind.ts';

/** Looks in a row that found nothing on its way. */
const QUIET_LOOKS = 4;

/** Endpoints so far, each of which has a name of its own: the primary of all suites remembers ended sessions by it. */
let endpoints = 0;

/** Declares a suite twice: over three processes that share a Redis, and over three workers of a primary. */
export function describeProcesses(declare: (processes: DrivenProcesses) => void): void {
  describeWithRedis('Three processes', () => declare(useDrivenProcesses(new RedisKind(useRedis()))));
  describe('Three workers', () => declare(useDrivenProcesses(new WorkersKind())));
}

/** Starts the processes before the suite, and ends them after it. */
function useDrivenProcesses(kind: DrivenKind): DrivenProcesses {
  const processes = new DrivenProcesses(kind);
  before(() => processes.start());
  after(() => processes.kill());
  return processes;
}

export class DrivenProcesses {
  readonly #kind: DrivenKind;
  #all: readonly DrivenProcess[] = [];
  #balancer: DrivenBalancer | undefined;
  #stopsClock = false;
  /** ms by the clock of the test. */
  #now = 0;
  #timersAtRest = 0;

  constructor(kind: DrivenKind) {
    this.#kind = kind;
  }

  async start(): Promise<void> {
    this.#all = this.#kind.start();
    await Promise.all(this.#all.map((each) => each.ready()));
  }

  async kill(): Promise<void> {
    await Promise.all(this.#all.map((each) => each.kill()));
  }

  /** How a suite runs over the processes. */
  get harness(): Required<Pick<HttpReceiver, 'serve' | 'settle' | 'stopClock' | 'countTimers'>> {
    return {
      serve: this.serve(),
      settle: () => this.settled(),
      stopClock: () => this.#stopClock(),
      countTimers: () => this.#countTimers() - this.#timersAtRest,
    };
  }

  /**
   * As `serve`, at the three processes. Middleware must be of `MIDDLEWARE`, since it runs there.
   *
   * @param how.closesConnections whether each request gets a connection of its own from a client that would keep one
   * @param how.isBare whether the router answers by itself, without Express
   * @param how.atSharedPort whether clients connect to the one port of all processes, where there is one
   */
  serve({ closesConnections = false, isBare = false, atSharedPort = false } = {}): typeof serve {
    const listens = atSharedPort && this.#kind.hasSharedPort;
    return async (options = {}, onSession: SessionHandler = echo, { before = noMiddleware } = {}) => {
      endpoints += 1;
      const name = `endpoint-${endpoints}`;
      const middleware = nameOf(before, MIDDLEWARE) ?? assert.fail('middleware of the test cannot run elsewhere');
      const balancer = await DrivenBalancer.start(this.#all, () => this.#kind.forget(name));
      this.#balancer = balancer;
      this.#watch(balancer, onSession);
      for (const each of this.#all) {
        each.call({
          do: 'serve',
          name,
          options: nameOf(options, OPTIONS) ?? options,
          before: middleware,
          onSession: nameOf(onSession, HANDLERS),
          stopsClock: this.#stopsClock,
          closesConnections,
          isBare,
          listens,
        });
      }
      afterTest(() => this.#reset());
      await this.#linked();
      const { testServer } = balancer;
      return listens ? this.#atSharedPort(testServer) : testServer;
    };
  }

  /** Waits until no byte, no command and no report is on its way. */
  async settled(): Promise<void> {
    let before = '';
    for (let quiet = 0; quiet < QUIET_LOOKS; ) {
      await turn();
      const states = this.#states();
      const now = JSON.stringify(states);
      quiet = now === before && this.#isQuiet(states) ? quiet + 1 : 0;
      before = now;
    }
  }

  /** Has the process with this index shut down. Settles once it has. */
  async shutDown(index: number): Promise<void> {
    await this.#finish(this.#all.slice(index, index + 1), 'shut down');
  }

  /** The index of the process that owns a session. */
  ownerOf(session: Session): number {
    assert.ok(session instanceof DrivenSession);
    return this.#all.indexOf(session.owner);
  }

  /** Has the process with this index get the next connection, and the others those after it. */
  startAt(index: number): void {
    if (this.#balancer !== undefined) {
      this.#balancer.next = index;
    }
  }

  /** Bytes that were written on links. */
  get linkBytes(): number {
    return this.#states().reduce((sum, { written }) => sum + written, 0);
  }

  #isQuiet(states: readonly DrivenState[]): boolean {
    const sum = (of: (state: DrivenState) => number) => states.reduce((total, state) => total + of(state), 0);
    return (
      sum(({ written }) => written) === sum(({ read }) => read) &&
      states.every((state, i) => !(state.isWaiting || this.#all[i]?.isAheadOf(state)))
    );
  }

  #states(): DrivenState[] {
    return this.#all.map(({ state }) => state);
  }

  async #linked(): Promise<void> {
    await until(() => this.#states().every(({ hasJoined }) => hasJoined));
    for (const each of this.#all) {
      each.call({ do: 'link' });
    }
    await until(() => this.#states().every(({ isUp, peers }) => isUp && peers === this.#all.length - 1));
    await this.settled();
    this.#timersAtRest = this.#countTimers();
  }

  async #atSharedPort({ server }: TestServer): Promise<TestServer> {
    await until(() => this.#states().every(({ port }) => port !== undefined));
    const [port = 0, ...others] = this.#states().map((state) => state.port);
    assert.ok(others.every((other) => other === port));
    return { server, port, origin: `http://127.0.0.1:${port}` };
  }

  #countTimers(): number {
    return this.#states().reduce((sum, { timers }) => sum + timers, 0);
  }

  #stopClock(): TestClock {
    this.#stopsClock = true;
    this.#now = 0;
    this.#kind.stopClock();
    return {
      tick: (ms) => {
        assert.ok(typeof ms === 'number');
        this.#now += ms;
        this.#kind.tick(ms);
        for (const each of this.#all) {
          each.call({ do: 'tick', ms });
        }
        return this.#now;
      },
      countTimers: () => this.#countTimers(),
      uninstall: () => assert.fail('the clock is stopped for the rest of the test'),
    };
  }

  #watch(balancer: DrivenBalancer, onSession: SessionHandler): void {
    for (const each of this.#all) {
      const sessions = new Map<number, DrivenSession>();
      each.onReport = (report) => {
        switch (report.type) {
          case 'open': {
            const session = new DrivenSession(each, report.session, report.id, report.transport);
            sessions.set(report.session, session);
            void onSession(session.asSession());
            break;
          }
          case 'close':
            sessions.get(report.session)?.hasClosed(report.event);
            break;
          case 'received':
            received.get(report.recv)?.(report.text);
            break;
          case 'tombstone':
            this.#kind.onTombstone(report.id, report.life);
            break;
          default:
            balancer.onReport(each, report);
        }
      };
    }
  }

  async #reset(): Promise<void> {
    await this.#finish(this.#all, 'reset');
    this.#stopsClock = false;
    this.#now = 0;
    this.#kind.reset();
  }

  /** Tells processes to do this, and settles once all have reported that they have. */
  async #finish(processes: readonly DrivenProcess[], type: 'reset' | 'shut down'): Promise<void> {
    await Promise.all(
      processes.map(
        (each) =>
          new Promise<void>((resolve) => {
            const { onReport } = each;
            each.onReport = (report) => {
              onReport(report);
              if (report.type === type) {
                resolve();
              }
            };
            each.tell({ type });
          }),
      ),
    );
  }
}
