/**
 * The contract of all HTTP transports over three mounts, behind compression() and over HTTP/2. Messages of more than ten
 * windows pass both whole: `cluster-promises.spec.ts`.
 */
import compression from 'compression';
import type { Express } from 'express';
import { serveMountsOverHttp2 } from '../support/cluster/http2-mounts.ts';
import { type Mounts, serveMounts } from '../support/cluster/mounts.ts';
import { itReceivesOverHttp } from '../support/contract.ts';
import { noMiddleware } from '../support/contract-app.ts';
import { HTTP_2 } from '../support/http2-wire.ts';
import type { serve } from '../support/test-server.ts';
import { HTTP_RECEIVERS } from '../support/transport-cases.ts';

let mounts: Mounts;

const settle = () => mounts.settled();
const countTimers = () => mounts.countTimers();
const onMounts = (made: Mounts) => {
  mounts = made;
};

const STALLS = 'the test stalls the connection with bytes of HTTP/1.1';
const RAW = 'the test writes bytes of HTTP/1.1';

/** Clauses that are about HTTP/1.1. Over HTTP/2 a client that breaks off resets its stream, which another clause does. */
const HTTP_2_EXCEPTIONS = {
  'may break off before its 2010 has left, the first being untouched': STALLS,
  'does not run while the last answer is still on its way': STALLS,
  'does not wait for ever for a client that leaves the last answer unread': STALLS,
  'lets go of the receiver first: one that comes at once gets the close frame, too': STALLS,
  'before the answer has left ends the session': STALLS,
  'before the answer has left ends the session under its next receiver': STALLS,
  'before an earlier answer has left ends the session, though later ones did': STALLS,
  'before the close frame has left leaves nothing behind': STALLS,
  'ends the session by a reset as well': RAW,
  'ends the session also behind a large body that is not read': RAW,
  'while earlier middleware is busy makes no session':
    'the test waits for the end of a connection; here, all share one',
  'whose request waits behind another on the same connection leaves nothing behind': 'no stream waits for another',
};

/** As users have it: it compresses nothing that says `no-transform`, and yet takes over write(), end() and flush(). */
const behindCompression: typeof serve = (options, onSession, { before = noMiddleware, ...rest } = {}) =>
  serveMounts({}, onMounts)(options, onSession, {
    before: (app: Express) => {
      app.use(compression({ threshold: 0, filter: () => true }));
      before(app);
    },
    ...rest,
  });

for (const transport of HTTP_RECEIVERS) {
  describe(`${transport.name} over three mounts, behind compression()`, () => {
    itReceivesOverHttp({ ...transport, serve: behindCompression, settle, countTimers });
  });

  describe(`${transport.name} over three mounts and HTTP/2`, () => {
    itReceivesOverHttp({
      ...transport,
      serve: serveMountsOverHttp2({}, onMounts),
      wire: HTTP_2,
      exceptions: { ...transport.exceptions, ...HTTP_2_EXCEPTIONS },
      settle,
      countTimers,
    });
  });
}
