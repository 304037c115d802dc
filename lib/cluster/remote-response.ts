/** At the node that holds a response: writes what the owner of the session sends, and reports what has left. */
import { CLOSES } from '../protocol/close-code.ts';
import type { HttpReceiver, ReceivingPort } from '../session/ports.ts';
import { debugSession } from '../util/debug.ts';
import type { Link } from './link.ts';
import type { RequesterMessage, RequestId } from './messages.ts';
import { endsFrame } from './pieces.ts';

/** What a response needs of the link to its owner. */
export interface ResponseContext {
  readonly link: Link<RequesterMessage>;
  /** Called when the exchange is over. */
  readonly onOver: (response: RemoteResponse) => void;
  /** Called with whether bytes have not left. Then `report()` is to be called a while later, should nothing else tell. */
  readonly onReport: (response: RemoteResponse, isWaiting: boolean) => void;
}

/** An instruction of the owner, kept until the receiver is there. */
type Instruction = (receiver: HttpReceiver) => void;

const NOTHING = Buffer.alloc(0);

/** One receiving request whose session another node owns. It is attached there already; its receiver follows. */
export class RemoteResponse implements ReceivingPort {
  readonly rid: RequestId;
  readonly #context: ResponseContext;
  #receiver: HttpReceiver | undefined;
  /** What came before the receiver. */
  #early: Instruction[] = [];
  /** Bytes written so far, and how many of them were reported as taken by the kernel. */
  #wrote = 0;
  #reported = 0;
  /** Whether the bytes so far are whole frames, so that a close frame may follow. */
  #isWhole = true;
  /** Whether all is written: the owner waits for the end of the response, and for no report of bytes. */
  #hasLast = false;
  #isOver = false;
  readonly #onTaken = () => this.report();

  constructor(rid: RequestId, context: ResponseContext) {
    this.rid = rid;
    this.#context = context;
  }

  // ---- From the transport

  attach(receiver: HttpReceiver): void {
    this.#receiver = receiver;
    for (const instruct of this.#early.splice(0)) {
      this.#guard(receiver, instruct);
    }
  }

  receiverReleased(): void {}

  receiverFlushed(): void {
    if (!this.#hasLast) {
      // Middleware has ended the response. All that was written has left.
      this.#reportUpTo(this.#wrote);
    }
    this.#end('left');
  }

  receiverAborted(): void {
    this.#end('lost');
  }

  receiverDrained(): void {}

  /** The client has left before its receiver could be attached, or the receiver could not be. */
  release(): void {
    this.#end('lost');
  }

  // ---- From the owner

  onFrame(bytes: Buffer, isLast: boolean): void {
    this.#instruct((receiver) => this.#write(receiver, bytes, isLast));
  }

  onCut(): void {
    this.#instruct((receiver) => receiver.abort());
  }

  /** The owner sends no more, since this node has asked it to. The client is to go on with another request. */
  onYielded(): void {
    this.#instruct((receiver) => {
      this.#hasLast = true;
      if (this.#wrote === 0) {
        // A poll needs a frame.
        receiver.heartbeat(false);
      }
      receiver.relay(NOTHING, true, this.#onTaken);
    });
  }

  onLinkEnd(): void {
    this.#isOver = true;
    this.#instruct((receiver) => {
      if (this.#hasLast) {
        // The client gets the whole response, and hears of the end of its session when it asks again.
      } else if (this.#isWhole) {
        receiver.close(CLOSES.sessionLost.code, CLOSES.sessionLost.reason);
      } else {
        receiver.abort();
      }
    });
  }

  /** Asks the owner to send no more. Does nothing where the last frame has come. */
  yield(): void {
    if (!this.#hasLast && !this.#isOver) {
      this.#context.link.send({ type: 'yield', rid: this.rid });
    }
  }

  /** Tells the owner how much the kernel has taken: what was written, less what waits in the response. */
  report(): void {
    if (this.#receiver === undefined || this.#hasLast || this.#isOver) {
      return;
    }
    this.#reportUpTo(this.#wrote - this.#receiver.bufferedAmount);
    this.#context.onReport(this, this.#reported < this.#wrote);
  }

  // ---- Inside

  #write(receiver: HttpReceiver, bytes: Buffer, isLast: boolean): void {
    this.#wrote += bytes.length;
    this.#isWhole = endsFrame(bytes);
    this.#hasLast = isLast;
    receiver.relay(bytes, isLast, this.#onTaken);
    this.report();
  }

  #reportUpTo(written: number): void {
    if (written > this.#reported && !this.#isOver) {
      this.#context.link.send({ type: 'written', rid: this.rid, bytes: written - this.#reported });
      this.#reported = written;
    }
  }

  #instruct(instruct: Instruction): void {
    if (this.#receiver === undefined) {
      this.#early.push(instruct);
    } else {
      this.#guard(this.#receiver, instruct);
    }
  }

  /** Cuts a response whose writing fails, as it may where middleware has wrapped it. The link must not end for it. */
  #guard(receiver: HttpReceiver, instruct: Instruction): void {
    try {
      instruct(receiver);
    } catch (error) {
      debugSession('a relayed frame could not be written: %O', error);
      receiver.abort();
      this.#end('lost');
    }
  }

  #end(how: 'left' | 'lost'): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#context.link.send({ type: how, rid: this.rid });
      this.#context.onOver(this);
    }
  }
}
