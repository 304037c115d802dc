/** The real sockjs-client, with a queue of messages until the test asks for them. */
import SockJS, { type SockJSCloseEvent } from 'sockjs-client';
import { AsyncQueue } from '../../support/async-queue.ts';
import { afterTest } from '../../support/cleanup.ts';

/** The transports that sockjs-client has outside of browsers. */
export const TRANSPORTS = ['websocket', 'xhr-streaming', 'xhr-polling', 'eventsource'] as const;

/** ms. Longer than any test, so that no transport is given up because the machine is slow. */
const TRANSPORT_TIMEOUT = 60_000;

export class Client {
  readonly socket: SockJS;
  readonly #messages = new AsyncQueue<string>();
  readonly #heartbeats = new AsyncQueue<void>();
  /** Settles when the session is open. Rejects if it closes before. */
  readonly opened: Promise<void>;
  /** Settles with the client's `close` event. */
  readonly closed: Promise<{ code: number; reason: string; wasClean: boolean }>;

  /** @param url of the endpoint, as in `http://127.0.0.1:1234/echo` */
  constructor(url: string, transport: (typeof TRANSPORTS)[number]) {
    this.socket = new SockJS(url, null, { transports: [transport], timeout: TRANSPORT_TIMEOUT });
    this.socket.onmessage = ({ data }) => this.#messages.push(data);
    this.socket.onheartbeat = () => this.#heartbeats.push();
    let onClose: (event: SockJSCloseEvent) => void = () => {};
    this.closed = new Promise((resolve) => {
      onClose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean });
    });
    this.opened = new Promise((resolve, reject) => {
      this.socket.onopen = resolve;
      this.socket.onclose = (event) => {
        const error = new Error(`closed with ${event.code} ${event.reason}`);
        this.#messages.fail(error);
        this.#heartbeats.fail(error);
        reject(error);
        onClose(event);
      };
    });
    this.opened.catch(() => {});
    afterTest(async () => {
      // Before the client is open, it cannot cancel its own timers. So this waits until it is open or has failed.
      await this.opened.catch(() => {});
      this.socket.close();
      await this.closed;
    });
  }

  /** Settles with the next message. */
  next(): Promise<string> {
    return this.#messages.next();
  }

  /** Settles with `count` messages. */
  async take(count: number): Promise<string[]> {
    const messages: string[] = [];
    while (messages.length < count) {
      messages.push(await this.next());
    }
    return messages;
  }

  /** Settles with the next heartbeat. */
  heartbeat(): Promise<void> {
    return this.#heartbeats.next();
  }

  send(message: string): void {
    this.socket.send(message);
  }
}
