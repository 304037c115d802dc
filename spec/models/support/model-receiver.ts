/**
 * A receiver that behaves as those of the transports, including slow and broken ones, and checks what the session gives
 * it.
 */
import type { Outgoing, Receiver, TransportName } from '../../../lib/session/ports.ts';

/**
 * When a receiver ends.
 *
 * - `poll`: with each frame, flushed immediately
 * - `slow poll`: with each frame, flushed when the model says so
 * - `stream`: with the close frame, flushed immediately
 * - `slow stream`: with the close frame, flushed when the model says so
 * - `short stream`: a slow stream whose second frame reaches the response limit
 * - `socket`: when its client closes or aborts
 */
export type ReceiverKind = 'poll' | 'slow poll' | 'stream' | 'slow stream' | 'short stream' | 'socket';

const NAMES: Record<ReceiverKind, TransportName> = {
  poll: 'xhr-polling',
  'slow poll': 'jsonp-polling',
  stream: 'eventsource',
  'slow stream': 'xhr-streaming',
  'short stream': 'htmlfile',
  socket: 'websocket',
};

/** Frames after which a receiver ends. */
const MAX_FRAMES: Record<ReceiverKind, number> = {
  poll: 1,
  'slow poll': 1,
  stream: Number.POSITIVE_INFINITY,
  'slow stream': Number.POSITIVE_INFINITY,
  'short stream': 2,
  socket: Number.POSITIVE_INFINITY,
};

export type Frame = 'open' | 'messages' | 'heartbeat' | 'close';

export interface ReceiverShape {
  readonly kind: ReceiverKind;
  readonly maxHeartbeatInterval: number;
  /** The frame whose write fails. */
  readonly breaksAt: Frame | undefined;
  /** Whether the receiver hides the failure from the session, as HTTP transports do for all but the open frame. */
  readonly isGuarded: boolean;
}

/** Thrown where a frame cannot be written. */
export class BrokenReceiver extends Error {
  override readonly name = 'BrokenReceiver';
}

/** The state of a receiver, as far as the session knows. */
export type ReceiverStage =
  | 'new'
  | 'attached'
  | 'flushing'
  | 'flushed'
  | 'aborted'
  | 'refused'
  /** The session has ended and has forgotten the receiver. */
  | 'released';

/** The model behind a receiver: it checks the receiver's calls and passes events to the session. */
export interface ReceiverOwner {
  onOpen(receiver: ModelReceiver): void;
  onMessages(receiver: ModelReceiver, texts: readonly string[]): void;
  onHeartbeat(receiver: ModelReceiver): void;
  onCloseFrame(receiver: ModelReceiver, code: number, reason: string): void;
  onAbort(receiver: ModelReceiver): void;
  /** The receiver is about to throw. */
  onBreak(receiver: ModelReceiver): void;
  receiverReleased(receiver: ModelReceiver): void;
  receiverFlushed(receiver: ModelReceiver): void;
  receiverDrained(): void;
}

interface Write {
  readonly bytes: number;
  readonly isAwaited: boolean;
}

export class ModelReceiver implements Receiver {
  readonly name: TransportName;
  readonly maxHeartbeatInterval: number;
  readonly kind: ReceiverKind;
  stage: ReceiverStage = 'new';
  /** Calls of close() and abort(). */
  closes = 0;
  /** Calls of refuse(). */
  refusals = 0;
  aborts = 0;
  readonly #shape: ReceiverShape;
  readonly #owner: ReceiverOwner;
  #frames = 0;
  /** A guarded receiver that has failed. It has cut its connection, and the model will abort it. */
  isBroken = false;
  /** Writes that the kernel has not taken. */
  #writes: Write[] = [];

  constructor(shape: ReceiverShape, owner: ReceiverOwner) {
    this.kind = shape.kind;
    this.name = NAMES[shape.kind];
    this.maxHeartbeatInterval = shape.maxHeartbeatInterval;
    this.#shape = shape;
    this.#owner = owner;
  }

  get bufferedAmount(): number {
    return this.#writes.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  open(): void {
    this.#owner.onOpen(this);
    this.#put('open', 1, false);
  }

  messages(batch: readonly Outgoing[], awaited: boolean): void {
    const texts = batch.map((message) => (typeof message === 'string' ? message : message.text));
    this.#owner.onMessages(this, texts);
    this.#put('messages', texts.join(',').length + 3, awaited);
  }

  heartbeat(awaited = false): void {
    this.#owner.onHeartbeat(this);
    this.#put('heartbeat', 1, awaited);
  }

  refuse(code: number, reason: string): void {
    this.refusals += 1;
    this.close(code, reason);
  }

  close(code: number, reason: string): void {
    this.closes += 1;
    this.#owner.onCloseFrame(this, code, reason);
    this.#put('close', reason.length + 8, false);
  }

  gather(write: () => void): void {
    write();
  }

  abort(): void {
    this.aborts += 1;
    this.#owner.onAbort(this);
  }

  /** The kernel takes that many writes. */
  take(writes: number): void {
    for (const { isAwaited } of this.#writes.splice(0, writes)) {
      if (isAwaited) {
        this.#owner.receiverDrained();
      }
    }
  }

  /** The connection has ended. */
  drop(): void {
    this.#writes = [];
  }

  #put(frame: Frame, bytes: number, isAwaited: boolean): void {
    if (this.isBroken) {
      return;
    }
    if (this.#shape.breaksAt === frame) {
      if (this.#shape.isGuarded && frame !== 'open') {
        this.isBroken = true;
        return;
      }
      this.#owner.onBreak(this);
      throw new BrokenReceiver(`the ${frame} frame cannot be written`);
    }
    this.#frames += 1;
    this.#write({ bytes, isAwaited });
    const isLast = frame === 'close' || this.#frames >= MAX_FRAMES[this.kind];
    if (!isLast || this.kind === 'socket') {
      return;
    }
    if (this.kind === 'poll' || this.kind === 'stream') {
      this.#owner.receiverFlushed(this);
    } else {
      this.#owner.receiverReleased(this);
    }
  }

  #write(write: Write): void {
    if (this.kind !== 'poll' && this.kind !== 'stream') {
      this.#writes.push(write);
    } else if (write.isAwaited) {
      process.nextTick(() => this.#owner.receiverDrained());
    }
  }
}
