/** One HTTP response as a receiver: its head, its byte budget, its end, and what happens when the client breaks off. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { CloseCode } from '../close-code.ts';
import type { Exchange } from '../mount.ts';
import type { Session, SessionCloseEvent } from '../session.ts';
import { FrameTransport } from './transport.ts';

const INTERRUPTED: SessionCloseEvent = Object.freeze({
  code: CloseCode.Interrupted,
  reason: 'Connection interrupted',
  wasClean: false,
});

/** The part of a session that an HTTP response needs, whatever the session holds. */
type AnySession = Pick<Session, 'attach' | 'unlink' | 'detach' | 'lost'>;

/** A response of compression middleware, which can be told not to wait for more. */
interface MaybeCompressed {
  readonly flush?: unknown;
}

/** The base of all transports that receive over HTTP. A polling one ends with its first frame: its budget is nothing. */
export abstract class HttpTransport extends FrameTransport {
  /** The Content-Type of the response, to the letter. */
  protected abstract readonly contentType: string;

  /** Written before the first frame, as a write of its own; none on polling. Not counted against the budget. */
  protected readonly prelude: string = '';

  readonly #res: ServerResponse;
  #budget: number;
  #session: AnySession | undefined;
  #ended = false;
  #hasLeft = false;

  /** @param limit bytes of frames after which the response ends; 0 for polling */
  constructor(res: ServerResponse, limit: number) {
    super();
    this.#res = res;
    this.#budget = limit;
  }

  /** Attaches this response to the session that the request names, which is made if it is new. */
  receive<Data, Req extends IncomingMessage>({ mount, req, res, sessionId }: Exchange<Data, Req>): void {
    const { socket } = req;
    if (res.destroyed || socket.destroyed) {
      // The client left while earlier middleware was busy: there is nobody to open a session for.
      return;
    }
    const session = mount.sessions.find(sessionId) ?? mount.sessions.create(sessionId, req, this.name);
    this.#session = session;
    // Node reports bytes that a reset kept from leaving as finished; the socket knows better, at that moment.
    res.prependListener('finish', () => {
      this.#hasLeft = !socket.destroyed;
    });
    const onClose = () => {
      res.off('close', onClose);
      socket.off('close', onClose);
      this.#onClose();
    };
    res.on('close', onClose);
    if (res.socket === null) {
      // Waits behind another response of its connection, and would not hear of its end.
      socket.setMaxListeners(0).on('close', onClose);
    }
    // A write that comes after the client has gone is reported here; 'close' says all there is to say.
    res.on('error', () => {});
    res.setHeader('Content-Type', this.contentType);
    if (this.prelude !== '') {
      res.setHeader('X-Accel-Buffering', 'no');
      this.#write(this.prelude);
    }
    session.attach(this);
  }

  /** A frame as this transport sends it. */
  protected abstract wrap(frame: string): string;

  protected override send(frame: string): void {
    const chunk = this.wrap(frame);
    this.#budget -= Buffer.byteLength(chunk);
    if (this.#ended) {
      return;
    }
    if (this.#budget > 0) {
      this.#write(chunk);
    } else {
      this.#finish(chunk);
    }
  }

  protected override end(): void {
    if (!this.#ended) {
      this.#finish();
    }
  }

  #write(chunk: string): void {
    this.#res.write(chunk);
    const { flush } = this.#res as ServerResponse & MaybeCompressed;
    if (typeof flush === 'function') {
      flush.call(this.#res);
    }
  }

  #finish(chunk?: string): void {
    this.#ended = true;
    if (chunk === undefined) {
      this.#res.end();
    } else {
      if (!this.#res.headersSent) {
        this.#res.setHeader('Content-Length', Buffer.byteLength(chunk));
      }
      this.#res.end(chunk);
    }
    this.#session?.unlink(this);
  }

  /** The response is over. Unless all of it had left by then, messages may have been lost with it. */
  #onClose(): void {
    this.#ended = true;
    if (this.#hasLeft) {
      this.#session?.detach(this);
    } else {
      this.#session?.lost(this, INTERRUPTED);
    }
  }
}
