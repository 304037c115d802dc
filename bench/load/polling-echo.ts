/** Echo by polls. A poll is parked on one connection, a message is sent on another; then the next poll follows. */
import { EchoSession, echoLoad } from './echo-session.ts';
import { expectAnswer, HttpConnection } from './http.ts';
import { HTTP_TRANSPORTS, type HttpTransport } from './http-transports.ts';
import { type Load, portOf } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { openSession } from './streaming.ts';

type Options = Extract<LoadOptions, { kind: 'polling-echo' }>;

export function pollingEcho(target: Target, options: Options): Load {
  return echoLoad(options.connections, (number) => PollingSession.open(target, number, options));
}

const STILL_OPEN = Buffer.from('c[2010,"Another connection still open"]\n');

/** A poll is parked before and after each message. */
export class PollingSession extends EchoSession {
  readonly #poll: HttpConnection;
  readonly #pollRequest: Buffer;
  readonly #opening: string;
  readonly #pollsRace: boolean;
  #echo = '';

  private constructor(
    poll: HttpConnection,
    send: HttpConnection,
    transport: HttpTransport,
    number: number,
    size: number,
    pollsRace: boolean,
  ) {
    const id = `poll${number}`;
    super(send, transport, id, number, size);
    this.#pollsRace = pollsRace;
    this.#poll = poll;
    this.#pollRequest = transport.receive(id);
    this.#opening = transport.openings.join();
  }

  /** Settles when the session is open and a poll is parked. */
  static async open(
    { ports, pollsRace }: Target,
    number: number,
    { size, transport = 'xhr-polling', isRelayed = false }: Pick<Options, 'size' | 'transport' | 'isRelayed'>,
  ): Promise<PollingSession> {
    const port = portOf(ports, isRelayed ? number + 1 : number);
    const poll = await HttpConnection.open(port);
    const send = await HttpConnection.open(port);
    const session = new PollingSession(poll, send, HTTP_TRANSPORTS[transport], number, size, pollsRace);
    await (isRelayed ? openSession(portOf(ports, number), `poll${number}`) : session.#open());
    session.#begin();
    return session;
  }

  override close(): void {
    this.#poll.close();
    super.close();
  }

  protected override expect(echo: string): void {
    this.#echo = echo;
  }

  /** Opens the session on the connection of its polls. */
  async #open(): Promise<void> {
    expectAnswer(await this.#poll.ask(this.#pollRequest), 200, this.#opening);
  }

  /** Parks the first poll. */
  #begin(): void {
    this.#poll.onAnswer = (status, body) => {
      if (this.#pollsRace && body.equals(STILL_OPEN)) {
        this.#poll.socket.write(this.#pollRequest);
        return;
      }
      expectAnswer({ status, body }, 200, this.#echo);
      this.#poll.socket.write(this.#pollRequest);
      this.answered();
    };
    this.#poll.socket.write(this.#pollRequest);
  }
}
