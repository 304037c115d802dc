/** Receivers that stand in for the transports, and the hooks of a mount that stands in for one. */
import type { IncomingMessage } from 'node:http';
import { Metrics } from '../../lib/metrics.ts';
import type { Outgoing, Receiver, TransportName } from '../../lib/session/ports.ts';
import { Rooms } from '../../lib/session/rooms.ts';
import type { Session, SessionEnvironment, SessionIdentity } from '../../lib/session/session.ts';
import { TimerQueue } from '../../lib/util/timer-queue.ts';

/** How a receiver ends: a poll with every frame, a stream with the close frame, a socket when its peer says so. */
export type Kind = 'poll' | 'stream' | 'socket' | 'slow poll';

export const NAMES = {
  poll: 'xhr-polling',
  // Answered, but the answer is still on its way.
  'slow poll': 'xhr-polling',
  stream: 'xhr-streaming',
  socket: 'websocket',
} as const;

/** Writes down the frames it is given, in the shape they have on the wire. */
export class FakeReceiver implements Receiver {
  readonly name: TransportName;
  readonly maxHeartbeatInterval: number;
  readonly frames: string[] = [];
  /** What the kernel has not taken, as a test says. */
  bufferedAmount = 0;
  /** How often it was cut. */
  aborts = 0;
  readonly #kind: Kind;
  readonly #session: Pick<Session, 'receiverReleased' | 'receiverFlushed'>;

  constructor(
    session: Pick<Session, 'receiverReleased' | 'receiverFlushed'>,
    kind: Kind,
    maxHeartbeatInterval = Number.POSITIVE_INFINITY,
  ) {
    this.#session = session;
    this.#kind = kind;
    this.name = NAMES[kind];
    this.maxHeartbeatInterval = maxHeartbeatInterval;
  }

  open(): void {
    this.#write('o');
  }

  messages(batch: readonly Outgoing[]): void {
    this.#write(`a${JSON.stringify(batch.map((message) => (typeof message === 'string' ? message : message.text)))}`);
  }

  heartbeat(): void {
    this.#write('h');
  }

  close(code: number, reason: string): void {
    this.#write(`c${JSON.stringify([code, reason])}`, this.#kind !== 'socket');
  }

  abort(): void {
    this.aborts += 1;
  }

  #write(frame: string, isLast = this.#kind === 'poll'): void {
    this.frames.push(frame);
    if (this.#kind === 'slow poll') {
      this.#session.receiverReleased(this);
    } else if (isLast) {
      this.#session.receiverFlushed(this);
    }
  }
}

/** An identity of a transport that was not asked about its client. */
export function identity(family: SessionIdentity['family'] = 'xhr', client = '', quotaKey = client): SessionIdentity {
  return { family, client, quotaKey };
}

/** Hooks that bound nothing and do nothing, but for what a test says. */
export function hooksWith<Data = unknown, Req extends IncomingMessage = IncomingMessage>(
  hooks: Partial<SessionEnvironment<Data, Req>> = {},
): SessionEnvironment<Data, Req> {
  return {
    onSession() {},
    onError() {},
    heartbeatDelay: 0,
    disconnectDelay: 5000,
    maxSendBuffer: Number.MAX_SAFE_INTEGER,
    sendHighWaterMark: Number.MAX_SAFE_INTEGER,
    maxReceiveBuffer: Number.MAX_SAFE_INTEGER,
    receiveStallTimeout: 0,
    metrics: new Metrics(),
    timers: new TimerQueue(),
    rooms: new Rooms(),
    onEnd() {},
    ...hooks,
  };
}
