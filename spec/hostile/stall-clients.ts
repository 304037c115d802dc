/** The healthy clients of a blocked server: their roles, and what each does in a stall. */
import type { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from './random.ts';
import { type HttpSoakTransport, SoakClient, type SoakTransport } from './soak-client.ts';
import type { StalledServer } from './stalled-server.ts';

/** What a client does besides receiving. */
export type Duty =
  /** Nothing. */
  | 'waits'
  /** It only answers pings. A new client takes the role before each stall, so that its ping is due. WebSocket only. */
  | 'answers pings'
  /** It sends one round of messages after another. */
  | 'talks'
  /** During each stall it sends a body in pieces, at regular intervals. */
  | 'sends slowly'
  /** The server sends it more than the kernel takes. It begins to read when the server is blocked. */
  | 'reads slowly'
  /** During each stall the application waits for a database before it reads the next message of this client. */
  | 'is read slowly'
  /** A new client connects during each stall, while middleware or `authorize` waits for a database. */
  | 'arrives';

/** A kind of client. */
export interface Role {
  readonly duty: Duty;
  readonly endpoint: string;
  readonly transport: SoakTransport;
  /** Whether each request opens a new connection. */
  readonly isFresh: boolean;
  /** ms from the end of a response to the next poll. */
  readonly thinkTime: number;
}

const HTTP_TRANSPORTS: readonly HttpSoakTransport[] = ['xhr', 'xhr_streaming', 'eventsource', 'htmlfile', 'jsonp'];
const WEB_SOCKETS = ['websocket', 'websocket-raw'] as const;

/** Returns all roles, for endpoints with that limit in ms. */
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
 * Returns roles of clients whose response ends with more than the kernel takes. The limit on such a response is fixed
 * and takes minutes, so their server needs a fast clock.
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

/** Whether a transport is a WebSocket. */
export function isWebSocket(transport: SoakTransport): transport is (typeof WEB_SOCKETS)[number] {
  return WEB_SOCKETS.some((one) => one === transport);
}

/** Whether a role needs a new client for each stall. */
export function isRenewed({ duty }: Role): boolean {
  // The kernel enlarges the buffers of a busy connection. They would then hold all of a large message.
  return duty === 'answers pings' || duty === 'reads slowly' || duty === 'arrives';
}

/** Describes a role in a few words. */
export function describeRole({ duty, endpoint, transport, isFresh, thinkTime }: Role): string {
  const connection = isWebSocket(transport) ? '' : isFresh ? ', fresh' : ', kept alive';
  return `${transport}${connection}${thinkTime > 0 ? ', thinks' : ''}, ${duty} (${endpoint})`;
}

/** The run of a member, as the member needs it. */
export interface MemberContext {
  readonly server: StalledServer;
  readonly agent: Agent;
  readonly limit: number;
  readonly random: Random;
  /** Called for each ping of a member that only answers pings, with a function that sends the pong. */
  readonly onPing: (pong: () => void) => void;
  /** Settles when a member that reads slowly may read. */
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

  /** Settles when the client is open or has failed. A member that talks begins then. */
  async open(): Promise<void> {
    await this.client.opened().catch(() => {});
    if (this.role.duty === 'talks') {
      this.#talk = this.#keepTalking();
    }
  }

  /** Begins the member's action of a stall. Settles when it is complete, or the client has failed. */
  async perform(): Promise<void> {
    const { limit } = this.#context;
    switch (this.role.duty) {
      case 'sends slowly':
        // The client needs 0.3 of the limit for this.
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

  /** As `round()` of its client, but settles if the client fails. */
  async round(...args: Parameters<SoakClient['round']>): Promise<void> {
    await this.client.round(...args).then(this.#context.onRound, () => {});
  }

  /** Settles when the broadcast with that number has arrived, or the client has failed. */
  async broadcast(number: number): Promise<void> {
    await this.client.broadcast(number).catch(() => {});
  }

  /** Stops talking. Settles when the last round is complete. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#talk;
  }

  /** Settles when the server has closed the client with that code, or the client has failed. */
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

/** Holds callbacks back until `release()`, but none longer than a healthy client may delay. */
export class HeldCallbacks {
  readonly #maxDelay: number;
  readonly #held = new Map<() => void, NodeJS.Timeout>();
  #isHolding = false;
  #missing = 0;
  #gatherTimer: NodeJS.Timeout | undefined;
  #onHeld: (() => void) | undefined;

  /** @param maxDelay ms after which a callback is called in any case */
  constructor(maxDelay: number) {
    this.#maxDelay = maxDelay;
  }

  /** Begins to hold callbacks. Settles when it holds `wanted` of them, or a quarter of `maxDelay` after the first. */
  hold(wanted: number): Promise<void> {
    this.#isHolding = true;
    this.#missing = wanted;
    return new Promise((resolve) => {
      this.#onHeld = resolve;
    });
  }

  /** Holds a callback, or calls it immediately before `hold()` and after `release()`. */
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

  /** Calls all held callbacks, and stops holding. */
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
