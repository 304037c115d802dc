/** Opens xhr-streaming sessions. */
import { HttpConnection, requestOf } from './http.ts';

const OPENING = `${'h'.repeat(2048)}\no\n`;

/** Settles when prelude and open frame have arrived. Later bytes go to `onPiece`. */
export async function openStreaming(
  port: number,
  session: string,
  onPiece: (piece: Buffer) => void,
): Promise<HttpConnection> {
  const connection = await HttpConnection.open(port);
  return new Promise((resolve) => {
    let opening = '';
    connection.onPiece = (piece) => {
      opening += piece.toString('latin1');
      if (!OPENING.startsWith(opening)) {
        throw new Error(`streaming began with ${JSON.stringify(opening.slice(-300))}`);
      }
      if (opening === OPENING) {
        connection.onPiece = onPiece;
        resolve(connection);
      }
    };
    connection.socket.write(requestOf(`/echo/000/${session}/xhr_streaming`, ''));
  });
}
