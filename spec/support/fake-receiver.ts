/** Sessions without an endpoint, and receivers in place of the transports. */
import type { IncomingMessage } from 'node:http';
import { Metrics } from '../../lib/metrics.ts';
import type { SessionIdentity } from '../../lib/session/directory.ts';
import { Lifecycle, type SessionEnvironment } from '../../lib/session/lifecycle.ts';
import type { Outgoing, Receiver, SessionPort, TransportName } from '../../lib/session/ports.ts';
import { Rooms } from '../../lib/session/rooms.ts';
import { createSession, type Session } from '../../lib/session/session.ts';
import { TimerQueue } from '../../lib/util/timer-queue.ts';

/** When a receiver ends: a poll with each frame, a stream with the close frame, a socket when its peer closes. */
export type Kind = 'poll' | 'stream' | 'socket' | 'slow poll';

export const NAMES = {
  poll: 'xhr-polling',
  // Released, while the kernel has not yet taken the response.
  'slow poll': 'xhr-polling',
  stream: 'xhr-streaming',
  socket: 'websocket',
} as const;

/** Records the frames that it gets, as they are on the wire. */
export class FakeReceiver implements Receiver {
  readonly name: TransportName;
  readonly maxHeartbeatInterval: number;
  readonly frames: string[] = [];
  /** Bytes that the kernel has not taken. The test sets it. */
  bufferedAmount = 0;
  /** How often abort() was called. */
  aborts = 0;
  readonly #kind: Kind;
  readonly #session: Pick<SessionPort, 'receiverReleased' | 'receiverFlushed'>;

  constructor(
    session: Pick<SessionPort, 'receiverReleased' | 'receiverFlushed'>,
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

  refuse(code: number, reason: string): void {
    this.close(code, reason);
  }

  gather(write: () => void): void {
    write();
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

/** Returns the identity of a request. By default the application has no `identify` option. */
export function identity(family: SessionIdentity['family'] = 'xhr', client = '', quotaKey = client): SessionIdentity {
  return { family, client, quotaKey };
}

/** The environment of a test's sessions. It sets no limits and does nothing, except as `hooks` say. */
export function environmentWith<Data = unknown, Req extends IncomingMessage = IncomingMessage>(
  hooks: Partial<SessionEnvironment<Session<Data, Req>>> = {},
): SessionEnvironment<Session<Data, Req>> {
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

const lifecycles = new WeakMap<object, Lifecycle<Session>>();

/** Returns a session that waits for its first receiver. */
export function makeSession(
  id: string,
  request: IncomingMessage,
  transport: TransportName,
  by: SessionIdentity,
  data: unknown,
  environment: SessionEnvironment<Session>,
): Session {
  return adopt(
    new Lifecycle<Session>(by, transport, environment, (lifecycle) => createSession(id, request, data, lifecycle)),
  );
}

/** Returns the session of a lifecycle, and registers it for {@link portOf}. */
export function adopt(lifecycle: Lifecycle<Session>): Session {
  lifecycles.set(lifecycle.session, lifecycle);
  return lifecycle.session;
}

/** Returns the lifecycle behind a session, or undefined if another copy of the package made it. */
export function findPort(session: Session): Lifecycle<Session> | undefined {
  return lifecycles.get(session);
}

/**
 * Returns the lifecycle behind a session of {@link makeSession}, {@link adopt}, or a router.
 *
 * @throws Error for other sessions
 */
export function portOf(session: Session): Lifecycle<Session> {
  const lifecycle = findPort(session);
  if (lifecycle === undefined) {
    throw new Error('a session that no test has made');
  }
  return lifecycle;
}
