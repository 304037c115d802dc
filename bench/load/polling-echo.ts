/** xhr-polling echo. A poll is parked on one connection, a message is sent on another; then the next poll follows. */
import { HttpConnection, requestOf } from './http.ts';
import { closeAll, type Load, portOf, ramp, show, textOf } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { openSession } from './streaming.ts';

type Options = Extract<LoadOptions, { kind: 'polling-echo' }>;

/** Different messages of each session. */
const MESSAGES = 8;

export function pollingEcho(target: Target, options: Options): Load {
  const { connections } = options;
  let sessions: PollingSession[] = [];
  return {
    async open() {
      sessions = await ramp(connections, (i) => PollingSession.open(target, i, options));
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

const STILL_OPEN = Buffer.from('c[2010,"Another connection still open"]\n');

export class PollingSession {
  readonly #poll: HttpConnection;
  readonly #send: HttpConnection;
  readonly #pollRequest: Buffer;
  readonly #sends: readonly { readonly request: Buffer; readonly answer: Buffer }[];
  readonly #pollsRace: boolean;
  #left = 0;
  #turn = 0;
  #due = 0;
  #whenDone: () => void = () => {};

  private constructor(poll: HttpConnection, send: HttpConnection, number: number, size: number, pollsRace: boolean) {
    this.#pollsRace = pollsRace;
    this.#poll = poll;
    this.#send = send;
    const path = `/echo/000/poll${number}`;
    this.#pollRequest = requestOf(`${path}/xhr`, '');
    this.#sends = Array.from({ length: MESSAGES }, (_, i) => {
      const body = JSON.stringify([textOf(number * MESSAGES + i, size)]);
      return { request: requestOf(`${path}/xhr_send`, body), answer: Buffer.from(`a${body}\n`) };
    });
  }

  /** Settles when the session is open and a poll is parked. */
  static async open(
    { ports, pollsRace }: Target,
    number: number,
    { size, isRelayed = false }: Pick<Options, 'size' | 'isRelayed'>,
  ): Promise<PollingSession> {
    const port = portOf(ports, isRelayed ? number + 1 : number);
    const poll = await HttpConnection.open(port);
    const send = await HttpConnection.open(port);
    const session = new PollingSession(poll, send, number, size, pollsRace);
    await (isRelayed ? openSession(portOf(ports, number), `poll${number}`) : session.#open());
    session.#begin();
    return session;
  }

  /** Sends `count` messages, one after the other. A poll is parked before and after. */
  go(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#left = count;
      this.#whenDone = resolve;
      this.#next();
    });
  }

  close(): void {
    this.#poll.close();
    this.#send.close();
  }

  /** Opens the session on the connection of its polls. */
  #open(): Promise<void> {
    return new Promise((resolve) => {
      this.#poll.onAnswer = (status, body) => {
        expectAnswer(status, body, 200, Buffer.from('o\n'));
        resolve();
      };
      this.#poll.socket.write(this.#pollRequest);
    });
  }

  /** Parks the first poll. */
  #begin(): void {
    this.#poll.onAnswer = (status, body) => {
      if (this.#pollsRace && body.equals(STILL_OPEN)) {
        this.#poll.socket.write(this.#pollRequest);
        return;
      }
      expectAnswer(status, body, 200, (this.#sends[this.#turn] as { answer: Buffer }).answer);
      this.#poll.socket.write(this.#pollRequest);
      this.#answered();
    };
    this.#send.onAnswer = (status, body) => {
      expectAnswer(status, body, 204, Buffer.alloc(0));
      this.#answered();
    };
    this.#poll.socket.write(this.#pollRequest);
  }

  #next(): void {
    this.#turn = (this.#turn + 1) % MESSAGES;
    this.#due = 2;
    this.#left -= 1;
    this.#send.socket.write((this.#sends[this.#turn] as { request: Buffer }).request);
  }

  #answered(): void {
    this.#due -= 1;
    if (this.#due < 0) {
      throw new Error('an answer to poll or send when none was due');
    }
    if (this.#due === 0 && this.#left > 0) {
      this.#next();
    } else if (this.#due === 0) {
      this.#whenDone();
    }
  }
}

function expectAnswer(status: number, body: Buffer, dueStatus: number, dueBody: Buffer): void {
  if (status !== dueStatus || !body.equals(dueBody)) {
    throw new Error(`polling: got ${status} ${show(body)}, not ${dueStatus} ${show(dueBody)}`);
  }
}
