/** What the applications of the transport contract do. It has no state, so that another process can do the same. */
import type { ServerResponse } from 'node:http';
import type { Express } from 'express';
import type { SessionHandler } from '../../lib/index.ts';

/** More than both kernels buffer for a client that does not read. */
const STALL_BYTES = 33_554_432;

/** The bytes that stall a connection count as queued for its session. This limit allows them. */
export const LARGE_BUFFER = { maxSendBuffer: 2 * STALL_BYTES };

/**
 * A header that stalls its connection. The server writes the response, but it stays queued while the client does not
 * read.
 */
export const STALL_HEADER = 'X-Stall: 1';

export function stallOnRequest(app: Express): void {
  app.use((req, _res, next) => {
    if (req.headers['x-stall'] !== undefined) {
      req.socket.write(Buffer.alloc(STALL_BYTES));
    }
    next();
  });
}

/** Middleware that holds written bytes back until flush() is called, as compression does. */
export function holdBackUntilFlush(app: Express): void {
  app.use((_req, res: ServerResponse, next) => {
    const write = res.write.bind(res) as (chunk: Buffer) => boolean;
    const end = res.end.bind(res) as () => ServerResponse;
    const held: Buffer[] = [];
    const flush = () => {
      for (const chunk of held.splice(0)) {
        write(chunk);
      }
    };
    const hold = (chunk?: string | Buffer) => {
      if (chunk !== undefined) {
        held.push(Buffer.from(chunk));
      }
      return true;
    };
    Object.assign(res, {
      write: hold,
      flush,
      end: (chunk?: string | Buffer) => {
        hold(chunk);
        flush();
        return end();
      },
    });
    next();
  });
}

/** Adds no middleware. */
export function noMiddleware(): void {}

/** Closes each session as it opens. */
export const goAway: SessionHandler = (session) => {
  session.close(3000, 'Go away!');
};

/** Sends each message back, and closes the session for the message `bye`: the application of docs/protocol.md. */
export const echoOrGoAway: SessionHandler = (session) => {
  session.on('message', (message) => {
    if (message === 'bye') {
      session.close(3000, 'Go away!');
    } else {
      session.send(message);
    }
  });
};
