/** A session of another process, with as much of its interface as the suites use. */
import { EventEmitter } from 'node:events';
import type { Session, SessionCloseEvent, TransportName } from '../../../../lib/index.ts';
import type { SessionLook } from './calls.ts';
import type { DrivenProcess } from './process.ts';

let recvs = 0;

/** What `recv()` waits for, by the number of the call. */
export const received = new Map<number, (text: string) => void>();

export class DrivenSession extends EventEmitter {
  readonly id: string;
  readonly transport: TransportName;
  /** The process that owns it. */
  readonly owner: DrivenProcess;
  readonly #index: number;

  constructor(owner: DrivenProcess, index: number, id: string, transport: TransportName) {
    super();
    this.owner = owner;
    this.#index = index;
    this.id = id;
    this.transport = transport;
  }

  /** It lacks what no suite asks of it. */
  asSession(): Session {
    return this as unknown as Session;
  }

  get state(): string {
    return this.#look().state;
  }

  get bufferedAmount(): number {
    return this.#look().bufferedAmount;
  }

  send(text: string): unknown {
    return this.owner.call({ do: 'send', session: this.#index, text });
  }

  close(...args: [number?, string?]): unknown {
    return this.owner.call({ do: 'close', session: this.#index, args });
  }

  recv(): Promise<string> {
    const recv = recvs++;
    this.owner.tell({ type: 'recv', session: this.#index, recv });
    return new Promise((resolve) => received.set(recv, resolve));
  }

  hasClosed(event: SessionCloseEvent): void {
    this.emit('close', event);
  }

  #look(): SessionLook {
    return this.owner.call({ do: 'look', session: this.#index }) as SessionLook;
  }
}
