/** What all transports that speak SockJS frames have in common: the session's words, put into frames. */
import { closeFrame, HEARTBEAT_FRAME, messagesFrame, OPEN_FRAME } from '../frame.ts';
import type { Receiver, TransportName } from '../session.ts';

/** A receiver that carries frames. A transport says how one frame travels and how it ends; the rest is here. */
export abstract class FrameTransport implements Receiver {
  abstract readonly name: TransportName;

  readonly maxSilence: number = Number.POSITIVE_INFINITY;

  abstract readonly bufferedAmount: number;

  abstract abort(): void;

  open(): void {
    this.send(OPEN_FRAME);
  }

  messages(batch: readonly string[]): void {
    this.send(messagesFrame(batch));
  }

  heartbeat(): void {
    this.send(HEARTBEAT_FRAME);
  }

  close(code: number, reason: string): void {
    this.send(closeFrame(code, reason));
    this.end(code, reason);
  }

  /** Writes one frame. */
  protected abstract send(frame: string): void;

  /** Ends after the close frame. May be called on a transport that has ended with it. */
  protected abstract end(code: number, reason: string): void;
}
