/** A session whose messages go out by requests. Each has two answers: that to its request, and its echo. */
import { expectAnswer, type HttpConnection } from './http.ts';
import type { HttpTransport } from './http-transports.ts';
import { closeAll, type Load, ramp, textOf } from './load.ts';

/** The load of so many sessions, each of which sends its next message when the last has come back. */
export function echoLoad(count: number, openSession: (number: number) => Promise<EchoSession>): Load {
  let sessions: EchoSession[] = [];
  return {
    async open() {
      sessions = await ramp(count, openSession);
    },
    async round(units) {
      const each = Math.max(1, Math.round(units / sessions.length));
      await Promise.all(sessions.map((session) => session.go(each)));
      return each * sessions.length;
    },
    async close() {
      await closeAll(sessions);
    },
  };
}

/** A send, and what comes of it where the session receives. */
interface Exchange {
  readonly request: Buffer;
  readonly echo: string;
}

/** Different messages of each session, fewer where they are large. */
function exchangesOf(size: number): number {
  return size > 65_536 ? 2 : 8;
}

export abstract class EchoSession {
  readonly #send: HttpConnection;
  readonly #exchanges: readonly Exchange[];
  #left = 0;
  #turn = 0;
  #due = 0;
  #whenDone: () => void = () => {};

  /** @param number no other session has the same, and so none the same messages */
  constructor(
    send: HttpConnection,
    { send: sendOf, sent, wrap }: HttpTransport,
    id: string,
    number: number,
    size: number,
  ) {
    this.#send = send;
    const count = exchangesOf(size);
    this.#exchanges = Array.from({ length: count }, (_, i) => {
      const message = textOf(number * count + i, size);
      return { request: sendOf(id, message), echo: wrap(`a${JSON.stringify([message])}`) };
    });
    send.onAnswer = (status, body) => {
      expectAnswer({ status, body }, sent.status, sent.body);
      this.answered();
    };
  }

  /** An echo is due. `answered` must be called when it has come. */
  protected abstract expect(echo: string): void;

  /** Sends `count` messages, one after the other. */
  go(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#left = count;
      this.#whenDone = resolve;
      this.#next();
    });
  }

  close(): void {
    this.#send.close();
  }

  /** Counts the answer to a send, or an echo. The next message follows when both are there. */
  protected answered(): void {
    this.#due -= 1;
    if (this.#due < 0) {
      throw new Error('a send or an echo was answered when none was due');
    }
    if (this.#due === 0 && this.#left > 0) {
      this.#next();
    } else if (this.#due === 0) {
      this.#whenDone();
    }
  }

  #next(): void {
    this.#turn = (this.#turn + 1) % this.#exchanges.length;
    this.#due = 2;
    this.#left -= 1;
    const { request, echo } = this.#exchanges[this.#turn] as Exchange;
    this.expect(echo);
    this.#send.socket.write(request);
  }
}
