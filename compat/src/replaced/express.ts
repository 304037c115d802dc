/**
 * Stands for `express` in the bundle. The router of an endpoint answers by a table of its own, and goes through the
 * layers of Express only where the application has added some. It cannot here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

type Next = (error?: unknown) => void;

interface PlainRouter {
  (req: IncomingMessage, res: ServerResponse, next?: Next): void;
  readonly stack: unknown[];
  handle(req: IncomingMessage, res: ServerResponse, next?: Next): void;
  all(path: RegExp, handler: unknown): void;
}

/** Makes a function that answers by its own method `handle`, which express-sockjs replaces. */
export function Router(): PlainRouter {
  const stack: unknown[] = [];
  const router: PlainRouter = Object.assign(
    (req: IncomingMessage, res: ServerResponse, next?: Next) => router.handle(req, res, next),
    {
      stack,
      handle: () => {},
      all: (path: RegExp, handler: unknown) => {
        stack.push({ path, handler });
      },
    },
  );
  return router;
}
