/** The recipes for clients who must say who they are: by a login of express-session, and by a signed token. */
import assert from 'node:assert/strict';
import { SignJWT } from 'jose';
import { Client, TRANSPORTS } from '../../e2e/support/client.ts';
import { post } from '../../support/http.ts';
import { frame, startRecipe, useRecipe } from '../../support/recipes.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

describe('session-auth', () => {
  const recipe = useRecipe('session-auth');
  const json = { 'Content-Type': 'application/json' };
  const logIn = async (headers: Record<string, string> = {}, origin = recipe.origin) => {
    const body = JSON.stringify({ name: 'ann', password: 'correct horse' });
    const answer = await post(`${origin}/login`, body, { ...json, ...headers });
    assert.equal(answer.status, 204);
    const [cookie = ''] = answer.headers['set-cookie'] ?? [];
    assert.match(cookie, /^connect\.sid=[^;]+; Path=\/; HttpOnly; SameSite=Lax$/);
    return { Cookie: cookie.split(';', 1)[0] ?? '' };
  };
  const connect = (id: string, headers: Record<string, string>) =>
    new WebSocketClient(recipe.origin, `/chat/0/${id}/websocket`, { headers });

  it('refuses a client that has not logged in', async () => {
    await assert.rejects(connect('a', {}).opened, /403/);
    assert.equal((await post(`${recipe.origin}/chat/0/a/xhr`)).status, 403);
  });

  for (const body of ['{"name":"ann"}', '{"name":"ann","password":"x"}', '{"name":"nobody"}', '[]', '']) {
    it(`refuses a login with ${body || 'nothing'}`, async () => {
      const { status, headers } = await post(`${recipe.origin}/login`, body, json);
      assert.deepEqual([status, headers['set-cookie']], [401, undefined]);
    });
  }

  it('knows who has logged in, on WebSockets and on polls', async () => {
    const login = await logIn();
    const socket = connect('b', login);
    assert.equal(await socket.next(), 'o');
    const poll = async () => (await post(`${recipe.origin}/chat/0/c/xhr`, '', login)).body;
    assert.equal(await poll(), 'o\n');
    socket.send('["hello"]');
    assert.equal(await socket.next(), frame('ann: hello'));
    assert.equal(await poll(), `${frame('ann: hello')}\n`);
  });

  it('keeps a session to its login', async () => {
    const url = `${recipe.origin}/chat/0/d/xhr`;
    assert.equal((await post(url, '', await logIn())).body, 'o\n');
    assert.equal((await post(url, '', await logIn())).status, 404);
  });

  it('gives a login another id than the client came with', async () => {
    const first = await logIn();
    assert.notEqual((await logIn(first)).Cookie, first.Cookie);
  });

  it('knows of the TLS of a proxy', async () => {
    const proxied = { 'X-Forwarded-Proto': 'https' };
    const body = JSON.stringify({ name: 'ann', password: 'correct horse' });
    const { headers } = await post(`${recipe.origin}/login`, body, { ...json, ...proxied });
    const [cookie = ''] = headers['set-cookie'] ?? [];
    assert.match(cookie, /; Secure;/);
    const Origin = recipe.origin.replace('http:', 'https:');
    const client = connect('i', { ...proxied, Cookie: cookie.split(';', 1)[0] ?? '', Origin });
    assert.equal(await client.next(), 'o');
  });

  it('refuses pages of other origins, login or not', async () => {
    await assert.rejects(connect('e', { ...(await logIn()), Origin: 'http://example.com' }).opened, /403/);
  });

  it('ends the sessions of a login that ends, and no others', async () => {
    const [leaving, staying] = [await logIn(), await logIn()];
    const gone = connect('f', leaving);
    const here = connect('g', staying);
    assert.deepEqual([await gone.next(), await here.next()], ['o', 'o']);
    assert.equal((await post(`${recipe.origin}/logout`, '', leaving)).status, 204);
    assert.equal(await gone.next(), 'c[4401,"Logged out"]');
    await assert.rejects(connect('h', leaving).opened, /403/);
    here.send('["still here"]');
    assert.equal(await here.next(), frame('ann: still here'));
  });

  it('ends also the sessions that open while the store still knows the login', async () => {
    const slow = startRecipe('session-auth', { preload: './spec/docs/recipes/support/slow-store.ts' });
    const origin = await slow.origin();
    const login = await logIn({}, origin);
    const answer = post(`${origin}/logout`, '', login);
    await slow.line(/^The store is slow$/);
    const late = new WebSocketClient(origin, '/chat/0/late/websocket', { headers: login });
    assert.equal(await late.next(), 'o');
    assert.equal((await answer).status, 204);
    assert.equal(await late.next(), 'c[4401,"Logged out"]');
  });
});

/** What a token says, and by what it is signed. */
interface Claims {
  readonly sub?: string;
  readonly aud?: string;
  readonly alg?: string;
  readonly secret?: string;
  /** Empty for one that does not expire. */
  readonly ends?: string;
}

describe('token-auth', () => {
  /** Long enough for every algorithm, so that only the recipe can refuse one. */
  const SECRET = 'of this spec'.repeat(6);
  const recipe = useRecipe('token-auth', { SECRET, HELLO_MS: '1000000' });
  const token = async ({ sub = 'bob', aud = 'chat', alg = 'HS256', secret = SECRET, ends = '1d' }: Claims = {}) => {
    const text = new SignJWT(sub === '' ? {} : { sub }).setProtectedHeader({ alg }).setAudience(aud);
    return (ends === '' ? text : text.setExpirationTime(ends)).sign(new TextEncoder().encode(secret));
  };
  const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const INVALID: Readonly<Record<string, () => Promise<string> | string>> = {
    'no token': () => '',
    'what is no token': () => 'a.b.c',
    'one that has expired': () => token({ ends: '1s ago' }),
    'one that never expires': () => token({ ends: '' }),
    'one for nobody': () => token({ sub: '' }),
    'one for something else': () => token({ aud: 'newsletter' }),
    'one that others have signed': () => token({ secret: 'of others, and long enough for HS256' }),
    'one by another algorithm': () => token({ alg: 'HS512' }),
    'one without a signature': () => `${base64({ alg: 'none' })}.${base64({ sub: 'eve', aud: 'chat', exp: 4e9 })}.`,
    'one for another user': async () => {
      const [head, , signature] = (await token()).split('.');
      return `${head}.${base64({ sub: 'eve', aud: 'chat', exp: 4e9 })}.${signature}`;
    },
  };

  it('gives an example', async () => {
    const [given] = await recipe.line(/^A token .*: (\S+)$/);
    const client = new Client(`${recipe.origin}/ticket?token=${given}`, 'websocket');
    assert.equal(await client.next(), 'Hello ann');
  });

  for (const transport of TRANSPORTS) {
    it(`takes the token from the address, and as first message, on ${transport}`, async () => {
      const valid = await token();
      const ticket = new Client(`${recipe.origin}/ticket?token=${valid}`, transport);
      const message = new Client(`${recipe.origin}/first-message`, transport);
      await message.opened;
      message.send(valid);
      for (const client of [ticket, message]) {
        assert.equal(await client.next(), 'Hello bob');
        client.send('hello');
        assert.equal(await client.next(), 'hello');
      }
    });
  }

  it('takes the token from a cookie', async () => {
    const headers = { Cookie: `theme=dark; token=${await token()}; theme=light` };
    const client = new WebSocketClient(recipe.origin, '/ticket/0/a/websocket', { headers });
    assert.deepEqual([await client.next(), await client.next()], ['o', frame('Hello bob')]);
  });

  for (const [what, make] of Object.entries(INVALID)) {
    it(`refuses ${what}`, async () => {
      const given = await make();
      const query = given && `?token=${given}`;
      assert.equal((await post(`${recipe.origin}/ticket/0/b/xhr${query}`)).status, 403);
      const client = new Client(`${recipe.origin}/first-message`, 'websocket');
      await client.opened;
      client.send(given);
      const { code, reason } = await client.closed;
      assert.deepEqual([code, reason], [4401, 'Invalid token']);
    });
  }

  it('keeps a session to its token', async () => {
    const url = `${recipe.origin}/ticket/0/c/xhr`;
    assert.equal((await post(`${url}?token=${await token()}`)).body, 'o\n');
    assert.equal((await post(`${url}?token=${await token({ sub: 'eve' })}`)).status, 404);
  });

  it('does not wait for ever for the first message', async () => {
    const origin = await startRecipe('token-auth', { env: { HELLO_MS: '1' } }).origin();
    const client = new Client(`${origin}/first-message`, 'websocket');
    assert.equal((await client.closed).code, 4401);
  });

  for (const secret of ['', 'x', 'é'.repeat(15), 'x'.repeat(31)]) {
    it(`does not start with a secret of ${Buffer.byteLength(secret)} bytes`, async () => {
      const weak = startRecipe('token-auth', { mayEnd: true, env: { SECRET: secret } });
      assert.equal((await weak.ended).code, 1);
      assert.match(weak.stderr, /^Error: SECRET must have at least 32 bytes, as HS256 asks for$/m);
    });
  }
});
