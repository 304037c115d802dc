/** The tests of the protocol definition against the protocol server in another runtime; the client is in Node. */
import type { Child } from '../support/child-process.ts';
import { itConforms } from '../support/conformance/suite.ts';
import { originOf } from '../support/npm-script.ts';
import { RUNTIME, startInRuntime } from './support/runtime.ts';

describe(`The protocol server in ${RUNTIME}`, () => {
  let server: Child | undefined;
  let origin = '';

  before(async () => {
    server = startInRuntime('demo/protocol-server.ts');
    // By its number: where `localhost` is an IPv6 address first, a runtime may listen on IPv4 alone.
    origin = (await originOf(server)).replace('localhost', '127.0.0.1');
  });

  after(() => server?.kill());

  itConforms(() => origin);
});
