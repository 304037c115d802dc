/** Echo by streams. Messages are sent on one connection, and their echoes come on another, by one response. */
import { EchoSession, echoLoad } from './echo-session.ts';
import { HttpConnection } from './http.ts';
import { HTTP_TRANSPORTS, type HttpTransport } from './http-transports.ts';
import { type Load, portOf } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { StreamReader } from './stream-reader.ts';

type Options = Extract<LoadOptions, { kind: 'streaming-echo' }>;

export function streamingEcho(target: Target, options: Options): Load {
  return echoLoad(options.connections, (number) => StreamingSession.open(target, number, options));
}

class StreamingSession extends EchoSession {
  readonly #connection: HttpConnection;
  readonly #stream: StreamReader;

  private constructor(
    connection: HttpConnection,
    send: HttpConnection,
    transport: HttpTransport,
    number: number,
    size: number,
  ) {
    const id = `stream${number}`;
    super(send, transport, id, number, size);
    this.#connection = connection;
    this.#stream = new StreamReader(connection, transport.receive(id));
  }

  /** Settles when the open frame has come. */
  static async open(
    { ports }: Target,
    number: number,
    { size, transport: name }: Pick<Options, 'size' | 'transport'>,
  ): Promise<StreamingSession> {
    const port = portOf(ports, number);
    const transport = HTTP_TRANSPORTS[name];
    const connection = await HttpConnection.open(port);
    const send = await HttpConnection.open(port);
    const session = new StreamingSession(connection, send, transport, number, size);
    await session.#stream.expect(...transport.openings);
    return session;
  }

  override close(): void {
    this.#connection.close();
    super.close();
  }

  protected override async expect(echo: string): Promise<void> {
    await this.#stream.expect(echo);
    this.answered();
  }
}
