/** The recipes about the life of processes: a shutdown, workers on one port, and the nodes of a cluster adapter. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Client, TRANSPORTS } from '../../e2e/support/client.ts';
import { fetchText, post } from '../../support/http.ts';
import { frame, startRecipe } from '../../support/recipes.ts';
import { readDocument } from '../support/markdown.ts';

const RECIPES = new URL('../../../demo/recipes/', import.meta.url);

describe('shutdown', () => {
  it('sends all clients the last message, then ends by itself', async () => {
    const recipe = startRecipe('shutdown');
    const origin = await recipe.origin();
    assert.equal((await fetchText(`${origin}/ready`)).status, 200);
    const clients = TRANSPORTS.map((transport) => new Client(`${origin}/echo`, transport));
    await Promise.all(clients.map(({ opened }) => opened));
    // Between two polls when the end comes.
    const poll = async () => (await post(`${origin}/echo/0/a/xhr`)).body;
    assert.equal(await poll(), 'o\n');

    const ended = recipe.stop('SIGTERM');
    await recipe.line(/^Closing 5 sessions$/);
    assert.equal((await fetchText(`${origin}/ready`)).status, 503);
    assert.equal((await post(`${origin}/echo/0/b/xhr`)).status, 503);
    for (const { socket, closed } of clients) {
      const { code, reason } = await closed;
      assert.deepEqual([code, reason], [1001, 'Server shutting down'], String(socket.transport));
    }
    for (const client of clients) {
      assert.equal(await client.next(), 'The server restarts');
    }
    assert.equal(await poll(), `${frame('The server restarts')}\n`);
    assert.equal(await poll(), 'c[1001,"Server shutting down"]\n');
    await recipe.line(/^5 sessions got everything, 0 did not$/);
    assert.equal((await ended).code, 0);
  });
});

describe('node-cluster', () => {
  const open = async (origin: string, transport: (typeof TRANSPORTS)[number]) => {
    const client = new Client(`${origin}/chat`, transport);
    const pid = Number(/^You are on process (\d+)$/.exec(await client.next())?.[1]);
    return { client, pid, transport };
  };

  it('is one chat on one port, replaces a worker that dies, and ends when told to', async () => {
    // As the channel of PM2 does, this keeps a process alive that does not exit.
    const keepAlive = '--import=data:text/javascript,setInterval(()=>{},1e9)';
    const recipe = startRecipe('node-cluster', { env: { WORKERS: '2', NODE_OPTIONS: keepAlive } });
    const origin = await recipe.origin();
    assert.equal(await recipe.origin(), origin);
    const pids = new Set<number>();
    const clients: Awaited<ReturnType<typeof open>>[] = [];
    // The primary gives connections to the workers in turns.
    while (pids.size < 2 && clients.length < 40) {
      const opened = await open(origin, TRANSPORTS[clients.length % TRANSPORTS.length] ?? 'websocket');
      clients.push(opened);
      pids.add(opened.pid);
    }
    assert.equal(pids.size, 2);
    clients[0]?.client.send('hello');
    for (const { client } of clients) {
      assert.equal(await client.next(), 'hello');
    }

    const [lost] = pids;
    process.kill(lost ?? 0, 'SIGKILL');
    for (const { client } of clients.filter(({ pid }) => pid === lost)) {
      await client.closed;
    }
    assert.equal(await recipe.origin(), origin);
    const kept = [...clients.filter(({ pid }) => pid !== lost), await open(origin, 'xhr-polling')];
    kept[0]?.client.send('still here');
    for (const { client } of kept) {
      assert.equal(await client.next(), 'still here');
    }

    // One is told twice.
    process.kill(kept[0]?.pid ?? 0, 'SIGTERM');
    const ended = recipe.stop('SIGTERM');
    for (const { client, transport } of kept) {
      const { code } = await client.closed;
      // Both workers leave at once: a poll that is on its way may find none of them.
      assert.ok(code === 1001 || (code === 1006 && transport !== 'websocket'), `${transport}: ${code}`);
    }
    assert.equal((await ended).code, 0);
  });
});

describe('cluster-adapter', () => {
  it('has the registry that the guide shows', async () => {
    const program = await readFile(new URL('cluster-adapter.ts', RECIPES), 'utf8');
    const [, registry = ''] = /^(\/\*\* Values by key.*?)\n\/\*\* One endpoint /ms.exec(program) ?? [];
    assert.notEqual(registry, '');
    assert.ok(readDocument('docs/guide/write-a-cluster-adapter.md').includes(`\n\n${registry}\`\`\`\n`));
  });

  it('gives each request to another of three nodes, which share their sessions', async () => {
    const recipe = startRecipe('cluster-adapter');
    const origin = await recipe.origin();
    const url = `${origin}/echo/0/a`;
    assert.equal((await post(`${url}/xhr`)).body, 'o\n');
    for (const message of ['1', '2', '3', '4', '5', '6']) {
      assert.equal((await post(`${url}/xhr_send`, JSON.stringify([message]))).status, 204);
      assert.equal((await post(`${url}/xhr`)).body, `${frame(message)}\n`);
    }
  });

  it('serves the client of browsers on all transports, and ends when told to', async () => {
    const recipe = startRecipe('cluster-adapter');
    const origin = await recipe.origin();
    const clients = TRANSPORTS.map((transport) => new Client(`${origin}/echo`, transport));
    for (const client of clients) {
      await client.opened;
      client.send('hello');
      assert.equal(await client.next(), 'hello');
    }
    const ended = recipe.stop('SIGTERM');
    for (const { closed } of clients) {
      assert.equal((await closed).code, 1001);
    }
    assert.equal((await ended).code, 0);
  });
});
