/** What `DEBUG=sockjs:*` prints, and what of it a client can choose. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { formatWithOptions } from 'node:util';
import createDebug from 'debug';
import { sockjs } from '../../../lib/index.ts';
import { debugRequest, debugSession } from '../../../lib/util/debug.ts';
import { afterTest } from '../../support/cleanup.ts';
import { Stream } from '../../support/http.ts';
import { connectHttp2 } from '../../support/http2.ts';
import { echo, serve, sessionCatcher } from '../../support/test-server.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

/** Everything printed under these names from now to the end of the test, less what the package debug puts around it. */
function printed(names = 'sockjs:*'): string[] {
  const lines: string[] = [];
  const { log, formatArgs } = createDebug;
  const enabled = createDebug.disable();
  createDebug.log = (...args: unknown[]) => lines.push(formatWithOptions({}, ...args));
  createDebug.formatArgs = () => {};
  createDebug.enable(names);
  afterTest(() => {
    createDebug.enable(enabled);
    Object.assign(createDebug, { log, formatArgs });
  });
  return lines;
}

function assertPrintable(lines: readonly string[]): void {
  for (const line of lines) {
    assert.match(line, /^[ -~]+$/, JSON.stringify(line));
  }
}

function assertIncludes(lines: readonly string[], line: string): void {
  assert.ok(lines.includes(line), `${JSON.stringify(line)} is not in ${JSON.stringify(lines)}`);
}

describe('debug output', () => {
  it('escapes all but printable ASCII, and the backslash', () => {
    const lines = printed();
    debugSession('%s has %d of %s', 'a\nb\x1b[2J\x7f\x9b\u2028é\u{1f600}\ud800', 2, '\\u{a} ~');
    assert.deepEqual(lines, [
      'a\\u{a}b\\u{1b}[2J\\u{7f}\\u{9b}\\u{2028}\\u{e9}\\u{1f600}\\u{d800} has 2 of \\\\u{a} ~',
    ]);
  });

  it('leaves text alone that looks like a placeholder', () => {
    const lines = printed();
    debugSession('%s and %s', '%s %O %%', '%d');
    assert.deepEqual(lines, ['%s %O %% and %d']);
  });

  it('has an error and its stack on one line', () => {
    const lines = printed();
    debugRequest('it failed: %O', new SyntaxError('Unexpected token \x1b in\nJSON'));
    assert.equal(lines.length, 1);
    assertPrintable(lines);
    assert.match(lines[0] ?? '', /^it failed: SyntaxError: Unexpected token \\u\{1b\} in\\u\{a\}JSON\\u\{a\} +at /);
  });

  it('formats nothing that is not enabled', () => {
    const lines = printed('sockjs:session');
    const unwanted = {
      toString(): string {
        throw new Error('it was formatted');
      },
    };
    debugRequest('%s', unwanted);
    assert.deepEqual(lines, []);
    assert.throws(() => debugSession('%s', unwanted), /it was formatted/);
  });

  it('escapes session ids and close reasons', async () => {
    const lines = printed();
    const { onSession, next } = sessionCatcher();
    const { origin } = await serve({}, onSession);
    const client = new WebSocketClient(origin, '/echo/000/a%0ab%1b%5b2J%c2%9b%5c/websocket');
    await client.opened;
    const session = await next();
    const closed = new Promise((resolve) => session.on('close', resolve));
    client.socket.close(4000, 'bye\nsockjs:session forged\x1b[2J\x9b');
    await closed;
    const id = 'a\\u{a}b\\u{1b}[2J\\u{9b}\\\\';
    assertPrintable(lines);
    assertIncludes(lines, `${id} open on websocket`);
    assertIncludes(lines, `${id} closed with 4000 bye\\u{a}sockjs:session forged\\u{1b}[2J\\u{9b}`);
  });

  it('escapes the session ids of streams', async () => {
    const lines = printed();
    const { origin } = await serve();
    const stream = new Stream(`${origin}/echo/000/a%0d%0ab/xhr_streaming`, 'POST');
    await stream.until('o\n');
    assertPrintable(lines);
    assertIncludes(lines, 'a\\u{d}\\u{a}b open on xhr-streaming');
  });

  it('escapes the bytes beyond ASCII that HTTP/2 lets through in a URL', async () => {
    const lines = printed();
    const client = await connectHttp2(sockjs(echo));
    const stream = client.request({ ':path': '/info?\x9b2J\xe9' });
    stream.end();
    const [headers] = await once(stream, 'response');
    assert.equal(headers[':status'], 200);
    assert.deepEqual(lines, ['GET /info?\\u{9b}2J\\u{e9}']);
  });
});
