/** Both ends of the STOMP recipe: a broker that does what the test says, and stompjs over sockjs-client. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Client, type IMessage, type IStompSocket, type StompConfig } from '@stomp/stompjs';
import SockJS from 'sockjs-client';
import type { TRANSPORTS } from '../../../e2e/support/client.ts';
import { AsyncQueue } from '../../../support/async-queue.ts';
import { afterTest } from '../../../support/cleanup.ts';

/** The program, as a recipe. */
export const PROGRAM = 'stomp-rabbitmq/server';

/** The environment of the program for a broker at this port. */
export const envFor = (port: number) => ({ STOMP_PORT: `${port}` });

/** How the program closes a session whose broker has gone, and one whose broker was not there. */
export const LEFT = { code: 4502, reason: 'The broker has closed the connection' };
export const UNREACHABLE = { code: 4503, reason: 'The broker cannot be reached' };

/** ms. Longer than any test, so that no transport is given up because the machine is slow. */
const PATIENCE = 60_000;

/** A server of TCP in place of a broker. The test does what a broker would. */
export interface FakeBroker {
  readonly port: number;
  /** Connections that the program has made, unread. The one by which it looks at its start for a broker is not among them. */
  readonly connections: AsyncQueue<Socket>;
  /** Ends it with all its connections. */
  close(): Promise<void>;
}

/** How a fake broker differs from others. */
interface FakeBrokerSettings {
  /** Whether it keeps its end of a connection open when the program has ended its own. */
  readonly allowHalfOpen?: boolean;
}

/** Starts a server for the current test, or, with a cleanup of its own, for a suite. */
export async function startFakeBroker(
  cleanUpLater: (cleanUp: () => Promise<void>) => void,
  { allowHalfOpen = false }: FakeBrokerSettings = {},
): Promise<FakeBroker> {
  const connections = new AsyncQueue<Socket>();
  const sockets = new Set<Socket>();
  let isFirst = true;
  const server = createServer({ pauseOnConnect: true, allowHalfOpen }, (socket) => {
    socket.on('error', () => {});
    if (isFirst) {
      isFirst = false;
      socket.resume().on('end', () => socket.end());
    } else {
      sockets.add(socket);
      connections.push(socket);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    for (const socket of sockets) {
      socket.destroy();
    }
    await new Promise((resolve) => server.close(resolve));
  };
  cleanUpLater(close);
  return { port: (server.address() as AddressInfo).port, connections, close };
}

/** Reads a connection until all that came makes this text, or more. */
export async function read(socket: Socket, text: string): Promise<string> {
  let all = Buffer.alloc(0);
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    all = Buffer.concat([all, chunk]);
    if (all.length >= Buffer.byteLength(text)) {
      break;
    }
  }
  return all.toString();
}

/** How a client has been closed. */
export interface Closing {
  readonly code: number;
  readonly reason: string;
}

/** A client that may lose its connection. It is gone after the test. */
export function startStompClient(origin: string, transport: (typeof TRANSPORTS)[number], config: StompConfig = {}) {
  const client = new Client({
    webSocketFactory: () =>
      new SockJS(`${origin}/stomp`, null, { transports: [transport], timeout: PATIENCE }) as unknown as IStompSocket,
    connectHeaders: { login: 'guest', passcode: 'guest' },
    reconnectDelay: 0,
    heartbeatIncoming: 0,
    heartbeatOutgoing: 0,
    ...config,
  });
  const connects = new AsyncQueue<void>();
  const closings = new AsyncQueue<Closing>();
  const errors = new AsyncQueue<string>();
  client.onConnect = () => connects.push();
  client.onWebSocketClose = ({ code, reason }: Closing) => closings.push({ code, reason });
  client.onStompError = ({ headers: { message = '' } }) => errors.push(message);
  client.activate();
  afterTest(() => client.deactivate());
  return { client, connects, closings, errors };
}

/** A client that the broker has taken. */
export async function connectStomp(origin: string, transport: (typeof TRANSPORTS)[number], config?: StompConfig) {
  const started = startStompClient(origin, transport, config);
  await started.connects.next();
  return started;
}

/** Subscribes; settles when the broker knows. */
export async function subscribe(client: Client, destination: string): Promise<AsyncQueue<IMessage>> {
  const messages = new AsyncQueue<IMessage>();
  const receipt = `subscribed to ${destination}`;
  const subscribed = new Promise((resolve) => client.watchForReceipt(receipt, resolve));
  client.subscribe(destination, (message) => messages.push(message), { receipt });
  await subscribed;
  return messages;
}
