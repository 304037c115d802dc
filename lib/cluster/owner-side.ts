/** At the owner of sessions: what a link from another node asks for, and what becomes of it when the link ends. */
import type { IncomingMessage } from 'node:http';
import { type HttpTransportRow, TRANSPORTS } from '../protocol/transports.ts';
import type { SessionRegistry } from '../session/registry.ts';
import type { TimerQueue } from '../util/timer-queue.ts';
import type { ClusterRooms } from './cluster-rooms.ts';
import { Deadlines } from './deadlines.ts';
import type { IncomingBroadcasts } from './incoming-broadcasts.ts';
import type { Link, LinkHandler } from './link.ts';
import type { OwnerMessage, Refusal, RequesterMessage, RequestId } from './messages.ts';
import { ReceivedSend, type SendContext } from './received-send.ts';
import { RelayReceiver } from './relay-receiver.ts';

/** What the owner's side of a link needs to know of its endpoint. */
export interface OwnerSettings {
  /** The option of the same name. */
  readonly responseLimit: number;
  /** ms after which a node without a sign of life is given up. */
  readonly nodeTimeout: number;
  readonly timers: TimerQueue;
}

/** The rooms of all nodes, at the end of a link that was dialled. */
type OwnerRooms = Pick<ClusterRooms, 'onAccepted' | 'onAcceptedWritable' | 'onAcceptedEnd'>;

type AttachMessage = Extract<RequesterMessage, { type: 'attach' }>;
type SendMessage = Extract<RequesterMessage, { type: 'send' }>;

/**
 * Handles one link that another node has dialled. When it ends, sessions end that the node holds a response of (1002),
 * and those for which it may have answered a send or not (1012).
 */
export class OwnerSide<Data, Req extends IncomingMessage> implements LinkHandler<RequesterMessage> {
  readonly #link: Link<OwnerMessage>;
  readonly #sessions: Pick<SessionRegistry<Data, Req>, 'find'>;
  readonly #responseLimit: number;
  readonly #receivers = new Map<RequestId, RelayReceiver>();
  readonly #sends = new Map<RequestId, ReceivedSend>();
  readonly #sendContext: SendContext;
  readonly #limits: readonly Deadlines<ReceivedSend>[];
  /** Receivers whose frames wait for the link, in the order in which they take turns. */
  readonly #waiting = new Set<RelayReceiver>();
  readonly #rooms: OwnerRooms | undefined;
  readonly #broadcasts: IncomingBroadcasts | undefined;
  #lastRid: RequestId = 0;

  /** @param rooms what the rooms of all nodes do at this end of a link */
  constructor(
    link: Link<OwnerMessage>,
    sessions: Pick<SessionRegistry<Data, Req>, 'find'>,
    { responseLimit, nodeTimeout, timers }: OwnerSettings,
    rooms?: OwnerRooms,
  ) {
    this.#link = link;
    this.#rooms = rooms;
    this.#broadcasts = rooms?.onAccepted(link);
    this.#sessions = sessions;
    this.#responseLimit = responseLimit;
    // Less than the time after which the other node gives the link up.
    const turns = new Deadlines<ReceivedSend>(timers, nodeTimeout, (send) => send.onTurnMissed());
    const answers = new Deadlines<ReceivedSend>(timers, 2 * nodeTimeout, (send) => send.onUncertain());
    this.#limits = [turns, answers];
    this.#sendContext = { link, turns, answers, onOver: ({ rid }) => this.#sends.delete(rid) };
  }

  /**
   * A message of the other node. Those about an exchange that is over here are ignored, since they have crossed its end.
   *
   * @throws RangeError for what no node sends: a number out of turn, more bytes written than were sent
   */
  onMessage(message: RequesterMessage): void {
    switch (message.type) {
      case 'attach':
        this.#begin(message.rid);
        this.#attach(message);
        break;
      case 'send':
        this.#begin(message.rid);
        this.#send(message);
        break;
      case 'written':
        this.#receiver(message.rid)?.written(message.bytes);
        break;
      case 'left':
        this.#takeReceiver(message.rid)?.left();
        break;
      case 'lost':
        this.#takeReceiver(message.rid)?.lost();
        break;
      case 'yield':
        this.#receiver(message.rid)?.yield();
        break;
      case 'got':
        this.#check(message.rid);
        this.#sends.get(message.rid)?.got();
        break;
      case 'message':
      case 'close':
      case 'sync':
      case 'gap':
        this.#broadcasts?.onBroadcast(message);
        break;
    }
  }

  onWritable(): void {
    this.#rooms?.onAcceptedWritable(this.#link);
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const receiver of waiting) {
      // Where the link is full again, it waits behind those that have had no turn yet.
      receiver.pump();
    }
  }

  onEnd(): void {
    const receivers = [...this.#receivers.values()];
    const sends = [...this.#sends.values()];
    this.#receivers.clear();
    this.#waiting.clear();
    this.#rooms?.onAcceptedEnd(this.#link);
    for (const receiver of receivers) {
      receiver.lost();
    }
    for (const send of sends) {
      send.onUncertain();
    }
    for (const limit of this.#limits) {
      limit.clear();
    }
  }

  #attach({ rid, sessionId, client, transport: name, callback }: AttachMessage): void {
    const transport = rowOf(name);
    const found = this.#sessions.find(sessionId, { family: transport.family, client });
    if (found.kind !== 'live') {
      this.#link.send({ type: 'refused', rid, refusal: refusalOf(found) });
      return;
    }
    const request = { rid, transport, callback, responseLimit: this.#responseLimit };
    const receiver = new RelayReceiver(request, found.port, this.#link, (full) => this.#waiting.add(full));
    this.#receivers.set(rid, receiver);
    found.port.attach(receiver);
    if (receiver.isRefused) {
      this.#receivers.delete(rid);
    } else {
      receiver.confirm();
    }
  }

  #send(message: SendMessage): void {
    const { rid, sessionId, client, family } = message;
    const found = this.#sessions.find(sessionId, { family, client });
    if (found.kind !== 'live') {
      this.#link.send({ type: 'done', rid, accepted: false });
      return;
    }
    const send = new ReceivedSend(message, found.port, this.#sendContext);
    this.#sends.set(rid, send);
    send.start();
  }

  /** Checks the number of a new exchange. */
  #begin(rid: RequestId): void {
    if (rid !== this.#lastRid + 1) {
      throw new RangeError('sockjs: a node has begun an exchange out of turn');
    }
    this.#lastRid = rid;
  }

  /** Checks the number of an exchange that has begun. */
  #check(rid: RequestId): void {
    if (rid > this.#lastRid) {
      throw new RangeError('sockjs: a node speaks of an exchange that it has not begun');
    }
  }

  #receiver(rid: RequestId): RelayReceiver | undefined {
    this.#check(rid);
    return this.#receivers.get(rid);
  }

  /** The receiver of an exchange that the other node has ended. */
  #takeReceiver(rid: RequestId): RelayReceiver | undefined {
    const receiver = this.#receiver(rid);
    if (receiver !== undefined) {
      this.#receivers.delete(rid);
      this.#waiting.delete(receiver);
    }
    return receiver;
  }
}

/** The row of a transport. The codec of the link lets no other names through. */
function rowOf(name: HttpTransportRow['name']): HttpTransportRow {
  for (const row of Object.values(TRANSPORTS)) {
    if (row.family !== 'websocket' && row.name === name) {
      return row;
    }
  }
  throw new RangeError(`sockjs: a node has named a transport that there is not: ${String(name)}`);
}

/** Why a request gets no session of this process, as `admit` would say it. */
function refusalOf(
  found:
    | { readonly kind: 'ended'; readonly code: number; readonly reason: string }
    | { readonly kind: 'foreign' | 'pending' | 'unknown' },
): Refusal {
  switch (found.kind) {
    case 'ended':
      return { kind: 'ended', code: found.code, reason: found.reason };
    case 'foreign':
      return { kind: 'foreign' };
    case 'pending':
      return { kind: 'busy' };
    default:
      return { kind: 'not-mine' };
  }
}
