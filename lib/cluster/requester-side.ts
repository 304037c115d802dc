/** At a node that gets requests for sessions of another node: one link to that node, and the exchanges on it. */
import type { HttpTransportRow } from '../protocol/transports.ts';
import type { SessionIdentity } from '../session/directory.ts';
import type { RelayedSend } from '../session/ports.ts';
import { debugSession } from '../util/debug.ts';
import type { TimerQueue } from '../util/timer-queue.ts';
import { Deadlines } from './deadlines.ts';
import type { Link, LinkHandler } from './link.ts';
import type { OwnerMessage, Refusal, RequesterMessage, RequestId } from './messages.ts';
import { RemoteResponse, type ResponseContext } from './remote-response.ts';
import type { RoomPeer } from './room-peer.ts';

/** What the requester's side of a link needs to know of its endpoint. */
export interface RequesterSettings {
  /** ms after which a node without a sign of life is given up. */
  readonly nodeTimeout: number;
  /** Bytes of sends that may wait for their session to take them. */
  readonly maxQueuedBytes: number;
  readonly timers: TimerQueue;
}

/** A receiving request, as its owner has to know it. */
export interface AttachRequest {
  readonly sessionId: string;
  readonly client: string;
  readonly transport: HttpTransportRow['name'];
  readonly callback: string;
}

/** A send, as its owner has to know it. */
export interface SendRequest extends Pick<SessionIdentity, 'client'> {
  readonly sessionId: string;
  readonly family: HttpTransportRow['family'];
  readonly messages: readonly string[];
  readonly bytes: number;
}

/** What the owner has answered to a receiving request; or that the link has ended before, or no answer came in time. */
export type AttachOutcome =
  | { readonly kind: 'attached'; readonly response: RemoteResponse }
  | Refusal
  | { readonly kind: 'lost' | 'late' };

/** Called once, when a send is over. The parameters are those of `SendingPort.receive`. */
export type SendDone = (accepted: boolean, relayed: RelayedSend) => void;

interface UnderWay {
  readonly bytes: number;
  readonly done: SendDone;
  isTaken: boolean;
}

/** One link that this node has dialled. When it ends, so do all exchanges on it. */
export class RequesterSide implements LinkHandler<OwnerMessage> {
  readonly #link: Link<RequesterMessage>;
  readonly #maxQueuedBytes: number;
  /** Receiving requests without an answer. */
  readonly #asking = new Map<RequestId, (outcome: AttachOutcome) => void>();
  readonly #responses = new Map<RequestId, RemoteResponse>();
  readonly #sends = new Map<RequestId, UnderWay>();
  /** Sends that the owner has answered, and whose clients have not got that answer. */
  #unanswered = 0;
  readonly #responseContext: ResponseContext;
  readonly #attachLimits: Deadlines<RequestId>;
  readonly #sendLimits: Deadlines<RequestId>;
  readonly #unwritten: Deadlines<RemoteResponse>;
  /** Bytes of sends that were not taken. */
  #queuedBytes = 0;
  #lastRid: RequestId = 0;
  #hasEnded = false;
  /** Whether responses end as soon as they can: this node shuts down. */
  #isYielding = false;
  /** Whether nothing more is relayed: this node is about to close the link. */
  #isRetired = false;
  /** Those who wait until nothing is under way. */
  readonly #whenIdle: (() => void)[] = [];
  readonly #onEnded: () => void;
  readonly #rooms: RoomPeer | undefined;

  /**
   * @param onEnded called when the link has ended
   * @param rooms the rooms of the other node
   */
  constructor(
    link: Link<RequesterMessage>,
    { nodeTimeout, maxQueuedBytes, timers }: RequesterSettings,
    onEnded: () => void = () => {},
    rooms?: RoomPeer,
  ) {
    this.#link = link;
    this.#onEnded = onEnded;
    this.#rooms = rooms;
    rooms?.onLink(link);
    this.#maxQueuedBytes = maxQueuedBytes;
    this.#attachLimits = new Deadlines(timers, 2 * nodeTimeout, (rid) => this.#onLateAttach(rid));
    // The owner answers each send in time. One that does not hangs, and may have taken the messages.
    this.#sendLimits = new Deadlines(timers, 2 * nodeTimeout, () => this.end());
    this.#unwritten = new Deadlines<RemoteResponse>(timers, nodeTimeout / 4, (response) => response.report());
    this.#responseContext = {
      link,
      onOver: (response) => {
        this.#responses.delete(response.rid);
        this.#unwritten.stop(response);
        this.#checkIdle();
      },
      onReport: (response, isWaiting) => {
        if (isWaiting) {
          this.#unwritten.start(response);
        } else {
          this.#unwritten.stop(response);
        }
      },
    };
  }

  /** Whether the link has ended. Another one to the same node needs another side. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether no further body should be read: so many bytes wait for their sessions, or this node shuts down. */
  get isSendingFull(): boolean {
    return this.#isRetired || this.#queuedBytes > this.#maxQueuedBytes;
  }

  /** Asks the owner of a session to attach a response. Settles within twice `nodeTimeout`, and never rejects. */
  attach(request: AttachRequest): Promise<AttachOutcome> {
    if (this.#hasEnded) {
      return Promise.resolve({ kind: 'lost' });
    }
    if (this.#isRetired) {
      return Promise.resolve({ kind: 'late' });
    }
    return new Promise((resolve) => {
      const rid = this.#nextRid();
      this.#asking.set(rid, resolve);
      this.#attachLimits.start(rid);
      this.#link.send({ type: 'attach', rid, ...request });
    });
  }

  /** Brings messages to the owner of a session. Where the link has ended, they are refused. */
  send(request: SendRequest, done: SendDone): void {
    if (this.#hasEnded || this.#isRetired) {
      done(false, {});
      return;
    }
    const rid = this.#nextRid();
    try {
      this.#link.send({ type: 'send', rid, ...request });
    } catch (error) {
      // No link takes a message that large. The owner must not miss its number.
      this.#lastRid -= 1;
      debugSession('%s: a send could not be relayed: %O', request.sessionId, error);
      done(false, {});
      return;
    }
    this.#sends.set(rid, { bytes: request.bytes, done, isTaken: false });
    this.#queuedBytes += request.bytes;
    this.#sendLimits.start(rid);
  }

  /**
   * Has all responses end as soon as the owner sends no more on them, those that are still to come too: this node shuts
   * down. Settles when no response and no send is under way, or the link has ended.
   */
  yield(): Promise<void> {
    if (!this.#isYielding) {
      this.#isYielding = true;
      for (const response of this.#responses.values()) {
        response.yield();
      }
    }
    return this.#idle();
  }

  /**
   * Relays nothing more. Settles when nothing is under way and the owner knows it, or the link has ended. What is cut
   * before that ends sessions of the owner.
   */
  async retire(): Promise<void> {
    this.#isRetired = true;
    await this.#idle();
    await this.#link.delivered();
  }

  /** Ends the link, since its node does not answer. */
  end(): void {
    this.#link.end();
    this.onEnd();
  }

  /**
   * An answer of the owner. One about an exchange that is over here is ignored, since it has crossed its end.
   *
   * @throws RangeError for an answer to what was not asked
   */
  onMessage(message: OwnerMessage): void {
    if ('rid' in message && message.rid > this.#lastRid) {
      throw new RangeError('sockjs: a node answers what it was not asked');
    }
    switch (message.type) {
      case 'attached':
        this.#onAttached(message.rid);
        break;
      case 'refused':
        this.#answer(message.rid, message.refusal);
        break;
      case 'taken':
        this.#onTaken(message.rid);
        break;
      case 'done':
        this.#onDone(message.rid, message.accepted);
        break;
      case 'frame':
        this.#responses.get(message.rid)?.onFrame(message.bytes, message.isLast);
        break;
      case 'cut':
        this.#responses.get(message.rid)?.onCut();
        break;
      case 'yielded':
        this.#responses.get(message.rid)?.onYielded();
        break;
      case 'rooms':
      case 'ack':
        this.#rooms?.onMessage(message);
        break;
    }
  }

  onWritable(): void {
    this.#rooms?.outgoing.pump();
  }

  onEnd(): void {
    if (this.#hasEnded) {
      return;
    }
    this.#hasEnded = true;
    for (const limit of [this.#attachLimits, this.#sendLimits, this.#unwritten]) {
      limit.clear();
    }
    for (const answer of take(this.#asking)) {
      answer({ kind: 'lost' });
    }
    for (const response of take(this.#responses)) {
      response.onLinkEnd();
    }
    for (const { done } of take(this.#sends)) {
      done(false, { isLost: true });
    }
    this.#queuedBytes = 0;
    this.#checkIdle();
    this.#rooms?.onLinkEnd(this.#link);
    this.#onEnded();
  }

  /** Settles when nothing is under way. */
  #idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
      this.#checkIdle();
    });
  }

  #checkIdle(): void {
    const underWay = this.#asking.size + this.#responses.size + this.#sends.size + this.#unanswered;
    if (this.#hasEnded || underWay === 0) {
      for (const resolve of this.#whenIdle.splice(0)) {
        resolve();
      }
    }
  }

  #nextRid(): RequestId {
    this.#lastRid += 1;
    return this.#lastRid;
  }

  #onAttached(rid: RequestId): void {
    if (this.#asking.has(rid)) {
      const response = new RemoteResponse(rid, this.#responseContext);
      this.#responses.set(rid, response);
      this.#answer(rid, { kind: 'attached', response });
      if (this.#isYielding) {
        response.yield();
      }
    }
  }

  #answer(rid: RequestId, outcome: AttachOutcome): void {
    this.#attachLimits.stop(rid);
    this.#asking.get(rid)?.(outcome);
    this.#asking.delete(rid);
    this.#checkIdle();
  }

  /** The answer to a receiving request is overdue. Should the owner attach it yet, it hears that the client has gone. */
  #onLateAttach(rid: RequestId): void {
    this.#link.send({ type: 'lost', rid });
    this.#answer(rid, { kind: 'late' });
  }

  #onTaken(rid: RequestId): void {
    const send = this.#sends.get(rid);
    if (send !== undefined && !send.isTaken) {
      send.isTaken = true;
      this.#queuedBytes -= send.bytes;
      this.#sendLimits.stop(rid);
    }
  }

  #onDone(rid: RequestId, accepted: boolean): void {
    const send = this.#sends.get(rid);
    if (send !== undefined) {
      this.#onTaken(rid);
      this.#sends.delete(rid);
      if (accepted) {
        this.#unanswered += 1;
      }
      send.done(accepted, accepted ? { answered: () => this.#onAnswered(rid) } : {});
      this.#checkIdle();
    }
  }

  /** The client of a send has its answer, or has gone. */
  #onAnswered(rid: RequestId): void {
    this.#link.send({ type: 'got', rid });
    this.#unanswered -= 1;
    this.#checkIdle();
  }
}

/** Empties a map, and returns its values. */
function take<Value>(map: Map<unknown, Value>): Value[] {
  const values = [...map.values()];
  map.clear();
  return values;
}
