/**
 * How many requests a client may pipeline on one HTTP/1.1 connection.
 *
 * Bypass: the event `socket` of a response tells that its turn has come. Node documents it for clients alone.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * How many responses of this package may wait for their turn on one HTTP/1.1 connection, on all endpoints together. A
 * request beyond that gets 503, which ends the connection. Each response that waits may hold a session, and costs a
 * client one line. Browsers do not pipeline, and HTTP libraries hardly ever do. HTTP/2 needs no bound: its streams do
 * not wait for one another, and one connection may carry many users.
 */
export const MAX_PIPELINED = 100;

/** The pipelined requests of one connection. */
interface Pipeline {
  /** How many responses have not had their turn. */
  waiting: number;
  /** Whether one was refused. The connection ends with that answer, so no later request can be answered. */
  isRefused: boolean;
}

const pipelines = new WeakMap<Socket, Pipeline>();

/**
 * Whether a request is pipelined behind another, so that Node has not given its response the socket yet. False where
 * middleware has answered already, and on HTTP/2.
 */
export function isPipelined({ httpVersionMajor }: IncomingMessage, res: ServerResponse): boolean {
  // The version first: on HTTP/2, Node makes a socket for each response that is asked for one.
  return httpVersionMajor === 1 && res.socket === null && !res.headersSent && !res.destroyed;
}

/**
 * Takes a place for the response of a pipelined request, until its turn comes.
 *
 * @returns false where {@link MAX_PIPELINED} wait already, and from then on for every request of that connection
 */
export function takePlace({ socket }: IncomingMessage, res: ServerResponse): boolean {
  let pipeline = pipelines.get(socket);
  if (pipeline === undefined) {
    pipeline = { waiting: 0, isRefused: false };
    pipelines.set(socket, pipeline);
  }
  if (pipeline.isRefused || pipeline.waiting >= MAX_PIPELINED) {
    pipeline.isRefused = true;
    return false;
  }
  pipeline.waiting += 1;
  res.on('socket', leavePlace);
  return true;
}

/** Node gives a response its socket when its turn comes. */
function leavePlace(socket: Socket): void {
  const pipeline = pipelines.get(socket);
  if (pipeline !== undefined) {
    pipeline.waiting -= 1;
  }
}
