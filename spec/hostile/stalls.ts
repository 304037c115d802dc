/**
 * Runs a server whose event loop is blocked repeatedly, with healthy clients and dead peers. The data that a healthy
 * client has sent in time waits in the kernel, so the server must not end it after a stall.
 */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { LoopMonitor } from './loop-monitor.ts';
import { Random } from './random.ts';
import {
  describeRole,
  HeldCallbacks,
  isRenewed,
  isWebSocket,
  Member,
  type MemberContext,
  type Role,
  rolesFor,
} from './stall-clients.ts';
import { connectDeadPeers, type DeadPeer } from './stall-dead-peers.ts';
import { GOING_AWAY, type StallMoment } from './stall-protocol.ts';
import { type Failure, limitOf, type StallsResult, withCounts } from './stall-report.ts';
import { StalledServer } from './stalled-server.ts';

/** A stall. */
export interface Stall {
  readonly moment: StallMoment;
  /** Length in multiples of the limit. At 0 everything happens except the stall. */
  readonly factor: number;
  /**
   * ms for which the server runs before the stall.
   * @default 0
   */
  readonly after?: number;
}

export interface StallsOptions {
  /** ms of every time limit of the server. Healthy clients need a large part of it. */
  readonly limit: number;
  readonly seed: number;
  /** The stalls in order. The run takes each when the one before has ended. */
  readonly plan: Iterable<Stall>;
  /** Length of the stall after `router.close()`, in multiples of the limit, which is also its timeout. */
  readonly closing: number;
  /**
   * The roles. Each gets one client.
   * @default rolesFor(limit)
   */
  readonly roles?: readonly Role[];
  /**
   * How many times faster the clock of the package runs than a real clock. Above 1 there are no dead peers, since every
   * timer is late on such a clock.
   * @default 1
   */
  readonly speed?: number;
}

/** How long a healthy client may delay its answer, in multiples of the limit. */
const MAX_HOLD = 0.4;

/** A failure is excused if the clients' process could not run for this long, in multiples of the limit. */
const EXCUSE = 0.25;

/**
 * How long the server's event loop may run until it has ended a dead peer, in multiples of the limit. A silent
 * WebSocket takes two rounds, and a stall may start one of them again.
 */
const DEAD_PEER_LIMITS = 6;

/** The same, until it has pinged a silent client. */
const PING_LIMITS = 2;

/** The same, until it has answered a healthy client. */
const ANSWER_LIMITS = 20;

/** Runs the plan on a new server. Rejects when the server process ends. */
export async function stalls(options: StallsOptions): Promise<StallsResult> {
  const { limit, speed = 1 } = options;
  const server = await StalledServer.start({ limit: limit * speed, speed });
  const run = new StallsRun(server, options);
  try {
    return await run.run();
  } finally {
    run.end();
    await server.end();
  }
}

class StallsRun {
  readonly #server: StalledServer;
  readonly #options: StallsOptions;
  readonly #random: Random;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  readonly #monitor = new LoopMonitor();
  readonly #pongs: HeldCallbacks;
  /** Holds answers to queries of the application, and the reading of slow readers. */
  readonly #duties: HeldCallbacks;
  readonly #roles: readonly Role[];
  /** Clients that only answer pings. */
  readonly #pinged: number;
  /** The client of each role, by the index of the role. */
  readonly #members = new Map<number, Member>();
  readonly #deadPeers: DeadPeer[] = [];
  readonly #failures: { readonly member: Member; readonly failure: Omit<Failure, 'server' | 'limit'> }[] = [];
  #sessions = 0;
  #rounds = 0;
  #stalls = 0;
  #stalled = 0;
  /** The last stall, as of `performance.now()`. */
  #present = { name: 'before all stalls', from: performance.now(), to: performance.now() };

  constructor(server: StalledServer, options: StallsOptions) {
    const { limit, seed, roles = rolesFor(limit) } = options;
    this.#server = server;
    this.#options = options;
    this.#random = new Random(seed);
    this.#pongs = new HeldCallbacks(MAX_HOLD * limit);
    this.#duties = new HeldCallbacks(MAX_HOLD * limit);
    this.#roles = roles;
    server.onQuery = this.#duties.take;
    this.#pinged = roles.filter(({ duty }) => duty === 'answers pings').length;
  }

  async run(): Promise<StallsResult> {
    for (const stall of this.#options.plan) {
      await delay(stall.after ?? 0);
      await this.#fill();
      if ((this.#options.speed ?? 1) === 1) {
        await this.#connectDeadPeers();
      }
      await this.#stall(stall);
      await this.#broadcast();
    }
    const left = await this.#awaitDeadPeers();
    await this.#lastRounds();
    await this.#close();
    const failed = new Set(this.#failures.map(({ member }) => member.id));
    const { stderr } = this.#server;
    // A client that has lost its session may send to a new one with the same id before it notices.
    const wrong = this.#server.wrong.filter(({ id }) => !failed.has(id)).map(({ text }) => text);
    return {
      seed: this.#options.seed,
      stalls: this.#stalls,
      stalled: Math.round(this.#stalled / 1000),
      sessions: this.#sessions,
      rounds: this.#rounds,
      failures: this.#failures.map(({ member, failure }) => {
        const server = this.#endOf(member.id);
        return { ...failure, server, limit: limitOf(member.role, failure, server) };
      }),
      deadPeers: this.#deadPeers.length - left.length,
      left: left.length === 0 ? [] : [`dead peers: ${withCounts(left)}`],
      wrong: stderr === '' ? wrong : [...wrong, stderr],
    };
  }

  end(): void {
    this.#monitor.stop();
    this.#pongs.release();
    this.#duties.release();
    for (const { client } of this.#members.values()) {
      client.abort();
    }
    for (const peer of this.#deadPeers) {
      peer.leave();
    }
    this.#agent.destroy();
  }

  /** Opens a client in each role whose client is missing, has failed, or must be new for each stall. */
  async #fill(): Promise<void> {
    const opening: Pending[] = [];
    for (const [place, role] of this.#roles.entries()) {
      const member = this.#members.get(place);
      if (member === undefined || member.hasFailed || isRenewed(role)) {
        member?.client.abort();
        if (role.duty !== 'arrives') {
          const newcomer = this.#newMember(place, role);
          opening.push({ member: newcomer, over: newcomer.open() });
        }
      }
    }
    await this.#answered('opening', opening);
  }

  #newMember(place: number, role: Role): Member {
    this.#sessions += 1;
    const context: MemberContext = {
      server: this.#server,
      agent: this.#agent,
      limit: this.#options.limit,
      random: this.#random,
      onPing: this.#pongs.take,
      readAfter: () => new Promise((resolve) => this.#duties.take(resolve)),
      onFailure: (member, error) => this.#recordFailure(member, error),
      onRound: () => {
        this.#rounds += 1;
      },
    };
    const member = new Member(role, `s${this.#options.seed}-${place}-${this.#sessions}`, context);
    this.#members.set(place, member);
    return member;
  }

  async #connectDeadPeers(): Promise<void> {
    const connecting = connectDeadPeers(this.#server, `dead${this.#options.seed}-${this.#stalls}`);
    const peers = await this.#server.within(ANSWER_LIMITS * this.#options.limit, connecting);
    assert.ok(peers !== 'late', `dead peers never connected, with seed ${this.#options.seed}`);
    this.#deadPeers.push(...peers);
  }

  /** Has clients begin their actions, blocks the server, and waits until the actions are complete. */
  async #stall({ moment, factor }: Stall): Promise<void> {
    const { limit } = this.#options;
    const ms = Math.round(factor * limit);
    const pinged = this.#pongs.hold(this.#pinged);
    if (factor >= 1 && this.#pinged > 0) {
      // The server waits a whole limit for a pong. A shorter stall cannot exceed that.
      await this.#server.within(PING_LIMITS * limit, pinged);
    }
    const duties = this.#beginDuties();
    await this.#server.within(ANSWER_LIMITS * limit, Promise.all(duties.map(({ begun }) => begun)));
    if (moment !== 'broadcast') {
      // Answers all polls. Clients with a think time poll again during the stall.
      this.#server.send({ do: 'broadcast' });
    }
    const stalling = this.#server.report('stalling');
    const times = moment === 'twice' ? 2 : 1;
    let over = 0;
    const stalled = this.#server.report('stalled', () => {
      over += 1;
      return over === times;
    });
    this.#server.send({ do: 'stall', moment, ms, fallback: 0.2 * limit });
    await stalling;
    this.#noteStall(`${moment} ${factor}`, times * ms);
    // The server is blocked now, so all of this waits in the kernel.
    this.#pongs.release();
    this.#duties.release();
    await stalled;
    await this.#answered('in the middle of a stall', duties);
  }

  /** Has clients begin their actions of a stall. `begun` settles when the server has seen the beginning. */
  #beginDuties(): (Pending & { readonly begun: Promise<unknown> })[] {
    void this.#duties.hold(0);
    return [...this.#roles.entries()].flatMap(([place, role]) => {
      const member = role.duty === 'arrives' ? this.#newMember(place, role) : this.#members.get(place);
      if (member === undefined || member.hasFailed) {
        return [];
      }
      const sign = this.#signOf(member);
      const over = member.perform();
      return sign === undefined ? [] : [{ member, begun: Promise.race([sign, over]), over }];
    });
  }

  /** Settles when the server has seen the beginning of a member's action. Undefined if it has none. */
  #signOf({ id, role }: Member): Promise<unknown> | undefined {
    const server = this.#server;
    switch (role.duty) {
      case 'sends slowly':
        return isWebSocket(role.transport) ? Promise.resolve() : server.report('seen', ({ tag }) => tag === id);
      case 'reads slowly':
        return server.report('seen', ({ tag }) => tag === id);
      case 'is read slowly':
        return server.report('query', ({ by }) => by === id);
      case 'arrives':
        return server.report('query', ({ by }) => by.includes(id));
      default:
        return undefined;
    }
  }

  /** Sends a broadcast, and waits until all clients have it. */
  async #broadcast(): Promise<void> {
    const given = this.#server.report('broadcast');
    this.#server.send({ do: 'broadcast' });
    const { number } = await given;
    await this.#answered(
      'waiting for a broadcast',
      each(this.#members.values(), (member) => member.broadcast(number)),
    );
  }

  /** Waits for the end of all dead peers. Returns the deviations. */
  async #awaitDeadPeers(): Promise<string[]> {
    const all = await Promise.all(
      this.#deadPeers.map(async ({ name, expected, ended, isVoid }) => {
        const end = await this.#server.within(DEAD_PEER_LIMITS * this.#options.limit, ended);
        if (end === expected || isVoid?.() === true) {
          return [];
        }
        return [
          end === 'late'
            ? `${name}: not ended in ${DEAD_PEER_LIMITS} limits without a stall`
            : `${name}: ended with ${end} in place of ${expected}`,
        ];
      }),
    );
    return all.flat();
  }

  /** Plays one more round with each client, since some have sent no message yet. */
  async #lastRounds(): Promise<void> {
    await this.#answered(
      'talking',
      each(this.#members.values(), (member) => member.stop()),
    );
    // Without large answers, which would keep this process busy when the server closes.
    const quiet = this.#alive.filter(({ role }) => role.duty !== 'reads slowly');
    await this.#answered(
      'in the last round',
      each(quiet, (member) => member.round(1)),
    );
  }

  /**
   * Closes the routers, and blocks the server immediately after. A session whose client accepts the close frame must
   * not be cut.
   */
  async #close(): Promise<void> {
    const { limit, closing, speed = 1 } = this.#options;
    const server = this.#server;
    const alive = this.#alive;
    const closes = each(alive, (member) => member.expectClose(GOING_AWAY));
    const stalling = server.report('stalling');
    const shut = server.report('shut');
    server.send({ do: 'close', timeout: limit * speed, ms: Math.round(closing * limit) });
    await stalling;
    this.#noteStall(`close ${closing}`, closing * limit);
    await this.#answered('waiting for the close frame', closes);
    const end = await server.within(ANSWER_LIMITS * limit, shut);
    if (end === 'late') {
      server.wrong.push({ id: '', text: 'router.close() did not settle' });
    }
    for (const member of alive) {
      const closed = server.closed(member.id);
      if (!member.hasFailed && closed?.wasClean !== true) {
        this.#recordFailure(member, new Error('cut by router.close()'));
      }
    }
  }

  /** Waits for all members. A client fails if it gets no answer although the server's event loop runs. */
  async #answered(what: string, all: readonly Pending[]): Promise<void> {
    const open = new Set<Member>();
    const answers = all.map(async ({ member, over }) => {
      open.add(member);
      await over;
      open.delete(member);
    });
    if ((await this.#server.within(ANSWER_LIMITS * this.#options.limit, Promise.all(answers))) === 'late') {
      for (const { client } of open) {
        client.fail(new Error(`got no answer, ${what}`));
      }
    }
  }

  get #alive(): readonly Member[] {
    return [...this.#members.values()].filter(({ hasFailed }) => !hasFailed);
  }

  #noteStall(name: string, ms: number): void {
    const from = performance.now();
    this.#present = { name, from, to: from + ms };
    this.#stalls += 1;
    this.#stalled += ms;
  }

  #recordFailure(member: Member, error: Error): void {
    const { limit } = this.#options;
    const { name, from, to } = this.#present;
    const now = performance.now();
    // A healthy client has answered after MAX_HOLD. It may be late by the rest of the stall.
    const spare = Math.max(0, to - from - MAX_HOLD * limit);
    const before = Math.max(0, this.#monitor.gapsIn({ from: from - limit, to }) - spare);
    const late = before + this.#monitor.gapsIn({ from: Math.max(to, now - 2 * limit), to: now });
    const failure = {
      role: describeRole(member.role),
      id: member.id,
      what: error.message,
      stall: name,
      at: Math.round(now - from),
      isExcused: late >= EXCUSE * limit,
    };
    this.#failures.push({ member, failure });
  }

  #endOf(id: string): string {
    const end = this.#server.closed(id);
    return end === undefined ? 'lives' : `${end.code} ${end.reason}`.trimEnd();
  }
}

/** A member, and what the run waits for. It settles when the member is done or has failed. */
interface Pending {
  readonly member: Member;
  readonly over: Promise<void>;
}

function each(members: Iterable<Member>, what: (member: Member) => Promise<void>): Pending[] {
  return Array.from(members, (member) => ({ member, over: what(member) }));
}
