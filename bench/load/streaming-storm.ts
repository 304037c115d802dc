/**
 * All clients open an xhr-streaming session at once, as after a deploy: `/info`, the stream, one message, its echo. Each
 * has two connections, as a browser would: the stream keeps one, `/info` and the message share the other.
 */
import { Gate } from './gate.ts';
import { expectAnswer, HttpConnection, requestOf } from './http.ts';
import { HTTP_TRANSPORTS } from './http-transports.ts';
import { expectInfo } from './info.ts';
import { closeAll, type Load, portOf, textOf } from './load.ts';
import type { LoadOptions, Port, Target } from './protocol.ts';
import { StreamReader } from './stream-reader.ts';

type Options = Extract<LoadOptions, { kind: 'streaming-storm' }>;

/**
 * Connections at a time that the server has sent nothing on. The system has room for 511 that the server has not
 * accepted; it drops more, and their clients try again after a second.
 */
const CONNECTING = 400;

const INFO = requestOf('/echo/info');

const TRANSPORT = HTTP_TRANSPORTS['xhr-streaming'];

export function streamingStorm({ ports }: Target, { size }: Options): Load {
  const gate = new Gate(CONNECTING);
  let opened: HttpConnection[] = [];
  let number = 0;

  /**
   * Opens a connection.
   *
   * @param ask makes its first request, and settles with what remains of it when the server has answered
   */
  const connect = async <T>(port: Port, ask: (connection: HttpConnection) => Promise<T>): Promise<T> => {
    await gate.enter();
    const connection = await HttpConnection.open(port);
    opened.push(connection);
    const result = await ask(connection);
    gate.leave();
    return result;
  };

  const askInfo = async (connection: HttpConnection) => {
    expectInfo(await connection.ask(INFO));
    return connection;
  };

  /** Settles when the echo has come. */
  const client = async (i: number) => {
    const port = portOf(ports, i);
    const id = `storm${i}`;
    const message = textOf(i, size);
    const answers = await connect(port, askInfo);
    const stream = await connect(port, async (connection) => {
      const reader = new StreamReader(connection, TRANSPORT.receive(id));
      await reader.expect(...TRANSPORT.openings);
      return reader;
    });
    const echo = stream.expect(TRANSPORT.wrap(`a${JSON.stringify([message])}`));
    const { status, body } = TRANSPORT.sent;
    expectAnswer(await answers.ask(TRANSPORT.send(id, message)), status, body);
    await echo;
  };

  return {
    async open() {},
    async round(units) {
      await Promise.all(Array.from({ length: units }, () => client(number++)));
      return units;
    },
    /** Settles when the server has ended all connections: the work that this makes is no part of a round. */
    async close() {
      const all = opened;
      opened = [];
      await closeAll(all.map((connection) => ({ close: () => connection.end() })));
    },
  };
}
