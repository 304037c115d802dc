/** Plays a case to one server, and records its response. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { connect as connectSecurely } from 'node:tls';
import { handshake } from '../http.ts';
import { close, type FrameCase, type Outcome, text } from './frame-case.ts';
import { codeOf, isClose, type ServerFrame, ServerStream } from './server-frames.ts';
import type { Closed, Connection, EchoServer } from './server-pair.ts';

/** What one server did in a case. */
export interface Transcript {
  /** Status line and headers of the response to the handshake. */
  readonly head: string;
  readonly frames: readonly ServerFrame[];
  /** Bytes that are no complete frame, such as the body of a refusal. */
  readonly rest: Buffer;
  /** Whether the server answered the sentinel. */
  readonly isOpen: boolean;
  /** The messages that the application got. */
  readonly messages: readonly (string | Buffer)[];
  /** The close that the application got. Undefined without a WebSocket. */
  readonly closed: Closed | undefined;
  /** Whether the client gave up, since the server neither answered nor closed. */
  readonly hasTimedOut: boolean;
}

/** The message by which the client finds out whether the server still reads. */
export const SENTINEL = 'the end?';

/** ms without progress after which the client gives up. Only a failing case takes that long. */
const TIMEOUT = 10_000;

const PATH = '/echo/websocket';

/** How a conversation ended; see {@link Outcome}. */
export function outcomeOf({ head, isOpen, frames }: Transcript): Outcome {
  const last = frames.at(-1);
  if (!head.startsWith('HTTP/1.1 101 ')) {
    return 'refused';
  }
  return isOpen ? 'open' : last !== undefined && isClose(last) ? codeOf(last) : 'cut';
}

/** Plays a case. Settles when the connection has ended and the application knows. */
export async function playCase(
  server: EchoServer,
  { segments, halfCloses, headers = [], withHandshake }: FrameCase,
): Promise<Transcript> {
  const to = { port: server.port, host: '127.0.0.1', noDelay: true };
  const client = new Client(
    server.isTls ? connectSecurely({ ...to, rejectUnauthorized: false }) : connect(to),
    server.isTls,
  );
  let port: number | undefined;
  try {
    await once(client.socket, server.isTls ? 'secureConnect' : 'connect');
    port = client.socket.localPort;
    const connection = await server.connectionOf(port);
    client.connection = connection;
    const request = Buffer.from(handshake(PATH, ...headers).join('\r\n'), 'latin1');
    const [first = Buffer.alloc(0), ...others] = segments;
    if (withHandshake) {
      await client.send(Buffer.concat([request, first]));
    } else {
      await client.send(request);
    }
    await client.until(() => client.stream.head !== undefined);
    if (client.stream.isUpgraded) {
      const rest = withHandshake ? others : segments;
      for (const [i, segment] of rest.entries()) {
        const isLast = i === rest.length - 1;
        await client.send(segment, isLast && halfCloses === 'at once');
      }
      if (halfCloses) {
        client.socket.end();
      } else {
        await client.finish();
      }
    } else {
      client.socket.end();
    }
    await client.until(() => false);
    const { head = '', frames, rest, isUpgraded } = client.stream;
    return {
      head,
      frames,
      rest,
      isOpen: client.isAnswered,
      messages: connection.messages,
      closed: isUpgraded ? await client.orTimeout(connection.closed) : undefined,
      hasTimedOut: client.hasTimedOut,
    };
  } finally {
    server.forget(port);
    client.stop();
  }
}

class Client {
  readonly socket: Socket;
  readonly #isTls: boolean;
  readonly stream = new ServerStream();
  connection: Connection | undefined;
  hasTimedOut = false;
  isAnswered = false;
  #isOver = false;
  #sent = 0;
  #wake: (() => void) | undefined;
  readonly #watchdog: NodeJS.Timeout;
  readonly #timedOut: Promise<undefined>;

  constructor(socket: Socket, isTls: boolean) {
    this.socket = socket;
    this.#isTls = isTls;
    let giveUp: (() => void) | undefined;
    this.#timedOut = new Promise((resolve) => {
      giveUp = () => resolve(undefined);
    });
    this.#watchdog = setTimeout(() => {
      this.hasTimedOut = true;
      giveUp?.();
      socket.destroy();
    }, TIMEOUT);
    socket.on('data', (chunk) => {
      this.#watchdog.refresh();
      this.stream.push(chunk);
      this.#wake?.();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#isOver = true;
      this.#wake?.();
    });
  }

  /**
   * Writes, and settles when the server has read the bytes or has stopped reading.
   *
   * @param halfCloses whether the client ends its side of the connection after these bytes
   */
  async send(bytes: Buffer, halfCloses = false): Promise<void> {
    const server = this.connection?.socket;
    // If the server does not read any more, its kernel would respond with a reset. A reset discards bytes that the
    // client has not read yet.
    if (server === undefined || server.destroyed || !this.socket.writable) {
      return;
    }
    this.#sent += bytes.length;
    this.socket.write(bytes);
    if (halfCloses) {
      this.socket.end();
    }
    // On TLS, bytesRead counts encrypted bytes.
    while (!this.#isTls && server.bytesRead < this.#sent && !server.destroyed && !this.#isOver) {
      await turn();
    }
    this.#watchdog.refresh();
  }

  /** Sends the sentinel if the connection is open, then closes as RFC 6455 requires. */
  async finish(): Promise<void> {
    const { stream } = this;
    const isClosing = () => stream.frames.some(isClose);
    if (!isClosing()) {
      await this.send(text(SENTINEL));
      await this.until(() => {
        this.isAnswered = stream.endsWith(SENTINEL);
        return this.isAnswered || isClosing();
      });
    }
    await this.send(close(1000));
  }

  /** Settles when `holds` returns true, or the connection has ended. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds() && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Settles as `promise` does, or with undefined once the client has given up. */
  orTimeout<T>(promise: Promise<T>): Promise<T | undefined> {
    return Promise.race([promise, this.#timedOut]);
  }

  stop(): void {
    clearTimeout(this.#watchdog);
    this.socket.destroy();
  }
}
