/**
 * A session directory whose sessions live in another process, from the point of view of the transports. Each call of a
 * port or a receiver is a message on a link. It arrives one turn of the event loop later, in order.
 */
import type { IncomingMessage } from 'node:http';
import type { Format } from '../../lib/protocol/formats/format.ts';
import { closeFrame, HEARTBEAT_FRAME, messagesFrame, OPEN_FRAME } from '../../lib/protocol/frame.ts';
import { TRANSPORTS } from '../../lib/protocol/transports.ts';
import type {
  Claim,
  Found,
  NewSessionPort,
  Reservation,
  SessionDirectory,
  SessionIdentity,
  UNKNOWN,
} from '../../lib/session/directory.ts';
import type { SessionCloseEvent } from '../../lib/session/events.ts';
import type { Outgoing, Receiver, SessionPort } from '../../lib/session/ports.ts';
import type { SessionRegistry } from '../../lib/session/registry.ts';

/** Carries calls to the other process and back, each in a later turn, until it is cut. */
export class Link {
  #isCut = false;
  #underWay = 0;
  readonly #whenCut = new Set<() => void>();

  post(call: () => void): void {
    this.#underWay += 1;
    setImmediate(() => {
      this.#underWay -= 1;
      if (!this.#isCut) {
        call();
      }
    });
  }

  /** Waits until no call is in transit, in either direction. */
  async settled(): Promise<void> {
    do {
      await new Promise(setImmediate);
    } while (this.#underWay > 0);
  }

  /** Asks the other process a question. After a cut the answer never arrives. */
  ask<T>(question: () => T): Promise<T> {
    return new Promise((resolve) =>
      this.post(() => {
        const answer = question();
        this.post(() => resolve(answer));
      }),
    );
  }

  whenCut(callback: () => void): () => void {
    this.#whenCut.add(callback);
    return () => this.#whenCut.delete(callback);
  }

  /** Drops all calls in transit and later ones, and tells both sides. */
  cut(): void {
    this.#isCut = true;
    for (const callback of [...this.#whenCut]) {
      callback();
    }
  }
}

/** The close frame for receivers whose session cannot be reached any more. */
export const SESSION_LOST = { code: 1012, reason: 'Session lost' };

/** At the owner of the session: stands for a receiver of another process. It is released when that one will be. */
class RelayReceiver implements Receiver {
  readonly name: Receiver['name'];
  readonly maxHeartbeatInterval: number;
  readonly #link: Link;
  readonly #port: SessionPort;
  readonly #remote: Receiver;
  /** Bytes on the link, and bytes that the kernel of the other process has not taken. */
  #onLink = 0;
  #unwritten = 0;
  /** Bytes of frames that fit into the rest of the response. */
  #budget: number;
  readonly #forgetCut: () => void;

  constructor(link: Link, port: SessionPort, remote: Receiver, responseLimit: number) {
    this.#link = link;
    this.#port = port;
    this.#remote = remote;
    this.name = remote.name;
    this.maxHeartbeatInterval = remote.maxHeartbeatInterval;
    this.#budget = remote.name.endsWith('polling') ? 0 : responseLimit;
    this.#forgetCut = link.whenCut(() => this.aborted({ ...INTERRUPTED, wasClean: false }));
  }

  get bufferedAmount(): number {
    return this.#onLink + this.#unwritten;
  }

  open(): void {
    this.#send(OPEN_FRAME, () => this.#remote.open());
  }

  messages(batch: readonly Outgoing[], notifyOnFlush: boolean): void {
    this.#send(messagesFrame(batch), () => this.#remote.messages(batch, notifyOnFlush));
  }

  heartbeat(notifyOnFlush: boolean): void {
    this.#send(HEARTBEAT_FRAME, () => this.#remote.heartbeat(notifyOnFlush));
  }

  close(code: number, reason: string): void {
    this.#budget = 0;
    this.#send(closeFrame(code, reason), () => this.#remote.close(code, reason));
  }

  refuse(code: number, reason: string): void {
    this.#forgetCut();
    this.#link.post(() => this.#remote.refuse(code, reason));
  }

  gather(write: () => void): void {
    write();
  }

  abort(): void {
    this.#link.post(() => this.#remote.abort());
  }

  /** The other process has written. `unwritten` bytes are left that its kernel has not taken. */
  written(unwritten: number): void {
    this.#unwritten = unwritten;
  }

  flushed(): void {
    this.#forgetCut();
    this.#unwritten = 0;
    this.#port.receiverFlushed(this);
  }

  aborted(event: SessionCloseEvent): void {
    this.#forgetCut();
    this.#port.receiverAborted(this, event);
  }

  #send(frame: string, write: () => void): void {
    const bytes = Buffer.byteLength(formatOf(this.name).wrap(frame, ''));
    this.#onLink += bytes;
    this.#link.post(() => {
      write();
      const unwritten = this.#remote.bufferedAmount;
      this.#link.post(() => {
        this.#onLink -= bytes;
        this.written(unwritten);
      });
    });
    this.#budget -= bytes;
    if (this.#budget <= 0) {
      this.#port.receiverReleased(this);
    }
  }
}

const INTERRUPTED = { code: 1002, reason: 'Connection interrupted' };

/** At the process of the requests: the port of a session that another process owns. */
class RemotePort implements NewSessionPort {
  readonly #link: Link;
  readonly #port: SessionPort & Partial<NewSessionPort>;
  readonly #responseLimit: number;
  readonly #relays = new Map<Receiver, RelayReceiver>();
  readonly #whenEnded = new Set<() => void>();
  /** What the owner last reported. */
  isActive: boolean;

  constructor(link: Link, port: SessionPort, responseLimit: number) {
    this.#link = link;
    this.#port = port;
    this.#responseLimit = responseLimit;
    this.isActive = port.isActive;
    port.whenEnded(() => link.post(() => this.#end()));
    link.whenCut(() => {
      this.#end();
      for (const receiver of [...this.#relays.keys()]) {
        receiver.close(SESSION_LOST.code, SESSION_LOST.reason);
      }
    });
  }

  attach(receiver: Receiver): void {
    this.#link.post(() => {
      const relay = new RelayReceiver(this.#link, this.#port, receiver, this.#responseLimit);
      this.#relays.set(receiver, relay);
      this.#port.attach(relay);
    });
  }

  receiverReleased(receiver: Receiver): void {
    this.#tell(receiver, (relay) => this.#port.receiverReleased(relay));
  }

  receiverFlushed(receiver: Receiver): void {
    this.#tell(receiver, (relay) => relay.flushed());
    this.#link.post(() => this.#relays.delete(receiver));
  }

  receiverAborted(receiver: Receiver, event: SessionCloseEvent): void {
    this.#tell(receiver, (relay) => relay.aborted(event));
    this.#link.post(() => this.#relays.delete(receiver));
  }

  receiverDrained(): void {
    const unwritten = [...this.#relays].map(([receiver, relay]) => ({ relay, bytes: receiver.bufferedAmount }));
    this.#link.post(() => {
      for (const { relay, bytes } of unwritten) {
        relay.written(bytes);
      }
      this.#port.receiverDrained();
    });
  }

  receive(messages: readonly string[], bytes: number, done?: (accepted: boolean) => void): void {
    let isAnswered = false;
    const answer = (accepted: boolean) => {
      if (!isAnswered) {
        isAnswered = true;
        done?.(accepted);
      }
    };
    const forgetCut = this.#link.whenCut(() => answer(false));
    this.#link.post(() =>
      this.#port.receive(messages, bytes, (accepted) =>
        this.#link.post(() => {
          forgetCut();
          answer(accepted);
        }),
      ),
    );
  }

  whenEnded(callback: () => void): () => void {
    this.#whenEnded.add(callback);
    return () => this.#whenEnded.delete(callback);
  }

  /** Discards a new session whose receiver could not be attached. */
  discard(): void {
    this.#link.post(() => this.#port.discard?.());
  }

  #tell(receiver: Receiver, call: (relay: RelayReceiver) => void): void {
    this.#link.post(() => {
      const relay = this.#relays.get(receiver);
      if (relay !== undefined) {
        call(relay);
      }
    });
  }

  #end(): void {
    this.isActive = false;
    for (const callback of [...this.#whenEnded]) {
      callback();
    }
  }
}

/** Finds and makes sessions in `owner`, the registry of the "other process". */
export class RemoteDirectory<Data, Req extends IncomingMessage> implements SessionDirectory<Data, Req> {
  readonly link = new Link();
  readonly #owner: SessionRegistry<Data, Req>;
  readonly #responseLimit: number;
  /** One port for each session, since the port keeps the sends of a session in order. */
  readonly #ports = new WeakMap<SessionPort, RemotePort>();

  constructor(owner: SessionRegistry<Data, Req>, responseLimit: number) {
    this.#owner = owner;
    this.#responseLimit = responseLimit;
  }

  async find(id: string, identity: SessionIdentity): Promise<Found | typeof UNKNOWN> {
    const found = await await this.link.ask(async () => this.#owner.find(id, identity));
    return found.kind === 'live' ? this.#remote(found) : found;
  }

  async findOrReserve(id: string, identity: SessionIdentity): Promise<Claim<Data, Req>> {
    const claim = await await this.link.ask(async () => this.#owner.findOrReserve(id, identity));
    if (claim.kind === 'live') {
      return this.#remote(claim);
    }
    if (claim.kind !== 'reserved') {
      return claim;
    }
    const { reservation } = claim;
    const remote: Reservation<Data, Req> = {
      commit: (request, transport, data) => this.#portOf(reservation.commit(request, transport, data)),
      release: () => reservation.release(),
    };
    return { kind: 'reserved', reservation: remote };
  }

  #remote({ port }: Extract<Found, { kind: 'live' }>): Found {
    const remote = this.#portOf(port);
    remote.isActive = port.isActive;
    return { kind: 'live', port: remote };
  }

  #portOf(port: SessionPort): RemotePort {
    let remote = this.#ports.get(port);
    if (remote === undefined) {
      remote = new RemotePort(this.link, port, this.#responseLimit);
      this.#ports.set(port, remote);
    }
    return remote;
  }
}

/** The transports that a directory can relay: those over HTTP. */
export const RELAYED = Object.values(TRANSPORTS).filter(({ family }) => family !== 'websocket');

/** The format of a transport that receives over HTTP. */
function formatOf(name: Receiver['name']): Format {
  const row = Object.values(TRANSPORTS).find((transport) => transport.name === name);
  if (row === undefined || row.family === 'websocket') {
    throw new Error(`${name} has no format`);
  }
  return row.format;
}
