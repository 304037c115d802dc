/** The client of one session over a cluster, and its requests, as load balancers, kernels and proxies treat them. */
import assert from 'node:assert/strict';
import { closeFrame, HEARTBEAT_FRAME, messagesFrame, OPEN_FRAME } from '../../../lib/protocol/frame.ts';
import { TRANSPORTS } from '../../../lib/protocol/transports.ts';
import { INTERRUPTED } from '../../../lib/session/events.ts';
import type { HttpReceiver, Outgoing, ReceivingPort } from '../../../lib/session/ports.ts';

/** A response: its bytes leave when the test says so. It does what HttpTransport does, without HTTP. */
export class ModelResponse implements HttpReceiver {
  readonly name: 'xhr-polling' | 'xhr-streaming';
  readonly callback = '';
  readonly maxHeartbeatInterval = Number.POSITIVE_INFINITY;
  /** The node that holds it. */
  readonly node: number;
  readonly #onBytes: (bytes: string) => void;
  readonly #onOver: (how: 'ended' | 'reset' | 'answered') => void;
  #budget: number;
  #port: ReceivingPort | undefined;
  #buffered: { readonly bytes: Buffer; readonly onTaken: () => void }[] = [];
  #hasEnded = false;
  isOver = false;

  constructor(
    node: number,
    isStream: boolean,
    onBytes: (bytes: string) => void,
    onOver: (how: 'ended' | 'reset' | 'answered') => void,
  ) {
    this.node = node;
    this.name = isStream ? 'xhr-streaming' : 'xhr-polling';
    this.#budget = isStream ? 200 : 0;
    this.#onBytes = onBytes;
    this.#onOver = onOver;
  }

  get bufferedAmount(): number {
    return this.#buffered.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  attachTo(port: ReceivingPort): void {
    this.#port = port;
    port.attach(this);
  }

  /** Answers an error: there is no session for this request. */
  answer(): void {
    this.#over('answered');
  }

  open(): void {
    this.#write(OPEN_FRAME, false);
  }

  messages(batch: readonly Outgoing[], notifyOnFlush: boolean): void {
    this.#write(messagesFrame(batch), notifyOnFlush);
  }

  heartbeat(notifyOnFlush: boolean): void {
    this.#write(HEARTBEAT_FRAME, notifyOnFlush);
  }

  close(code: number, reason: string): void {
    this.#budget = 0;
    this.#write(closeFrame(code, reason), false);
  }

  refuse(code: number, reason: string): void {
    this.close(code, reason);
  }

  relay(bytes: Buffer, isLast: boolean, onTaken: () => void): void {
    if (!this.#hasEnded) {
      this.#buffered.push({ bytes, onTaken });
      this.#endAfter(isLast);
    }
  }

  gather(write: () => void): void {
    write();
  }

  /** The connection breaks. What the kernel has not taken never arrives. */
  abort(): void {
    if (!this.isOver) {
      this.#hasEnded = true;
      this.#buffered = [];
      this.#over('reset');
      this.#port?.receiverAborted(this, INTERRUPTED);
    }
  }

  /** The kernel takes some of the bytes; with the last of them the response has left. */
  take(pieces = Number.POSITIVE_INFINITY): void {
    for (const { bytes, onTaken } of this.#buffered.splice(0, pieces)) {
      this.#onBytes(bytes.toString());
      onTaken();
    }
    if (this.#hasEnded && this.#buffered.length === 0 && !this.isOver) {
      this.#over('ended');
      this.#port?.receiverFlushed(this);
    }
  }

  #write(frame: string, notifyOnFlush: boolean): void {
    if (!this.#hasEnded) {
      const bytes = Buffer.from(TRANSPORTS.xhrPolling.format.wrap(frame, ''));
      this.#buffered.push({ bytes, onTaken: () => notifyOnFlush && this.#port?.receiverDrained() });
      this.#budget -= bytes.length;
      this.#endAfter(this.#budget <= 0);
    }
  }

  #endAfter(isLast: boolean): void {
    if (isLast) {
      this.#hasEnded = true;
      this.#port?.receiverReleased(this);
    }
  }

  #over(how: 'ended' | 'reset' | 'answered'): void {
    this.isOver = true;
    this.#onOver(how);
  }
}

/** What one session has told its client, and the client it. Each message has the serial of its session, and a number. */
export class ModelClient {
  /** Whether it knows an open session, which one, and the number of the message that it expects. */
  isOpen = false;
  canSend = false;
  /** Whether a receiving request has ever broken, so that another may still seem to be open. */
  hadTrouble = false;
  #serial: number | undefined;
  #expected = 0;
  #text = '';
  /** Called when the client gets an open frame. */
  onOpen: () => void = () => {};

  /** Bytes of a response. A response that was reset may have ended in the middle of a frame. */
  onBytes(bytes: string): void {
    this.#text += bytes;
    const lines = this.#text.split('\n');
    this.#text = lines.pop() ?? '';
    for (const line of lines) {
      this.#onFrame(line);
    }
  }

  /** A response begins. */
  begin(): void {
    this.#text = '';
  }

  #onFrame(frame: string): void {
    if (frame === 'o') {
      this.onOpen();
      this.isOpen = true;
      this.canSend = true;
      this.#serial = undefined;
      this.#expected = 0;
    } else if (frame.startsWith('c')) {
      const [code] = JSON.parse(frame.slice(1)) as [number];
      const isExplained = code !== 2010 || this.hadTrouble || !this.isOpen;
      assert.ok(isExplained, 'a client with one receiver at a time was told of another');
      // One that is told of another is served on by a proxy that repeats requests.
      this.isOpen &&= code === 2010;
    } else if (frame.startsWith('a')) {
      for (const message of JSON.parse(frame.slice(1)) as string[]) {
        const [serial = -1, number = -1] = message.split(':', 2).map(Number);
        assert.ok(this.isOpen, `message ${message} of a session that was closed`);
        this.#serial ??= serial;
        assert.deepEqual([serial, number], [this.#serial, this.#expected], 'a gap, a doubled or a foreign message');
        this.#expected += 1;
      }
    } else {
      assert.equal(frame, 'h');
    }
  }
}
