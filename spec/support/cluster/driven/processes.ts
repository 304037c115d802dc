/**
 * Three processes that share a Redis, and serve one endpoint for each test. The spec balances them: each connection goes
 * to the next process, and in the suites each request has its own. Sessions and clock of the processes are at hand here,
 * so that suites can be run over them that were written for one process.
 */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { Session, SessionHandler } from '../../../../lib/index.ts';
import { afterTest } from '../../cleanup.ts';
import type { HttpReceiver, TestClock } from '../../contract.ts';
import { noMiddleware } from '../../contract-app.ts';
import { until } from '../../link-nodes.ts';
import type { RedisServer } from '../../redis/redis-server.ts';
import { echo, type serve } from '../../test-server.ts';
import { DrivenBalancer } from './balancer.ts';
import type { DrivenState } from './calls.ts';
import { HANDLERS, MIDDLEWARE, nameOf, OPTIONS } from './known.ts';
import { DrivenProcess } from './process.ts';
import { DrivenSession, received } from './session.ts';

/** The clients of Redis of the three. */
const CLIENTS = ['node-redis', 'ioredis', 'node-redis'] as const;

/** Looks in a row that found nothing on its way. */
const QUIET_LOOKS = 4;

/** Starts the processes before the suite, and ends them after it. */
export function useDrivenProcesses(redis: RedisServer): DrivenProcesses {
  const processes = new DrivenProcesses(redis);
  before(() => processes.start());
  after(() => processes.kill());
  return processes;
}

export class DrivenProcesses {
  readonly #redis: RedisServer;
  #all: readonly DrivenProcess[] = [];
  #balancer: DrivenBalancer | undefined;
  #tests = 0;
  #stopsClock = false;
  /** ms by the clock of the test. */
  #now = 0;
  #timersAtRest = 0;
  /** When Redis is to have forgotten an ended session, by the clock of the test. */
  readonly #forgotten = new Map<string, number>();

  constructor(redis: RedisServer) {
    this.#redis = redis;
  }

  async start(): Promise<void> {
    this.#all = CLIENTS.map(
      (client, i) => new DrivenProcess(`process ${i} (${client})`, { client, redisPort: this.#redis.port }),
    );
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
   */
  serve({ closesConnections = false, isBare = false } = {}): typeof serve {
    return async (options = {}, onSession: SessionHandler = echo, { before = noMiddleware } = {}) => {
      this.#tests += 1;
      const name = `test-${this.#tests}`;
      const middleware = nameOf(before, MIDDLEWARE) ?? assert.fail('middleware of the test cannot run elsewhere');
      const balancer = await DrivenBalancer.start(this.#all, () => this.#forget(name));
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
        });
      }
      afterTest(() => this.#reset());
      await this.#linked();
      return balancer.testServer;
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

  #countTimers(): number {
    return this.#states().reduce((sum, { timers }) => sum + timers, 0);
  }

  #stopClock(): TestClock {
    this.#stopsClock = true;
    this.#now = 0;
    return {
      tick: (ms) => {
        assert.ok(typeof ms === 'number');
        this.#now += ms;
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
            this.#forgotten.set(report.id, this.#now + report.life);
            break;
          default:
            balancer.onReport(each, report);
        }
      };
    }
  }

  /** Deletes the ended sessions whose time has come, since the clock of the test does not move that of Redis. */
  async #forget(name: string): Promise<void> {
    for (const [id, due] of this.#forgotten) {
      if (due <= this.#now) {
        this.#forgotten.delete(id);
        await this.#redis.admin.del(`{sockjs:${name}}:s:${id}`);
      }
    }
  }

  async #reset(): Promise<void> {
    await this.#finish(this.#all, 'reset');
    this.#stopsClock = false;
    this.#now = 0;
    this.#forgotten.clear();
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
