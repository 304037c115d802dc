/** The healthy clients of a server that is blocked: their roles, and what each does in a stall. */
import type { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from './random.ts';
import { type HttpSoakTransport, SoakClient, type SoakTransport } from './soak-client.ts';
import type { StalledServer } from './stalled-server.ts';

/** What a client does beside receiving. */
export type Duty =
  /** Nothing. */
  | 'waits'
  /** It only answers pings. It is new before each stall, so that its ping is due; WebSocket only. */
  | 'answers pings'
  /** It sends one round of messages after the other. */
  | 'talks'
  /** In each stall it is in the middle of a send, whose pieces it writes at regular intervals. */
  | 'sends slowly'
  /** The server sends it more than the kernel takes. It begins to read when the server is blocked. */
  | 'reads slowly'
  /** In each stall the application waits for a database before it reads the next message of this client. */
  | 'is read slowly'
  /** It is new in each stall, while middleware or `authorize` waits for a database. */
  | 'arrives';

/** A kind of client. */
export interface Role {
  readonly duty: Duty;
  readonly endpoint: string;
  readonly transport: SoakTransport;
  /** Whether each request gets a new connection. */
  readonly isFresh: boolean;
  /** ms from the end of a response to the next poll. */
  readonly thinkTime: number;
}

const HTTP_TRANSPORTS: readonly HttpSoakTransport[] = ['xhr', 'xhr_streaming', 'eventsource', 'htmlfile', 'jsonp'];
const WEB_SOCKETS = ['websocket', 'websocket-raw'] as const;

/** All roles, for endpoints with that limit in ms. */
export function rolesFor(limit: number): Role[] {
  const role = (duty: Duty, transport: SoakTransport, more: Partial<Role> = {}): Role => ({
    duty,
    transport,
    endpoint: '/echo',
    isFresh: false,
    thinkTime: 0,
    ...more,
  });
  return [
    ...HTTP_TRANSPORTS.flatMap((transport) => [
      role('waits', transport),
      role('waits', transport, { isFresh: true }),
      role('waits', transport, { isFresh: true, thinkTime: 0.2 * limit }),
      role('sends slowly', transport),
    ]),
    ...HTTP_TRANSPORTS.map((transport, i) => role('talks', transport, { isFresh: i % 2 === 0 })),
    ...WEB_SOCKETS.flatMap((transport) => [
      role('waits', transport),
      role('answers pings', transport),
      role('answers pings', transport),
      role('talks', transport),
      role('sends slowly', transport),
      role('reads slowly', transport, { endpoint: '/big' }),
      role('is read slowly', transport, { endpoint: '/read' }),
      role('arrives', transport, { endpoint: '/gate' }),
    ]),
    role('is read slowly', 'xhr', { endpoint: '/read' }),
    role('is read slowly', 'jsonp', { endpoint: '/read', isFresh: true }),
    role('arrives', 'xhr', { endpoint: '/gate' }),
  ];
}

/**
 * Roles of clients whose response ends with more than the kernel takes. Their limit is fixed and minutes long, so the
 * clock of their server must run fast.
 */
export function slowReaders(): Role[] {
  return (['xhr', 'xhr_streaming', 'jsonp'] as const).map((transport) => ({
    duty: 'reads slowly',
    transport,
    endpoint: '/big',
    isFresh: true,
    thinkTime: 0,
  }));
}

/** Whether a transport is no HTTP transport. */
export function isWebSocket(transport: SoakTransport): transport is (typeof WEB_SOCKETS)[number] {
  return WEB_SOCKETS.some((one) => one === transport);
}

/** Whether a role wants a new client for each stall. */
export function isRenewed({ duty }: Role): boolean {
  // The kernel gives a connection more room the more it has carried, and would then take all of a large message.
  return duty === 'answers pings' || duty === 'reads slowly' || duty === 'arrives';
}

/** Describes a role in a few words. */
export function describeRole({ duty, endpoint, transport, isFresh, thinkTime }: Role): string {
  const connection = isWebSocket(transport) ? '' : isFresh ? ', fresh' : ', kept alive';
  return `${transport}${connection}${thinkTime > 0 ? ', thinks' : ''}, ${duty} (${endpoint})`;
}

/** What a member needs from its run. */
export interface MemberContext {
  readonly server: StalledServer;
  readonly agent: Agent;
  readonly limit: number;
  readonly random: Random;
  /** Called for each ping to a member that only answers pings, with what sends the pong. */
  readonly onPing: (pong: () => void) => void;
  /** Settles when a member that reads slowly is to begin. */
  readonly readAfter: () => Promise<void>;
  readonly onFailure: (member: Member, error: Error) => void;
  readonly onRound: () => void;
}

/** A client in its role. */
export class Member {
  readonly role: Role;
  readonly id: string;
  readonly client: SoakClient;
  readonly #context: MemberContext;
  #hasFailed = false;
  #isStopped = false;
  #talk: Promise<void> = Promise.resolve();

  constructor(role: Role, id: string, context: MemberContext) {
    this.role = role;
    this.id = id;
    this.#context = context;
    this.client = new SoakClient({
      port: context.server.port,
      agent: role.isFresh ? false : context.agent,
      transport: role.transport,
      id,
      endpoint: role.endpoint,
      thinkTime: role.thinkTime,
      ...(role.duty === 'answers pings' ? { onPing: context.onPing } : {}),
      onError: (error) => {
        this.#hasFailed = true;
        context.onFailure(this, error);
      },
    });
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Settles when it is open, or dead. A member that talks begins then. */
  async open(): Promise<void> {
    await this.client.opened().catch(() => {});
    if (this.role.duty === 'talks') {
      this.#talk = this.#keepTalking();
    }
  }

  /** Begins what it does in a stall. Settles when it is through, or dead. */
  async perform(): Promise<void> {
    const { limit } = this.#context;
    switch (this.role.duty) {
      case 'sends slowly':
        // Takes 0.3 of the limit on the side of the client.
        return this.round(1, { pieces: 7, pause: 0.05 * limit, tag: this.id });
      case 'reads slowly':
        return this.round(1, { readAfter: this.#context.readAfter() });
      case 'is read slowly':
        return this.round(4);
      case 'arrives':
        return this.open();
      default:
    }
  }

  /** As `round()` of its client. Settles when that is over, or it is dead. */
  async round(...args: Parameters<SoakClient['round']>): Promise<void> {
    await this.client.round(...args).then(this.#context.onRound, () => {});
  }

  /** Settles when it has the broadcast of that number, or is dead. */
  async broadcast(number: number): Promise<void> {
    await this.client.broadcast(number).catch(() => {});
  }

  /** Stops talking. Settles when its last round is over. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#talk;
  }

  /** Settles when the server has closed it with that code, or it is dead. */
  async expectClose(code: number): Promise<void> {
    await this.client.expectClose(code).catch(() => {});
  }

  async #keepTalking(): Promise<void> {
    const { random, limit } = this.#context;
    while (!this.#hasFailed && !this.#isStopped) {
      await this.round(1 + random.below(3));
      await delay(random.below(0.05 * limit));
    }
  }
}

/** Delays callbacks until `release()`, but none for longer than a healthy client may take. */
export class HeldCallbacks {
  readonly #maxDelay: number;
  readonly #held = new Map<() => void, NodeJS.Timeout>();
  #isHolding = false;
  #missing = 0;
  #gatherTimer: NodeJS.Timeout | undefined;
  #onHeld: (() => void) | undefined;

  /** @param longest ms after which a callback is called in any case */
  constructor(maxDelay: number) {
    this.#maxDelay = maxDelay;
  }

  /** Begins to hold. Settles when it holds so many, or has held the first for a quarter of the longest time. */
  hold(wanted: number): Promise<void> {
    this.#isHolding = true;
    this.#missing = wanted;
    return new Promise((resolve) => {
      this.#onHeld = resolve;
    });
  }

  /** Takes a callback; calls it at once when it does not hold. */
  readonly take = (callback: () => void): void => {
    if (!this.#isHolding) {
      callback();
      return;
    }
    const timer = setTimeout(() => {
      this.#held.delete(callback);
      callback();
    }, this.#maxDelay);
    this.#held.set(callback, timer);
    this.#missing -= 1;
    this.#gatherTimer ??= setTimeout(() => this.#onHeld?.(), this.#maxDelay / 4);
    if (this.#missing <= 0) {
      this.#onHeld?.();
    }
  };

  /** Calls all callbacks, and holds no more. */
  release(): void {
    this.#isHolding = false;
    clearTimeout(this.#gatherTimer);
    this.#gatherTimer = undefined;
    this.#onHeld?.();
    for (const [callback, timer] of this.#held) {
      clearTimeout(timer);
      callback();
    }
    this.#held.clear();
  }
}
