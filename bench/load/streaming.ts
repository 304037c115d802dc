/** Opens xhr-streaming and xhr-polling sessions. */
import { HttpConnection, requestOf } from './http.ts';
import { show } from './load.ts';
import type { Port } from './protocol.ts';

/** What a stream begins with: always, and where it opens a session. */
export const PRELUDE = `${'h'.repeat(2048)}\n`;
export const OPENING = `${PRELUDE}o\n`;

/** Settles when all of `begins` has arrived. Later bytes go to `onPiece`. */
export async function openStreaming(
  port: Port,
  session: string,
  begins: string,
  onPiece: (piece: Buffer) => void,
): Promise<HttpConnection> {
  const connection = await HttpConnection.open(port);
  return new Promise((resolve) => {
    let opening = '';
    connection.onPiece = (piece) => {
      opening += piece.toString('latin1');
      if (!begins.startsWith(opening)) {
        throw new Error(`streaming began with ${JSON.stringify(opening.slice(-300))}`);
      }
      if (opening === begins) {
        connection.onPiece = onPiece;
        resolve(connection);
      }
    };
    connection.socket.write(requestOf(`/echo/000/${session}/xhr_streaming`, ''));
  });
}

/** Opens a session by a poll. Settles when the open frame has arrived and the connection is closed. */
export async function openSession(port: Port, session: string): Promise<void> {
  const connection = await pollFirst(port, session);
  connection.close();
}

/** Opens a session by a poll, and has the next poll wait on the same connection. It throws when that is answered. */
export async function openPolling(port: Port, session: string): Promise<HttpConnection> {
  const connection = await pollFirst(port, session);
  connection.socket.write(pollOf(session));
  return connection;
}

async function pollFirst(port: Port, session: string): Promise<HttpConnection> {
  const connection = await HttpConnection.open(port);
  const { onAnswer } = connection;
  await new Promise<void>((resolve) => {
    connection.onAnswer = (status, body) => {
      if (status !== 200 || body.toString() !== 'o\n') {
        throw new Error(`opening: got ${status} ${show(body)}`);
      }
      connection.onAnswer = onAnswer;
      resolve();
    };
    connection.socket.write(pollOf(session));
  });
  return connection;
}

function pollOf(session: string): Buffer {
  return requestOf(`/echo/000/${session}/xhr`, '');
}
