/**
 * Dead clients, and an application that never reads. The server must end each of them once its event loop runs freely.
 */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { handshake } from '../support/http.ts';
import { clientFrame } from '../support/upgrade-client.ts';
import { SoakClient } from './soak-client.ts';
import type { StalledServer } from './stalled-server.ts';

/** A dead client. */
export interface DeadPeer {
  /** What it does not do, and the limit that must end it. */
  readonly name: string;
  /** The expected end: the close code of its session, or the status of the response. */
  readonly expected: string;
  /** Settles with the actual end. */
  readonly ended: Promise<string>;
  /** Whether the expected end is impossible, since the healthy session that it uses has ended. */
  isVoid?(): boolean;
  /** Closes its connection. */
  leave(): void;
}

/** Connects one peer of each kind. Settles when the server knows all of them. */
export function connectDeadPeers(server: StalledServer, name: string): Promise<DeadPeer[]> {
  return Promise.all([
    stoppedPolling(server, `${name}-polling`),
    silentWebSocket(server, `${name}-silent`, `/echo/0/${name}-silent/websocket`),
    silentWebSocket(server, `${name}-raw`, `/echo/websocket?id=${name}-raw`),
    unreadWebSocket(server, `${name}-unread`),
    halfSent(server, `${name}-half`),
    undecidedUpgrade(server, `/never/0/${name}/websocket`),
    unreadingApplication(server, `${name}-unread-application`),
  ]);
}

async function stoppedPolling(server: StalledServer, id: string): Promise<DeadPeer> {
  const ended = endOf(server, id);
  const req = request({
    port: server.port,
    host: '127.0.0.1',
    agent: false,
    method: 'POST',
    path: `/echo/0/${id}/xhr`,
  });
  req.end();
  const [res] = await once(req, 'response');
  res.resume();
  await once(res, 'end');
  return { name: 'stopped polling: disconnectDelay', expected: '1002', ended, leave: () => req.destroy() };
}

async function silentWebSocket(server: StalledServer, id: string, path: string): Promise<DeadPeer> {
  const ended = endOf(server, id);
  const socket = open(server, handshake(path).join('\r\n'));
  await until(socket, '101 Switching Protocols');
  return { name: 'answers no ping: heartbeatDelay', expected: '1006', ended, leave: () => socket.destroy() };
}

async function unreadWebSocket(server: StalledServer, id: string): Promise<DeadPeer> {
  const ended = endOf(server, id);
  const socket = open(server, handshake(`/big/0/${id}/websocket`).join('\r\n'));
  await until(socket, '101 Switching Protocols');
  const seen = server.report('seen', ({ tag }) => tag === id);
  socket.pause();
  socket.write(clientFrame(1, '["0"]'), 'latin1');
  await seen;
  return { name: 'reads nothing: websocketWriteTimeout', expected: '1006', ended, leave: () => socket.destroy() };
}

/** It has a session of its own, which polls on, since the server reads the sends of a session one at a time. */
async function halfSent(server: StalledServer, id: string): Promise<DeadPeer> {
  let isVoid = false;
  const onError = () => {
    isVoid = true;
  };
  const client = new SoakClient({ port: server.port, agent: false, transport: 'xhr', id, endpoint: '/echo', onError });
  await client.opened();
  const seen = server.report('seen', ({ tag }) => tag === id);
  const head = [`POST /echo/0/${id}/xhr_send HTTP/1.1`, 'Host: localhost', 'Content-Length: 100', `X-Soak: ${id}`];
  const socket = open(server, `${head.join('\r\n')}\r\n\r\n["half`);
  const ended = statusOf(socket);
  await seen;
  const leave = () => {
    socket.destroy();
    client.abort();
  };
  return { name: 'sends half a body: receiveTimeout', expected: '408', ended, isVoid: () => isVoid, leave };
}

async function undecidedUpgrade(server: StalledServer, path: string): Promise<DeadPeer> {
  const seen = server.report('seen', ({ tag }) => tag === path);
  const socket = open(server, handshake(path).join('\r\n'));
  const ended = statusOf(socket);
  await seen;
  return { name: 'is never let in: upgradeTimeout', expected: '503', ended, leave: () => socket.destroy() };
}

/** Here the application is dead: it never reads. */
async function unreadingApplication(server: StalledServer, id: string): Promise<DeadPeer> {
  const ended = endOf(server, id);
  const socket = open(server, handshake(`/unread/0/${id}/websocket`).join('\r\n'));
  await until(socket, '101 Switching Protocols');
  socket.write(clientFrame(1, '["one","two","three"]'), 'latin1');
  // The client answers the close frame, which the session waits for.
  until(socket, '\x88').then(
    () => socket.end(),
    () => {},
  );
  return { name: 'is not read: receiveStallTimeout', expected: '1013', ended, leave: () => socket.destroy() };
}

async function endOf(server: StalledServer, id: string): Promise<string> {
  try {
    const { code } = await server.whenClosed(id);
    return String(code);
  } catch {
    return 'the server has ended';
  }
}

function open(server: StalledServer, text: string): Socket {
  const socket = connect(server.port, '127.0.0.1');
  socket.setEncoding('latin1').on('error', () => {});
  socket.write(text, 'latin1');
  return socket;
}

/** Settles with all received bytes once they contain the text. The socket is still read after that. */
function until(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    socket.on('data', (chunk: string) => {
      received += chunk;
      if (received.includes(text)) {
        resolve(received);
      }
    });
    socket.on('close', () => reject(new Error(`closed before ${JSON.stringify(text)} came`)));
  });
}

async function statusOf(socket: Socket): Promise<string> {
  try {
    const [, status = ''] = (await until(socket, '\r\n')).split(' ');
    return status;
  } catch {
    return 'closed without an answer';
  }
}
