/** What the recipes in `demo/recipes/` have in common. Each is in the table of `docs/recipes.md`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { afterTest } from '../../support/cleanup.ts';
import { fetchText } from '../../support/http.ts';
import { startRecipe, useRecipe } from '../../support/recipes.ts';
import { listen } from '../../support/test-server.ts';
import { linksOf, readDocument, tableRows } from '../support/markdown.ts';
import { PROGRAM as STOMP, startFakeBroker, envFor as stompEnvFor } from './support/stomp.ts';

const RECIPES = new URL('../../../demo/recipes/', import.meta.url);

/** Those that serve one endpoint, with its path. */
const ENDPOINTS: Readonly<Record<string, string>> = {
  rooms: '/chat',
  presence: '/chat',
  'typed-protocol': '/chat',
  'token-auth': '/first-message',
  backpressure: '/rows',
  'rate-limits': '/echo',
  shutdown: '/echo',
  compression: '/echo',
  metrics: '/echo',
  opentelemetry: '/echo',
  'cluster-adapter': '/echo',
};

/** They listen beside the endpoint, or need more than a port. */
const ENVIRONMENTS: Readonly<Record<string, Readonly<Record<string, string>>>> = { metrics: { METRICS_PORT: '0' } };

/** All that listen at a port and need no other server but one that a test has, with what they need beside the port. */
const LISTENING: Readonly<Record<string, () => Promise<Readonly<Record<string, string>>>>> = {
  ...Object.fromEntries(Object.keys(ENDPOINTS).map((name) => [name, async () => ENVIRONMENTS[name] ?? {}])),
  'session-auth': async () => ({}),
  'reconnect/server': async () => ({}),
  'node-cluster': async () => ({ WORKERS: '3' }),
  [STOMP]: async () => stompEnvFor((await startFakeBroker(afterTest)).port),
};

describe('the recipes', () => {
  it('are in the table of docs/recipes.md, each once and with what it shows', async () => {
    const rows = tableRows(readDocument('docs/recipes.md')).flatMap(([program = '', what = '']) =>
      linksOf(program).map((link) => ({ link, what })),
    );
    // A program of several files has a folder of its own.
    const files = (await readdir(RECIPES, { withFileTypes: true })).map(
      (entry) => `../demo/recipes/${entry.name}${entry.isDirectory() ? '/server.ts' : ''}`,
    );
    assert.deepEqual(rows.map(({ link }) => link).sort(), files.sort());
    for (const { link, what } of rows) {
      assert.match(what, /^\[?[A-Z].*\.$/, `the page does not say in a sentence what ${link} shows`);
    }
  });

  for (const [name, mount] of Object.entries(ENDPOINTS)) {
    describe(`${name} behind TLS`, () => {
      const recipe = useRecipe(name, ENVIRONMENTS[name]);

      it('takes its own pages for its own', async () => {
        const Origin = recipe.origin.replace('http:', 'https:');
        const headers = { Origin, 'X-Forwarded-Proto': 'https' };
        assert.equal((await fetchText(`${recipe.origin}${mount}/info`, 'GET', { headers })).status, 200);
        assert.equal((await fetchText(`${recipe.origin}${mount}/info`, 'GET', { headers: { Origin } })).status, 403);
      });
    });
  }

  it('bound the sessions of one client where they bound those of all', async () => {
    for (const file of await readdir(RECIPES, { recursive: true })) {
      const text = file.endsWith('.ts') ? readFileSync(new URL(file, RECIPES), 'utf8') : '';
      assert.equal(/\bmaxSessions: /.test(text) && !text.includes('maxSessionsPerClient: '), false, file);
    }
  });

  for (const [name, environment] of Object.entries(LISTENING)) {
    it(`say in one line that a port is taken, and exit with 1: ${name}`, async () => {
      const { port } = await listen(createServer());
      const env = { ...(await environment()), PORT: String(port) };
      const recipe = startRecipe(name, { mayEnd: true, env });
      assert.equal((await recipe.ended).code, 1);
      // Node puts the warnings of a program in parentheses, and below them where they are explained.
      const lines = recipe.stderr.split('\n').filter((line) => !/^(?:\(|express-sockjs\/docs\/)/.test(line));
      assert.match(lines.join('\n'), /^(?:listen|bind) EADDRINUSE\b[^\n]*\n$/);
    });
  }

  it('are all tried with a port that is taken', async () => {
    const files = await readdir(RECIPES, { recursive: true });
    const programs = files.filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -3));
    const listening = programs.filter((name) =>
      readFileSync(new URL(`${name}.ts`, RECIPES), 'utf8').includes(' PORT = '),
    );
    // Its own spec does so, with a Redis.
    assert.deepEqual(listening.sort(), [...Object.keys(LISTENING), 'scale-out'].sort());
  });

  describe('testing', () => {
    it('passes its own tests, and leaves nothing open', async () => {
      const recipe = startRecipe('testing', { mayEnd: true });
      await recipe.line(/^\S+ pass 3$/);
      await recipe.line(/^\S+ fail 0$/);
      assert.equal((await recipe.ended).code, 0);
      assert.equal(recipe.stderr, '');
    });
  });
});
