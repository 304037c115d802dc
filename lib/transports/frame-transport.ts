/** The frames of a receiver: what a session tells its client, as SockJS writes it. */
import { closeFrame, HEARTBEAT_FRAME, messagesFrame, OPEN_FRAME } from '../protocol/frame.ts';
import type { SharedMessage } from '../protocol/shared-message.ts';
import type { Outgoing, Receiver, TransportName } from '../session/ports.ts';

/** A receiver that carries frames. A subclass says how one frame travels, and how the connection ends. */
export abstract class FrameTransport implements Receiver {
  abstract readonly name: TransportName;

  readonly maxHeartbeatInterval: number = Number.POSITIVE_INFINITY;

  abstract readonly bufferedAmount: number;

  abstract abort(): void;

  open(): void {
    this.send(OPEN_FRAME, false);
  }

  messages(batch: readonly Outgoing[], notifyOnFlush: boolean): void {
    const first = batch[0];
    if (batch.length === 1 && first !== undefined && typeof first !== 'string') {
      this.sendShared(first, notifyOnFlush);
    } else {
      this.send(messagesFrame(batch), notifyOnFlush);
    }
  }

  heartbeat(notifyOnFlush: boolean): void {
    this.send(HEARTBEAT_FRAME, notifyOnFlush);
  }

  refuse(code: number, reason: string): void {
    this.close(code, reason);
  }

  close(code: number, reason: string): void {
    this.send(closeFrame(code, reason), false);
    this.end(code, reason);
  }

  /** Writes one frame; `notifyOnFlush` as for `messages`. */
  protected abstract send(frame: string, notifyOnFlush: boolean): void;

  /** Writes the frame of one message of a broadcast. */
  protected abstract sendShared(message: SharedMessage, notifyOnFlush: boolean): void;

  /** Ends the connection after the close frame. The close frame may have ended it already. */
  protected abstract end(code: number, reason: string): void;
}
