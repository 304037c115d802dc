/** Serves the pages of the demos, with the policy that they keep to. */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import express, { type Router } from 'express';
import { documents } from './documents.ts';

const fileOf = (specifier: string) => fileURLToPath(import.meta.resolve(specifier));

/** The pages load only files of this server, and nothing inline. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  // For the iframe transports, and for the forms by which jsonp-polling sends.
  "frame-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * Returns a router that serves sockjs-client, the map of the documents, and the files of `demo/public`.
 *
 * @param folders URLs of folders whose files are served instead of those of the same name in `demo/public`
 */
export function pages(...folders: readonly URL[]): Router {
  const router = express.Router();
  router.use((_req, res, next) => {
    res.set({
      'Content-Security-Policy': CONTENT_SECURITY_POLICY,
      'Referrer-Policy': 'same-origin',
      'X-Content-Type-Options': 'nosniff',
    });
    next();
  });
  router.use('/sockjs-client', express.static(dirname(fileOf('sockjs-client/dist/sockjs.min.js'))));
  router.use(documents());
  for (const folder of [...folders, new URL('./public', import.meta.url)]) {
    router.use(express.static(fileURLToPath(folder)));
  }
  return router;
}
