/** Nodes of a cluster whose every message, command and byte moves when the test says so; and one client. */
import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { ClusterDirectory } from '../../../lib/cluster/cluster-directory.ts';
import { OwnerSide } from '../../../lib/cluster/owner-side.ts';
import type { Reached } from '../../../lib/cluster/peers.ts';
import { RequesterSide } from '../../../lib/cluster/requester-side.ts';
import { Metrics } from '../../../lib/metrics.ts';
import type { ClusterRegistry } from '../../../lib/options/cluster-adapter.ts';
import type { SessionEnvironment } from '../../../lib/session/lifecycle.ts';
import { SessionRegistry } from '../../../lib/session/registry.ts';
import { takeTurn } from '../../../lib/session/send-queue.ts';
import type { Session } from '../../../lib/session/session.ts';
import { TimerQueue } from '../../../lib/util/timer-queue.ts';
import { MemoryLink } from '../../support/cluster/memory-link.ts';
import { type Fate, PlainRegistry } from '../../support/cluster/plain-registry.ts';
import { environmentWith, identity } from '../../support/fake-receiver.ts';
import { ModelClient, ModelResponse } from './cluster-client.ts';

type Pair = ReturnType<typeof MemoryLink.pair>;
type Sessions = SessionRegistry<unknown, IncomingMessage>;

const ID = 'session';
const NODE_TIMEOUT = 3000;
const DISCONNECT_DELAY = 5000;
const ME = identity();

/** The node whose application takes messages one by one. Until it has them all, the client may not send more. */
const SLOW_NODE = 2;

/** A session as the application has seen it. */
interface Seen {
  readonly session: Session;
  readonly node: number;
  readonly serial: number;
  sent: number;
  readonly received: number[];
  /** How often proxies had repeated the last message. */
  lastAttempt: number;
  /** Whether the application waits for a message, where it takes them one by one. */
  isReading: boolean;
  /** A message that came twice, since a proxy has repeated a send. The session has to end for it. */
  doubled: number | undefined;
  /** Whether it has got a message whose send was answered 404. It has to end for that, too. */
  hasRefused: boolean;
}

/** A send of the client: its number, where it is, and whether its answer has come. */
interface ModelSend {
  readonly number: number;
  /** How often proxies have repeated it before. */
  readonly attempt: number;
  readonly node: number;
  isOver: boolean;
  /** Tells the owner that the answer has left. */
  answered: (() => void) | undefined;
}

interface ModelNode {
  readonly sessions: Sessions;
  readonly directory: ClusterDirectory<unknown, IncomingMessage>;
  readonly links: Map<number, { readonly pair: Pair; readonly side: RequesterSide }>;
  readonly timers: TimerQueue;
  state: 'alive' | 'unreachable' | 'dead';
}

export class ClusterModel {
  readonly nodes: ModelNode[] = [];
  readonly #commands: (() => void)[] = [];
  readonly #registry = new PlainRegistry((call) => this.#commands.push(call));
  readonly #pairs: Pair[] = [];
  readonly #client = new ModelClient();
  /** All responses and sends ever, which must all end. */
  readonly #responses: ModelResponse[] = [];
  readonly #sends: ModelSend[] = [];
  /** The messages whose sends were answered 404. */
  readonly #refused = new Set<number>();
  readonly seen: Seen[] = [];
  #poll: ModelResponse | undefined;
  #send: ModelSend | undefined;
  #nextNumber = 0;

  constructor(count: number) {
    for (let index = 0; index < count; index += 1) {
      this.nodes.push(this.#makeNode(index));
    }
    this.#client.onOpen = () => {
      this.#nextNumber += 1;
    };
  }

  // ---- The client

  /** Sends a receiving request to a node, unless one is open. */
  poll(index: number, isStream: boolean): void {
    const node = this.nodes[index];
    if (this.#poll !== undefined || node === undefined || node.state !== 'alive') {
      return;
    }
    const response = new ModelResponse(
      index,
      isStream,
      (bytes) => this.#client.onBytes(bytes),
      (how) => {
        this.#client.hadTrouble ||= how !== 'ended';
        this.#poll = this.#poll === response ? undefined : this.#poll;
      },
    );
    this.#client.begin();
    this.#poll = response;
    this.#responses.push(response);
    void Promise.resolve(node.directory.findOrReserve(ID, ME, response)).then((claim) => {
      if (node.state !== 'alive') {
        return;
      }
      if (response.isOver) {
        if (claim.kind === 'reserved') {
          claim.reservation.release();
        } else if (claim.kind === 'live') {
          claim.release?.();
        }
        return;
      }
      switch (claim.kind) {
        case 'live':
          response.attachTo(claim.port);
          break;
        case 'reserved':
          response.attachTo(claim.reservation.commit(new IncomingMessage(new Socket()), response.name, undefined));
          break;
        case 'ended':
          response.close(claim.code, claim.reason);
          break;
        case 'pending':
          response.refuse(2010, 'Another connection still open');
          break;
        default:
          response.answer();
      }
    });
  }

  /** Sends a numbered message by a node, once the one before was answered. */
  post(index: number): void {
    if (this.#send === undefined && this.#client.isOpen && this.#client.canSend) {
      this.#post(index, this.#nextNumber);
    }
  }

  /** The kernel takes bytes of the open response. */
  take(pieces: number): void {
    this.#poll?.take(pieces);
  }

  /** The answer to a send reaches the client. */
  answerLeaves(): void {
    this.#send?.answered?.();
  }

  /** The connection of the receiving request breaks, and a proxy repeats the request at another node. */
  breakOff(retryAt: number): void {
    const isStream = this.#poll?.name === 'xhr-streaming';
    if (this.#poll !== undefined) {
      this.#poll.abort();
      this.poll(retryAt, isStream);
    }
  }

  // ---- The application

  /** The application sends a message on its newest session. */
  appSends(length: number): void {
    const seen = this.seen.at(-1);
    if (seen?.session.send(`${seen.serial}:${seen.sent}:${'x'.repeat(length)}`)) {
      seen.sent += 1;
    }
  }

  /** The application takes a message of its newest session, where it does not take them as they come. */
  appReads(): void {
    const seen = this.seen.at(-1);
    if (seen !== undefined && seen.node === SLOW_NODE && !seen.isReading) {
      this.#read(seen);
    }
  }

  appCloses(): void {
    this.seen.at(-1)?.session.close(3000, 'Go away!');
  }

  // ---- The network

  /** A message arrives on one of the links that have any. */
  deliver(which: number): void {
    const ends = this.#pairs.flatMap(({ requester, owner }) => [requester, owner]).filter((end) => end.arriving > 0);
    ends[which % ends.length]?.deliver();
  }

  /** A command of the registry goes on, whichever has waited how long. */
  command(which: number): void {
    const [go] = this.#commands.splice(which % (this.#commands.length || 1), 1);
    go?.();
  }

  setFate(fate: Fate): void {
    this.#registry.fate = () => fate;
  }

  /** A link breaks. Some of what is under way still arrives. */
  cut(which: number, here: number, there: number): void {
    this.#pairs[which % (this.#pairs.length || 1)]?.requester.cut(here, there);
  }

  /** A link takes no frames for a while. */
  fill(which: number, isFull: boolean): void {
    const owner = this.#pairs[which % (this.#pairs.length || 1)]?.owner;
    if (owner !== undefined && isFull) {
      owner.isFull = true;
    } else if (owner?.isFull === true) {
      owner.unblock();
    }
  }

  /** A node asks all owners to send no more. */
  yield(index: number): void {
    for (const { side } of this.nodes[index]?.links.values() ?? []) {
      side.yield();
    }
  }

  /** A process is killed. Proxies repeat the requests that it had. */
  kill(index: number, retryAt: number): void {
    const node = this.nodes[index];
    if (node === undefined || this.nodes.filter(({ state }) => state === 'alive').length < 2) {
      return;
    }
    node.state = 'unreachable';
    for (const { requester, owner } of this.#pairs) {
      for (const [own, other] of [
        [requester, owner],
        [owner, requester],
      ] as const) {
        if (other.peer === String(index)) {
          own.handler = undefined;
          own.cut(0, 1);
        }
      }
    }
    const send = this.#send;
    if (this.#poll?.node === index) {
      this.breakOff(retryAt);
    }
    if (send?.node === index) {
      send.isOver = true;
      this.#send = undefined;
      // Where there is no other node to repeat it at, the client takes the session for lost.
      this.#client.canSend = false;
      this.#post(retryAt, send.number, send.attempt + 1);
    }
  }

  /** The leases of killed processes run out. */
  expireLeases(): void {
    for (const node of this.nodes) {
      node.state = node.state === 'unreachable' ? 'dead' : node.state;
    }
  }

  // ---- Checks

  check(): void {
    const live = this.seen.filter(({ session, node }) => session.state !== 'closed' && this.#isAlive(node));
    assert.ok(live.length <= 1, 'two owners');
    for (const { requester, owner } of this.#pairs) {
      assert.deepEqual([...requester.errors, ...owner.errors], []);
    }
    for (const { session } of live) {
      assert.ok(session.bufferedAmount >= 0);
    }
    for (const { received, doubled } of this.seen) {
      received.forEach((number, at) => {
        const before = received[at - 1];
        const isNext = before === undefined || number === before + 1;
        assert.ok(isNext || (number === before && doubled === number), `the application received ${received.join()}`);
      });
    }
  }

  /** Heals what is broken, ends the session, and expects that every request has ended. */
  async end(settle: (ms: number) => Promise<void>): Promise<void> {
    this.setFate('answered');
    this.expireLeases();
    for (const { owner } of this.#pairs) {
      owner.unblock();
    }
    await this.run(settle);
    for (const { session, doubled, hasRefused, node } of this.seen) {
      const mayStay = session.state !== 'active' || !this.#isAlive(node);
      assert.ok(doubled === undefined || mayStay, 'a doubled message stays');
      assert.ok(!hasRefused || mayStay, 'a message stays whose send was answered 404');
    }
    for (let round = 0; round < 40; round += 1) {
      for (const { session } of this.seen) {
        session.close(3000, 'The end');
      }
      this.#poll?.take();
      this.answerLeaves();
      await this.run(settle);
      await settle(round < 5 ? 0 : 2000);
    }
    assert.deepEqual(
      this.#responses.filter(({ isOver }) => !isOver),
      [],
      'a receiving request hangs',
    );
    assert.deepEqual(
      this.#sends.filter(({ isOver }) => !isOver),
      [],
      'a send hangs',
    );
    for (const { session, node } of this.seen) {
      assert.ok(session.state === 'closed' || !this.#isAlive(node), 'a session does not end');
    }
  }

  /** Lets all that is under way arrive. */
  async run(settle: (ms: number) => Promise<void>): Promise<void> {
    for (let step = 0; step < 500; step += 1) {
      const isIdle = this.#commands.length === 0 && this.#pairs.every((pair) => isQuiet(pair));
      this.command(0);
      for (const { requester, owner } of this.#pairs) {
        requester.deliver();
        owner.deliver();
      }
      await settle(0);
      if (isIdle) {
        return;
      }
    }
  }

  #isAlive(index: number): boolean {
    return this.nodes[index]?.state === 'alive';
  }

  // ---- Inside

  #makeNode(index: number): ModelNode {
    const timers = new TimerQueue();
    const environment: SessionEnvironment<Session> = {
      ...environmentWith(),
      timers,
      disconnectDelay: DISCONNECT_DELAY,
      heartbeatDelay: 1000,
      maxReceiveBuffer: 0,
      metrics: new Metrics(),
      onSession: (session) => this.#onSession(session, index),
    };
    const limits = { maxSessions: Number.POSITIVE_INFINITY, maxSessionsPerClient: Number.POSITIVE_INFINITY };
    const sessions: Sessions = new SessionRegistry(environment, limits);
    const links: ModelNode['links'] = new Map();
    const directory = new ClusterDirectory(sessions, {
      nodeId: String(index),
      registry: this.#registryOf(index),
      peers: { reach: (nodeId) => this.#reach(index, Number(nodeId)) },
      membership: { joined: () => undefined, epoch: '1', requestReassert: () => {} },
      secret: '',
      disconnectDelay: DISCONNECT_DELAY,
    });
    return { sessions, directory, links, timers, state: 'alive' };
  }

  /** The registry as a process sees it: once it is killed, no command of it goes out, and no answer comes in. */
  #registryOf(index: number): ClusterRegistry {
    const registry = this.#registry;
    const guard = <Args extends unknown[], Answer>(command: (...args: Args) => Promise<Answer>) => {
      return (...args: Args) =>
        new Promise<Answer>((resolve, reject) => {
          if (this.#isAlive(index)) {
            command.apply(registry, args).then(
              (answer) => this.#isAlive(index) && resolve(answer),
              (error) => this.#isAlive(index) && reject(error),
            );
          }
        });
    };
    return {
      renew: guard(registry.renew),
      remove: guard(registry.remove),
      node: guard(registry.node),
      claim: guard(registry.claim),
      find: guard(registry.find),
      release: guard(registry.release),
      end: guard(registry.end),
      reassert: guard(registry.reassert),
    };
  }

  #reach(from: number, to: number): Reached {
    const [node, peer] = [this.nodes[from], this.nodes[to]];
    assert.ok(node && peer);
    if (peer.state !== 'alive') {
      return { kind: peer.state };
    }
    const known = node.links.get(to);
    if (known !== undefined && !known.side.hasEnded) {
      return { kind: 'linked', side: known.side };
    }
    // A second link from the same node ends the first, before it is served.
    known?.pair.owner.terminate();
    const pair = MemoryLink.pair(String(from), String(to), () => {});
    const side = new RequesterSide(pair.requester, {
      nodeTimeout: NODE_TIMEOUT,
      maxQueuedBytes: 1_000_000,
      timers: node.timers,
    });
    pair.requester.handler = side;
    pair.owner.handler = new OwnerSide(pair.owner, peer.sessions, {
      responseLimit: 200,
      nodeTimeout: NODE_TIMEOUT,
      timers: peer.timers,
    });
    node.links.set(to, { pair, side });
    this.#pairs.push(pair);
    return { kind: 'linked', side };
  }

  #onSession(session: Session, node: number): void {
    const seen: Seen = {
      session,
      node,
      serial: this.seen.length,
      sent: 0,
      received: [],
      lastAttempt: 0,
      isReading: false,
      doubled: undefined,
      hasRefused: false,
    };
    this.seen.push(seen);
    if (node === SLOW_NODE) {
      this.#read(seen);
    } else {
      session.on('message', (message) => this.#onMessage(seen, message));
    }
  }

  #read(seen: Seen): void {
    seen.isReading = true;
    seen.session.recv().then(
      (message) => {
        seen.isReading = false;
        this.#onMessage(seen, message);
      },
      () => {},
    );
  }

  #onMessage(seen: Seen, message: string): void {
    const [number = -1, attempt = -1] = message.split('.').map(Number);
    // The one that was repeated may be on its way yet, but must not have been delivered before.
    if (seen.received.at(-1) === number && attempt < seen.lastAttempt) {
      seen.doubled = number;
    }
    seen.lastAttempt = attempt;
    seen.received.push(number);
    seen.hasRefused ||= this.#refused.has(number);
  }

  #post(index: number, number: number, attempt = 0): void {
    const node = this.nodes[index];
    if (node === undefined || node.state !== 'alive') {
      return;
    }
    const send: ModelSend = { number, attempt, node: index, isOver: false, answered: undefined };
    this.#send = send;
    this.#sends.push(send);
    void Promise.resolve(node.directory.find(ID, ME)).then((found) => {
      if (found.kind !== 'live' || !found.port.isActive) {
        this.#onAnswer(send, found.kind === 'unavailable' ? 503 : 404);
        return;
      }
      const { port } = found;
      const hasTurn = takeTurn(port, (endTurn) => {
        port.receive([`${number}.${attempt}`], 1, (accepted, relayed) => {
          const answer = () => {
            relayed?.answered?.();
            this.#onAnswer(send, accepted ? 204 : 404);
          };
          // An answer may be long on its way.
          send.answered = answer;
          endTurn();
        });
      });
      assert.ok(hasTurn);
    });
  }

  #onAnswer(send: ModelSend, status: 204 | 404 | 503): void {
    if (send.isOver) {
      return;
    }
    send.isOver = true;
    this.#send = this.#send === send ? undefined : this.#send;
    if (status === 204) {
      assert.ok(
        // At the end of a session, what it has got may still wait to be read.
        this.seen.some(({ received, node }) => received.includes(send.number) || node === SLOW_NODE),
        `message ${send.number} was answered 204, but the application has not received it`,
      );
      this.#nextNumber = send.number + 1;
      this.#client.canSend = true;
    } else if (status === 404) {
      this.#refused.add(send.number);
      for (const seen of this.seen) {
        seen.hasRefused ||= seen.received.includes(send.number);
      }
      // It takes the session for lost, and reads what comes all the same.
      this.#client.canSend = false;
      this.#client.hadTrouble = true;
    }
  }
}

function isQuiet({ requester, owner }: Pair): boolean {
  return requester.arriving === 0 && owner.arriving === 0;
}
