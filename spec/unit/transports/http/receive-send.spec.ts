/** The endpoints `xhr_send` and `jsonp_send` (docs/protocol.md, section 8), behind body parsers and without. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import express from 'express';
import { type Session, type SockjsRouter, sockjs } from '../../../../lib/index.ts';
import { stopClock } from '../../../support/clock.ts';
import { CORS, NOT_CACHED, ownHeaders } from '../../../support/contract.ts';
import { portOf } from '../../../support/fake-receiver.ts';
import { type Answer, fetchText, post, RawSocket } from '../../../support/http.ts';
import { listen, serve, sessionCatcher, type TestServer } from '../../../support/test-server.ts';

const BROKEN = 'Broken JSON encoding.';
const EXPECTED = 'Payload expected.';
const FORM = 'application/x-www-form-urlencoded';

/** A request as earlier middleware may leave it. */
type Incoming = IncomingMessage & { body?: unknown };
type Middleware = (req: Incoming, res: ServerResponse, next: (error?: unknown) => void) => void;

/** The part of Express 4 that these specs use. The package has no types of its own. */
interface Framework {
  (): RequestListener & {
    use(path: string, router: SockjsRouter): unknown;
    use(middleware: Middleware): unknown;
    set(name: string, value: unknown): unknown;
  };
  json(options?: object): Middleware;
  text(options?: object): Middleware;
  raw(options?: object): Middleware;
  urlencoded(options?: object): Middleware;
}

const express4 = createRequire(import.meta.url)('express4') as Framework;
const FRAMEWORKS: readonly [name: string, framework: Framework][] = [
  ['Express 5', express as unknown as Framework],
  ['Express 4', express4],
];

/** An open session, and a client that sends to it. */
interface Setup {
  readonly server: TestServer;
  readonly session: Session;
  readonly path: string;
  send(body: string | Buffer, headers?: Record<string, string>): Promise<Answer>;
  /** Checks that the session lives, and that no message has come before the one that this delivers. */
  assertUntouched(): Promise<void>;
}

type SendEndpoint = 'xhr_send' | 'jsonp_send';

const RECEIVERS = { xhr_send: { path: 'xhr', method: 'POST' }, jsonp_send: { path: 'jsonp?c=cb', method: 'GET' } };

/** Headers that all answers of the endpoint have. */
const OWN = {
  xhr_send: CORS,
  jsonp_send: { vary: 'Origin', 'cross-origin-resource-policy': 'cross-origin' },
};

async function setUp(
  endpoint: SendEndpoint,
  framework: Framework = express as unknown as Framework,
  ...before: Middleware[]
): Promise<Setup> {
  stopClock();
  const sessions = sessionCatcher();
  const app = framework();
  // Express then does not print the errors of parsers.
  app.set('env', 'test');
  const onlySends =
    (middleware: Middleware): Middleware =>
    (req, res, next) =>
      /_send$/.test(req.url ?? '') ? middleware(req, res, next) : next();
  for (const middleware of before) {
    app.use(onlySends(middleware));
  }
  app.use('/echo', sockjs(sessions.onSession));
  const server = await listen(app);
  const path = '/echo/000/session';
  const { path: receiver, method } = RECEIVERS[endpoint];
  assert.equal((await fetchText(`${server.origin}${path}/${receiver}`, method)).status, 200);
  const session = await sessions.next();
  const send: Setup['send'] = (body, headers = {}) => post(`${server.origin}${path}/${endpoint}`, body, headers);
  return {
    server,
    session,
    path,
    send,
    assertUntouched: async () => {
      portOf(session).receive(['nothing came before'], 0);
      assert.equal(await session.recv(), 'nothing came before');
      assert.equal(session.state, 'active');
    },
  };
}

async function assertReceived(session: Session, ...messages: string[]): Promise<void> {
  for (const message of messages) {
    assert.equal(await session.recv(), message);
  }
}

/** Checks an error answer of either endpoint: a plain text that no browser takes for another type. */
function assertError(answer: Answer, status: number, body: string, more: object = CORS): void {
  assert.equal(answer.body, body);
  assert.equal(answer.status, status);
  assert.deepEqual(ownHeaders(answer.headers), {
    ...NOT_CACHED,
    ...more,
    'content-type': 'text/plain; charset=UTF-8',
    'content-length': String(body.length),
    'x-content-type-options': 'nosniff',
  });
}

const BAD_PAYLOADS: readonly [what: string, body: string | Buffer, text: string][] = [
  ['nothing', '', EXPECTED],
  ['broken JSON', '["x', BROKEN],
  ['no JSON', 'x', BROKEN],
  ['two values', '["x"]["y"]', BROKEN],
  ['a little JSON nested without end', '['.repeat(1000), BROKEN],
  ['much JSON nested without end', '['.repeat(500_000), EXPECTED],
  ['invalid UTF-8', Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]), BROKEN],
  ['UTF-8 of a surrogate', Buffer.from([0x5b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x5d]), BROKEN],
  ['UTF-16', Buffer.from('["x"]', 'utf16le'), BROKEN],
  ['a string', '"x"', EXPECTED],
  ['a number', '1', EXPECTED],
  ['null', 'null', EXPECTED],
  ['an object', '{"0":"x","length":1}', EXPECTED],
  ['an array with a number after strings', '["x","y",1]', EXPECTED],
  ['an array with a null', '["x",null]', EXPECTED],
  ['an array of arrays', '[["x"]]', EXPECTED],
];

describe('xhr_send', () => {
  const TYPES = ['text/plain', 'T', 'application/json', 'application/xml', 'text/xml', FORM, '', undefined];
  for (const type of [...TYPES, ...TYPES.filter(Boolean).map((plain) => `${plain}; charset=utf-8`)]) {
    it(`takes JSON with Content-Type ${type === undefined ? 'absent' : JSON.stringify(type)}`, async () => {
      const { send, session } = await setUp('xhr_send');
      const answer = await send('["x","ÿ\\ud800"]', type === undefined ? {} : { 'Content-Type': type });
      assert.equal(answer.status, 204);
      assert.equal(answer.body, '');
      assert.deepEqual(ownHeaders(answer.headers), {
        ...NOT_CACHED,
        ...CORS,
        'content-type': 'text/plain; charset=UTF-8',
      });
      await assertReceived(session, 'x', 'ÿ\ud800');
    });
  }

  for (const [what, body, text] of BAD_PAYLOADS) {
    it(`answers 500 and delivers nothing: ${what}`, async () => {
      const { send, assertUntouched } = await setUp('xhr_send');
      assertError(await send(body, { 'Content-Type': 'text/plain' }), 500, text);
      await assertUntouched();
    });
  }

  it('answers 500 to a request without a body or a length', async () => {
    const { server, path, assertUntouched } = await setUp('xhr_send');
    const raw = new RawSocket(server.port);
    raw.send(`POST ${path}/xhr_send HTTP/1.1`, 'Host: localhost', 'Connection: close', '', '');
    const answer = await raw.closed;
    assert.match(answer, /^HTTP\/1\.1 500 /);
    assert.ok(answer.endsWith(`\r\n\r\n${EXPECTED}`));
    await assertUntouched();
  });

  it('takes a body that comes in pieces, within a character even', async () => {
    const { server, session, path } = await setUp('xhr_send');
    const raw = new RawSocket(server.port);
    raw.send(
      `POST ${path}/xhr_send HTTP/1.1`,
      'Host: localhost',
      'Connection: close',
      'Transfer-Encoding: chunked',
      '',
      '',
    );
    const asked = once(server.server, 'request');
    raw.send('3', '["\xe2', '2', '\x82\xac', '2', '"]', '0', '', '');
    await asked;
    assert.match(await raw.closed, /^HTTP\/1\.1 204 /);
    await assertReceived(session, '€');
  });

  it('delivers nothing for an empty array', async () => {
    const { send, assertUntouched } = await setUp('xhr_send');
    assert.equal((await send('[]')).status, 204);
    await assertUntouched();
  });

  it('answers 404 for an unknown session and any payload', async () => {
    const { server } = await setUp('xhr_send');
    for (const body of ['["x"]', '[', '']) {
      assertError(await post(`${server.origin}/echo/000/unknown/xhr_send`, body), 404, 'Session not found.');
    }
  });

  it('answers 404 for a session that has been closed', async () => {
    const { send, session } = await setUp('xhr_send');
    session.close();
    assertError(await send('["x"]'), 404, 'Session not found.');
  });

  it('delivers messages of one request in order, and requests one after the other', async () => {
    const { send, session } = await setUp('xhr_send');
    await send('["1","2"]');
    await send('["3"]');
    await assertReceived(session, '1', '2', '3');
  });
});

describe('jsonp_send', () => {
  const GOOD: readonly [what: string, type: string, body: string, messages: string[]][] = [
    ['a form', FORM, 'd=%5B%22x%22%5D', ['x']],
    ['a form with charset', `${FORM}; charset=UTF-8`, 'd=%5B%22x%22%5D', ['x']],
    ['a form, its type in capitals', FORM.toUpperCase(), 'd=%5B%22x%22%5D', ['x']],
    ['a form with other fields', FORM, 'a=1&d=%5B%22x%22%5D&e', ['x']],
    ['a form not encoded', FORM, 'd=["x"]', ['x']],
    ['a form with + for space', FORM, 'd=%5B%22x+y%2Bz%22%5D', ['x y+z']],
    ['a form with + among other characters as they are', FORM, 'd=["+é+€\u{1f600}++"]', [' é €\u{1f600}  ']],
    ['a form with percent signs in messages', FORM, 'd=%5B%22100%2541%22%5D', ['100%41']],
    ['a form in UTF-8', FORM, 'd=%5B%22%E2%82%AC%22%5D', ['€']],
    ['text', 'text/plain', '["x","%41+"]', ['x', '%41+']],
    ['text with charset', 'text/plain;charset=UTF-8', '["x"]', ['x']],
    ['an empty array', FORM, 'd=[]', []],
  ];
  for (const [what, type, body, messages] of GOOD) {
    it(`takes ${what}`, async () => {
      const { send, session, assertUntouched } = await setUp('jsonp_send');
      const answer = await send(body, { 'Content-Type': type });
      assert.equal(answer.status, 200);
      assert.equal(answer.body, 'ok');
      assert.deepEqual(ownHeaders(answer.headers), {
        ...NOT_CACHED,
        ...OWN.jsonp_send,
        'content-type': 'text/plain; charset=UTF-8',
        'content-length': '2',
      });
      await assertReceived(session, ...messages);
      await assertUntouched();
    });
  }

  const BAD_FORMS: readonly [what: string, body: string | Buffer, text: string][] = [
    ['an empty form', '', EXPECTED],
    ['an empty d', 'd=', EXPECTED],
    ['a d without a value', 'd', EXPECTED],
    ['no d', 'e=%5B%22x%22%5D', EXPECTED],
    ['JSON that is no form', '["x"]', EXPECTED],
    ['two d', 'd=["x"]&d=["y"]', EXPECTED],
    ['broken percent-encoding', 'd=%', BROKEN],
    ['raw bytes that are no UTF-8', Buffer.from([0x64, 0x3d, 0x5b, 0x22, 0xff, 0x22, 0x5d]), BROKEN],
    ['encoded bytes that are no UTF-8', 'd=%5B%22%FF%22%5D', BROKEN],
  ];
  for (const [what, body, text] of BAD_FORMS) {
    it(`answers 500 and delivers nothing: ${what}`, async () => {
      const { send, assertUntouched } = await setUp('jsonp_send');
      assertError(await send(body, { 'Content-Type': FORM }), 500, text, OWN.jsonp_send);
      await assertUntouched();
    });
  }

  for (const [what, body, text] of BAD_PAYLOADS) {
    it(`answers 500 and delivers nothing, as text or as form: ${what}`, async () => {
      const { send, assertUntouched } = await setUp('jsonp_send');
      assertError(await send(body, { 'Content-Type': 'text/plain' }), 500, text, OWN.jsonp_send);
      const form = Buffer.isBuffer(body)
        ? `d=${[...body].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')}`
        : new URLSearchParams({ d: body }).toString();
      if (form.length < 1_000_000) {
        assertError(await send(form, { 'Content-Type': FORM }), 500, text, OWN.jsonp_send);
      }
      await assertUntouched();
    });
  }

  it('answers 404 for an unknown session', async () => {
    const { server } = await setUp('jsonp_send');
    const answer = await post(`${server.origin}/echo/000/unknown/jsonp_send`, 'd=["x"]', { 'Content-Type': FORM });
    assertError(answer, 404, 'Session not found.', OWN.jsonp_send);
  });
});

describe('a body over the limit', () => {
  const LIMIT = 1_048_576;
  for (const [endpoint, status] of [
    ['xhr_send', 204],
    ['jsonp_send', 200],
  ] as const) {
    it(`gets 413 from ${endpoint}, nothing being delivered; one byte less is taken`, async () => {
      const { send, session, assertUntouched } = await setUp(endpoint);
      const type = { 'Content-Type': 'text/plain' };
      const answer = await send(`["${'x'.repeat(LIMIT - 3)}"]`, type);
      assertError(answer, 413, 'Payload too large (see the maxMessageSize option).', OWN[endpoint]);
      assert.equal(answer.headers.connection, 'close');
      await assertUntouched();
      assert.equal((await send(`["${'x'.repeat(LIMIT - 4)}"]`, type)).status, status);
      assert.equal((await session.recv()).length, LIMIT - 4);
    });
  }

  it('is not read to its end', async () => {
    const { server, path, assertUntouched } = await setUp('xhr_send');
    const raw = new RawSocket(server.port);
    raw.send(`POST ${path}/xhr_send HTTP/1.1`, 'Host: localhost', 'Content-Length: 1000000000', '', '');
    raw.send('x'.repeat(LIMIT + 1));
    assert.match(await raw.closed, /^HTTP\/1\.1 413 /);
    await assertUntouched();
  });
});

describe('a client that breaks off while it sends', () => {
  const beginning = (path: string, endpoint: string) => [
    `POST ${path}/${endpoint} HTTP/1.1`,
    'Host: localhost',
    'Content-Type: text/plain',
    'Content-Length: 100',
    '',
    '["x"]',
  ];

  for (const endpoint of ['xhr_send', 'jsonp_send'] as const) {
    it(`delivers nothing, and leaves the session alone: ${endpoint}`, async () => {
      const { server, path, assertUntouched } = await setUp(endpoint);
      const asked = once(server.server, 'request') as Promise<[IncomingMessage]>;
      const raw = new RawSocket(server.port);
      raw.send(...beginning(path, endpoint));
      const [{ socket }] = await asked;
      const gone = new Promise((resolve) => socket.once('close', resolve));
      raw.socket.resetAndDestroy();
      await gone;
      await assertUntouched();
    });
  }

  it('gets 404 when the session ends before the body', async () => {
    const { server, session, path } = await setUp('xhr_send');
    const asked = once(server.server, 'request');
    const raw = new RawSocket(server.port);
    raw.send(...beginning(path, 'xhr_send'));
    await asked;
    session.close();
    raw.send(' '.repeat(95));
    await raw.until('Session not found.');
    await assert.rejects(session.recv(), { name: 'SessionNotOpenError' });
  });

  it('gets 404 when another session of the same id has taken the place of its own', async () => {
    const clock = stopClock();
    const sessions = sessionCatcher();
    const app = express();
    app.use('/echo', sockjs(sessions.onSession));
    const server = await listen(app);
    const path = '/echo/000/session';
    await post(`${server.origin}${path}/xhr`);
    const first = await sessions.next();
    const asked = once(server.server, 'request');
    const raw = new RawSocket(server.port);
    raw.send(...beginning(path, 'xhr_send'));
    await asked;
    first.close();
    clock.tick(15_000);
    assert.equal((await post(`${server.origin}${path}/xhr`)).body, 'o\n');
    const second = await sessions.next();
    raw.send(' '.repeat(95));
    assert.match(await raw.until('\r\n\r\n'), /^HTTP\/1\.1 404 /);
    portOf(second).receive(['nothing came before'], 0);
    await assertReceived(second, 'nothing came before');
  });
});

for (const [name, framework] of FRAMEWORKS) {
  const { json, text, raw, urlencoded } = framework;
  const every = { type: () => true };

  describe(`a body that a parser of ${name} was offered first`, () => {
    const JSON_BODY = '["x","ÿ"]';
    const FORM_BODY = 'd=%5B%22x%22%2C%22%C3%BF%22%5D';
    type Row = readonly [what: string, parsers: Middleware[], endpoint: SendEndpoint, type: string, body: string];
    const rows: Row[] = [
      ['json()', [json()], 'xhr_send', 'application/json', JSON_BODY],
      ['json() for every type', [json(every)], 'xhr_send', 'text/plain', JSON_BODY],
      ['text()', [text()], 'xhr_send', 'text/plain', JSON_BODY],
      ['raw()', [raw(every)], 'xhr_send', 'text/plain', JSON_BODY],
      ['json() that leaves it', [json()], 'xhr_send', 'text/plain', JSON_BODY],
      [
        'all four that leave it',
        [json(), text(), raw(), urlencoded({ extended: true })],
        'xhr_send',
        'application/xml',
        JSON_BODY,
      ],
      ['urlencoded(), extended', [urlencoded({ extended: true })], 'jsonp_send', FORM, FORM_BODY],
      ['urlencoded(), simple', [urlencoded({ extended: false })], 'jsonp_send', FORM, FORM_BODY],
      ['text() for every type', [text(every)], 'jsonp_send', FORM, FORM_BODY],
      ['raw() for every type', [raw(every)], 'jsonp_send', FORM, FORM_BODY],
      ['json() that leaves a form', [json()], 'jsonp_send', FORM, FORM_BODY],
      ['text()', [text()], 'jsonp_send', 'text/plain', JSON_BODY],
      [
        'json() and urlencoded() that leave it',
        [json(), urlencoded({ extended: true })],
        'jsonp_send',
        'text/plain',
        JSON_BODY,
      ],
    ];
    for (const [what, parsers, endpoint, type, body] of rows) {
      it(`is delivered: ${endpoint} behind ${what}`, async () => {
        const { send, session } = await setUp(endpoint, framework, ...parsers);
        const { status } = await send(body, { 'Content-Type': type });
        assert.equal(status, endpoint === 'xhr_send' ? 204 : 200);
        await assertReceived(session, 'x', 'ÿ');
      });
    }

    const badRows: readonly [...Row, text: string][] = [
      ['json()', [json()], 'xhr_send', 'application/json', '["x",1]', EXPECTED],
      ['json()', [json()], 'xhr_send', 'application/json', '{"d":"[]"}', EXPECTED],
      ['json() that is not strict', [json({ strict: false })], 'xhr_send', 'application/json', 'null', EXPECTED],
      ['json()', [json()], 'xhr_send', 'application/json', '', EXPECTED],
      ['text()', [text()], 'xhr_send', 'text/plain', '', EXPECTED],
      ['text()', [text()], 'xhr_send', 'text/plain', '["x', BROKEN],
      ['raw()', [raw(every)], 'xhr_send', 'text/plain', '["x', BROKEN],
      ['urlencoded()', [urlencoded({ extended: true })], 'jsonp_send', FORM, '', EXPECTED],
      ['urlencoded()', [urlencoded({ extended: true })], 'jsonp_send', FORM, 'd=', EXPECTED],
      ['urlencoded()', [urlencoded({ extended: true })], 'jsonp_send', FORM, 'e=1', EXPECTED],
      ['urlencoded()', [urlencoded({ extended: true })], 'jsonp_send', FORM, 'd=%5B%22x', BROKEN],
      ['urlencoded()', [urlencoded({ extended: true })], 'jsonp_send', FORM, 'd=["x"]&d=["y"]', EXPECTED],
      ['urlencoded()', [urlencoded({ extended: true })], 'jsonp_send', FORM, 'd[]=x', EXPECTED],
      ['urlencoded()', [urlencoded({ extended: true })], 'jsonp_send', FORM, 'd[length]=1&d[0]=x', EXPECTED],
    ];
    for (const [what, parsers, endpoint, type, body, text] of badRows) {
      it(`gets 500, nothing being delivered: ${endpoint} behind ${what}, ${JSON.stringify(body)}`, async () => {
        const { send, assertUntouched } = await setUp(endpoint, framework, ...parsers);
        const answer = await send(body, { 'Content-Type': type });
        assertError(answer, 500, text, OWN[endpoint]);
        await assertUntouched();
      });
    }

    it('gets 500 for bytes that are no UTF-8, behind raw()', async () => {
      const { send, assertUntouched } = await setUp('xhr_send', framework, raw(every));
      assertError(await send(Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d])), 500, BROKEN);
      await assertUntouched();
    });

    it("gets the parser's own 400 or 413", async () => {
      const { send, assertUntouched } = await setUp('xhr_send', framework, json({ limit: 10 }));
      const type = { 'Content-Type': 'application/json' };
      assert.equal((await send('["x', type)).status, 400);
      assert.equal((await send('"x"', type)).status, 400);
      assert.equal((await send('["0123456789"]', type)).status, 413);
      await assertUntouched();
    });

    const unread: readonly [what: string, middleware: Middleware][] = [
      [
        'an empty object',
        (req, _res, next) => {
          req.body = {};
          next();
        },
      ],
      [
        'something else',
        (req, _res, next) => {
          req.body = ['not', 'the', 'body'];
          next();
        },
      ],
      [
        'setEncoding()',
        (req, _res, next) => {
          req.setEncoding('utf8');
          next();
        },
      ],
      ['time to wait', (_req, _res, next) => void setImmediate(next)],
    ];
    for (const [what, middleware] of unread) {
      it(`is read from the stream where middleware gave the request ${what} and read nothing`, async () => {
        const xhr = await setUp('xhr_send', framework, middleware);
        assert.equal((await xhr.send(JSON_BODY)).status, 204);
        await assertReceived(xhr.session, 'x', 'ÿ');
      });

      it(`is read from the stream where middleware gave the form ${what} and read nothing`, async () => {
        const jsonp = await setUp('jsonp_send', framework, middleware);
        assert.equal((await jsonp.send(FORM_BODY, { 'Content-Type': FORM })).status, 200);
        await assertReceived(jsonp.session, 'x', 'ÿ');
      });
    }

    const consumed: readonly [what: string, middleware: Middleware][] = [
      ['read to its end', (req, _res, next) => void req.resume().on('end', () => next())],
      [
        'destroyed',
        (req, _res, next) =>
          void req
            .resume()
            .on('end', () => req.destroy())
            .on('close', () => next()),
      ],
      [
        'read as far as the first piece',
        (req, _res, next) =>
          void req.once('data', () => {
            req.pause();
            next();
          }),
      ],
    ];
    for (const [what, middleware] of consumed) {
      for (const [endpoint, body, type] of [
        ['xhr_send', JSON_BODY, 'text/plain'],
        ['jsonp_send', FORM_BODY, FORM],
      ] as const) {
        it(`is missed by ${endpoint}, without hanging, where middleware has ${what} and left no body`, async () => {
          const { send, assertUntouched } = await setUp(endpoint, framework, middleware);
          assertError(await send(body, { 'Content-Type': type }), 500, EXPECTED, OWN[endpoint]);
          await assertUntouched();
        });
      }
    }

    it('is taken from middleware that read the stream and left text', async () => {
      const { send, session } = await setUp('xhr_send', framework, (req, _res, next) => {
        let text = '';
        req.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        req.on('end', () => {
          req.body = text;
          next();
        });
      });
      assert.equal((await send(JSON_BODY)).status, 204);
      await assertReceived(session, 'x', 'ÿ');
    });
  });
}

describe('sends that wait for their turn', () => {
  it('are at most a hundred for one session; more get 503, and those that wait are delivered in order', async () => {
    const received: string[] = [];
    let start = () => {};
    const started = new Promise<void>((resolve) => {
      start = resolve;
    });
    const { server, port, origin } = await serve({ maxReceiveBuffer: 0 }, async (session) => {
      await started;
      for await (const message of session) {
        received.push(message);
      }
    });
    await post(`${origin}/echo/0/s/xhr`);
    const request = (i: number) => {
      const body = `["${i}"]`;
      return `POST /echo/0/s/xhr_send HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    };
    let left = 103;
    const arrived = new Promise<void>((resolve) => {
      server.on('request', () => {
        left -= 1;
        if (left === 0) {
          resolve();
        }
      });
    });
    const raw = new RawSocket(port).send(Array.from({ length: left }, (_, i) => request(i)).join(''));
    await arrived;
    await new RawSocket(port).send(request(103)).until('503 Service Unavailable');
    start();
    const answers = await raw.closed;
    assert.equal(answers.match(/ 204 /g)?.length, 101);
    assert.equal(answers.match(/ 503 /g)?.length, 1);
    assert.deepEqual(
      received,
      Array.from({ length: 101 }, (_, i) => String(i)),
    );
  });
});
