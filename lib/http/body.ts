/** Request bodies: read within bounds, or taken over from a body parser that was there first (PROTOCOL.md section 8). */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';

/** A body that could not be read; `status` is what the client gets. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A body as it came, or as earlier middleware parsed it. */
export type Body =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'parsed'; readonly value: unknown };

/** What body parsers of the Express world leave on a request. */
interface MaybeParsed {
  readonly body?: unknown;
  /** Set by body-parser once it has read the stream. */
  readonly _body?: unknown;
}

/**
 * The body of a request, at most `limit` bytes; not one more is read.
 *
 * @returns rejects with {@link BodyError} where it is larger or no UTF-8, and with any other error where the client
 *   broke off
 */
export async function readBody(req: IncomingMessage, limit: number): Promise<Body> {
  if (isConsumed(req)) {
    return takeOver((req as IncomingMessage & MaybeParsed).body);
  }
  return decode(await readStream(req, limit));
}

/** Events rather than `for await`, which would destroy the socket, and the answer with it, when left early. */
function readStream(req: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (error?: Error) => {
      req.off('data', onData).off('end', onEnd).off('error', settle).off('close', onClose);
      if (error === undefined) {
        resolve(Buffer.concat(chunks));
      } else {
        req.pause();
        reject(error);
      }
    };
    const onData = (chunk: Buffer | string) => {
      // A string where somebody called setEncoding().
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      size += bytes.length;
      if (size > limit) {
        settle(new BodyError(413, 'Payload too large.'));
      } else {
        chunks.push(bytes);
      }
    };
    const onEnd = () => settle();
    const onClose = () => settle(new Error('the client broke off'));
    req.on('data', onData).on('end', onEnd).on('error', settle).on('close', onClose);
    if (req.destroyed) {
      onClose();
    }
  });
}

/**
 * Whether somebody has read the stream. Express 4 sets `req.body = {}` without reading, so `body` alone says nothing.
 */
function isConsumed(req: IncomingMessage & MaybeParsed): boolean {
  return req._body === true || req.readableDidRead || req.readableEnded;
}

function takeOver(body: unknown): Body {
  if (Buffer.isBuffer(body)) {
    return decode(body);
  }
  return typeof body === 'string' ? { kind: 'text', text: body } : { kind: 'parsed', value: body };
}

function decode(bytes: Buffer): Body {
  if (!isUtf8(bytes)) {
    // Not decoded with replacement characters: the application would get text that nobody sent.
    throw new BodyError(500, 'Broken JSON encoding.');
  }
  return { kind: 'text', text: bytes.toString('utf8') };
}
