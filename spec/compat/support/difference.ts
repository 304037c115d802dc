/** A difference between `compat/` and npm sockjs 0.3.24, and what specs do on both to see it. */
import { once } from 'node:events';
import type { WebSocketClient } from '../../support/websocket-client.ts';
import type { Driven, Settings } from './driven.ts';

export interface Difference {
  /** As in the README, without the dot at its end. */
  readonly title: string;
  /** What is looked at, where a title has several differences. */
  readonly aspect?: string;
  readonly settings?: Settings;
  /** Settles with what is seen. */
  readonly observe: (server: Driven) => Promise<unknown>;
  readonly ours: unknown;
  readonly theirs: unknown;
}

/** A payload with one message, which has the program call a method of the connection. */
export const command = (...call: unknown[]) => JSON.stringify([JSON.stringify(call)]);

/** The headers of a form. */
export const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** A WebSocket whose open frame has come. */
export async function opened(server: Driven): Promise<WebSocketClient> {
  const client = server.webSocket('/echo/000/aaaa/websocket');
  await client.next();
  await server.events(1);
  return client;
}

/** A raw WebSocket that is open. */
export async function openedRaw(server: Driven): Promise<WebSocketClient> {
  const client = server.webSocket('/echo/websocket');
  await client.opened;
  await server.events(1);
  return client;
}

/**
 * Whether a WebSocket is pinged, by a server whose pings would come each 20 ms at most. Looks until one has come, else
 * for so long that many would have.
 */
export async function isPinged({ socket }: WebSocketClient): Promise<boolean> {
  let pings = 0;
  socket.on('ping', () => {
    pings += 1;
  });
  const start = performance.now();
  for (let rounds = 0; pings === 0 && (rounds < 20 || performance.now() < start + 500); rounds += 1) {
    socket.ping();
    await once(socket, 'pong');
  }
  return pings > 0;
}

/** What has happened until a request for the path was seen by a listener that comes last. */
export async function eventsUntil(server: Driven, path: string): Promise<string[]> {
  const events: string[] = [];
  while (events.at(-1) !== `after,${path}`) {
    events.push(String((await server.events(1)).at(0)));
  }
  return events;
}

/** What has happened until a session that is opened now is there. For events that there may be none of. */
export async function eventsBefore(server: Driven, sessionId: string): Promise<string[]> {
  await server.webSocket(`/echo/000/${sessionId}/websocket`).next();
  const events: string[] = [];
  while (events.at(-1) !== 'connection,1') {
    events.push(String((await server.events(1)).at(0)));
  }
  return events.slice(0, -1);
}
