/** The classes of the protocol definition about the end of sessions, cookies, and connections. */
import assert from 'node:assert/strict';
import { fetchText, post, RawSocket, Stream } from '../http.ts';
import { HTTP_RECEIVERS } from '../transport-cases.ts';
import { poll, type Services, send } from './requests.ts';

/** Declares the tests. */
export function itClosesSessions({ session }: Services): void {
  for (const { name, endpoint, method, prelude = '', wrap } of HTTP_RECEIVERS) {
    it(`HandlingClose: says so to each receiver that comes: ${name}`, async () => {
      const url = session('close');
      const ask = async () => (await fetchText(`${url}/${endpoint}`, method)).body;
      const isStream = prelude !== '';
      const first = await ask();
      assert.equal(first, prelude + wrap('o') + (isStream ? wrap('c[3000,"Go away!"]') : ''));
      for (let again = 0; again < 3; again += 1) {
        assert.equal(await ask(), prelude + wrap('c[3000,"Go away!"]'));
      }
    });
  }

  it('HandlingClose: has one receiver at a time, and the first one stays', async () => {
    const url = session();
    const first = new Stream(`${url}/xhr_streaming`, 'POST');
    await first.until('o\n');
    const second = new Stream(`${url}/xhr_streaming`, 'POST');
    assert.match(await second.until(']\n'), /c\[2010,"Another connection still open"\]\n$/);
    assert.deepEqual(await second.ended, { aborted: false });
    assert.deepEqual(await poll(url), { status: 200, body: 'c[2010,"Another connection still open"]\n' });
    await send(url, 'x');
    assert.equal(await first.next(), 'a["x"]\n');
    first.abort();
  });

  it('HandlingClose: ends a session whose stream breaks off', async () => {
    const url = session();
    const stream = new Stream(`${url}/xhr_streaming`, 'POST');
    await stream.until('o\n');
    stream.abort();
    await assertInterrupted(url);
  });

  it('HandlingClose: ends a session whose poll breaks off', async () => {
    const url = session();
    assert.deepEqual(await poll(url), { status: 200, body: 'o\n' });
    // One of two is attached once the other gets 2010.
    const polls = [1, 2].map(() => new Stream(`${url}/xhr`, 'POST'));
    const refused = await Promise.race(polls.map((each) => each.next().then(() => each)));
    for (const attached of polls.filter((each) => each !== refused)) {
      attached.abort();
    }
    await assertInterrupted(url);
  });
}

/** The server hears of the end of a connection at its own time. Until then, the receiver that has left is in the way. */
async function assertInterrupted(url: string): Promise<void> {
  let { body } = await poll(url);
  while (body === 'c[2010,"Another connection still open"]\n') {
    ({ body } = await poll(url));
  }
  assert.equal(body, 'c[1002,"Connection interrupted"]\n');
  assert.equal((await post(`${url}/xhr_send`, '["x"]')).status, 404);
}

/** Declares the tests. */
export function itSetsCookies({ at, session }: Services): void {
  it('JsessionidCookie: is set by all transports, and keeps the value that it has', async () => {
    const { body } = await fetchText(`${at('cookie_needed_echo')}/info`);
    assert.equal(JSON.parse(body).cookie_needed, true);
    for (const { endpoint, method } of HTTP_RECEIVERS) {
      for (const [cookie, expected] of [
        [undefined, 'JSESSIONID=dummy; path=/'],
        ['JSESSIONID=abcdef', 'JSESSIONID=abcdef; path=/'],
      ] as const) {
        const headers: Record<string, string> = cookie === undefined ? {} : { Cookie: cookie };
        const stream = new Stream(`${session('cookie_needed_echo')}/${endpoint}`, method, { headers });
        const answer = await stream.response;
        assert.deepEqual(answer.headers['set-cookie'], [expected], endpoint);
        stream.abort();
      }
    }
  });
}

/** Declares the tests. */
export function itSpeaksHttp({ origin, session }: Services): void {
  const pathOf = (url: string) => url.slice(origin().length);
  const connect = () => new RawSocket(Number(new URL(origin()).port));

  it('Http10: answers one request, and closes', async () => {
    const answer = await connect().send(`POST ${pathOf(session())}/xhr HTTP/1.0`, 'Content-Length: 0', '', '').closed;
    assert.match(answer, /^HTTP\/1\.[01] 200 /);
    assert.doesNotMatch(answer, /Transfer-Encoding/i);
    assert.ok(answer.endsWith('\r\n\r\no\n'));
  });

  it('Http11: keeps the connection for further requests, and streams in chunks', async () => {
    const path = pathOf(session());
    const raw = connect();
    const ask = (endpoint: string, body = '') =>
      raw.send(`POST ${path}/${endpoint} HTTP/1.1`, 'Host: x', `Content-Length: ${body.length}`, '', body);
    ask('xhr');
    await raw.until('\r\n\r\no\n');
    ask('xhr_send', '["a"]');
    await raw.until('HTTP/1.1 204');
    ask('xhr');
    await raw.until('\r\n\r\na["a"]\n');
    ask('xhr_streaming');
    assert.match(await raw.until(`${'h'.repeat(2048)}\n`), /\r\nTransfer-Encoding: chunked\r\n/);
    raw.socket.destroy();
  });
}
