/** The demo of many processes: what each of them answers, and the program as `npm run demo:cluster` runs it. */
import assert from 'node:assert/strict';
import { CHAT_ERROR, LIMITS } from '../../demo/chat-protocol.ts';
import { createWorkerServer } from '../../demo/cluster/worker.ts';
import { fetchText, post } from '../support/http.ts';
import { runFailingProgram } from '../support/npm-script.ts';
import { listen } from '../support/test-server.ts';
import { startClusterDemo } from './support/cluster-program.ts';
import { connect, type Message } from './support/json-client.ts';

/** A process that is alone, and the processes that it was asked to end. */
async function start() {
  const ended: number[] = [];
  const { server, chat } = createWorkerServer({ name: 'B', adapter: 'none' }, undefined, (pid) => ended.push(pid));
  return { ...(await listen(server)), chat, ended };
}

const join = (origin: string, id: string) => connect(origin, 'sockjs', id);

describe('demo of many processes', () => {
  describe('a process', () => {
    it('names itself in every response, and closes each connection', async () => {
      const { origin } = await start();
      // As a browser asks for it.
      const headers = { connection: 'keep-alive' };
      const session = `${origin}/sockjs/000/session`;
      const answers = [
        await post(`${session}/xhr`, '', headers),
        await post(`${session}/xhr`, '', headers),
        await post(`${session}/xhr_send`, '["{}"]', headers),
        await fetchText(`${origin}/sockjs/info`, 'GET', { headers }),
        await fetchText(`${origin}/`, 'GET', { headers }),
        await fetchText(`${origin}/none`, 'GET', { headers }),
      ];
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200, 204, 200, 200, 404],
      );
      for (const { headers } of answers) {
        assert.equal(headers['x-process'], 'B');
        assert.equal(headers.connection, 'close');
      }
    });

    it('has a process ended for its own page only', async () => {
      const { origin, port, ended } = await start();
      const url = `${origin}/processes/4711/end`;
      const local = { host: `127.0.0.1:${port}` };
      const refused: readonly Record<string, string>[] = [
        local,
        { ...local, origin: 'null' },
        { ...local, origin: 'http://example.com' },
        { ...local, origin: `http://localhost:${port}` },
        { ...local, origin: `https://127.0.0.1:${port}` },
        { ...local, origin: 'http://127.0.0.1' },
        // A domain of another site that leads to this machine.
        { host: `example.com:${port}`, origin: `http://example.com:${port}` },
        { host: `127.0.0.1.example.com:${port}`, origin: `http://127.0.0.1.example.com:${port}` },
      ];
      for (const headers of refused) {
        assert.equal((await post(url, '', headers)).status, 403, JSON.stringify(headers));
      }
      assert.equal((await fetchText(url)).status, 404);
      assert.deepEqual(ended, []);
      for (const host of [`127.0.0.1:${port}`, `localhost:${port}`]) {
        assert.equal((await post(url, '', { host, origin: `http://${host}` })).status, 202);
      }
      assert.deepEqual(ended, [4711, 4711]);
    });

    it('tells a new page which process it is at, and everyone who is there', async () => {
      const { origin } = await start();
      const ann = await join(origin, 'ann');
      assert.deepEqual(await ann.next(), {
        type: 'welcome',
        you: `${process.pid}-1`,
        process: 'B',
        pid: process.pid,
        adapter: 'none',
        nodes: ['alone'],
      });
      const bob = await join(origin, 'bob');
      await bob.nextOf('welcome');
      const peopleOf = ({ people, here, everywhere }: Message) => ({ people, here, everywhere });

      ann.say({ type: 'name', name: ' Ann ' });
      for (const client of [ann, bob]) {
        assert.deepEqual(peopleOf(await client.nextOf('process')), { people: ['Ann'], here: 1, everywhere: 1 });
      }
      bob.say({ type: 'chat', name: 'Bob', text: ' <b>hi</b> ' });
      assert.deepEqual(peopleOf(await ann.nextOf('process')), { people: ['Ann', 'Bob'], here: 2, everywhere: 2 });
      const { at, ...said } = await ann.nextOf('chat');
      assert.deepEqual(said, { type: 'chat', from: `${process.pid}-2`, name: 'Bob', text: '<b>hi</b>', process: 'B' });
      assert.equal(typeof at, 'number');

      bob.client.socket.close();
      assert.deepEqual(peopleOf(await ann.nextOf('process')), { people: ['Ann'], here: 1, everywhere: 1 });
    });

    it('tells its pages which processes there are', async () => {
      const { origin, chat } = await start();
      const ann = await join(origin, 'ann');
      await ann.nextOf('welcome');
      chat.tellNodes();
      assert.deepEqual(await ann.next(), { type: 'nodes', nodes: ['alone'] });
    });

    for (const [what, message, error] of [
      ['no type', {}, 'A message needs "name" or "chat" as "type"'],
      ['an empty name', { type: 'name', name: ' ' }, `A "name" has 1 to ${LIMITS.name} characters`],
      ['a chat message without a text', { type: 'chat', name: 'Eve' }, CHAT_ERROR],
    ] as const) {
      it(`ignores ${what}, and says so`, async () => {
        const { origin, chat } = await start();
        const eve = await join(origin, 'eve');
        eve.say(message);
        assert.deepEqual(await eve.nextOf('error'), { type: 'error', message: error });
        assert.equal(chat.router.to('chat').count(), 0);
      });
    }
  });

  describe('npm run demo:cluster', () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      it(`listens on PORT of 127.0.0.1 alone and prints where, and ends on ${signal} with the sessions of all processes told`, async () => {
        const { origin, stop } = await startClusterDemo();
        // 127.0.0.2 is this machine, too: a server that listens on all of its addresses would answer.
        await assert.rejects(fetchText(origin.replace('127.0.0.1', '127.0.0.2')), { code: 'ECONNREFUSED' });
        const clients = new Map<string, Awaited<ReturnType<typeof join>>>();
        for (let opened = 0; clients.size < 3; opened += 1) {
          const client = await join(origin, `client-${opened}`);
          clients.set(String((await client.nextOf('welcome')).process), client);
        }
        assert.deepEqual([...clients.keys()].sort(), ['A', 'B', 'C']);
        const stopped = stop(signal);
        for (const { closed } of clients.values()) {
          assert.deepEqual(await closed, { code: 1001, reason: 'Server shutting down' });
        }
        assert.equal(await stopped, 0);
      });
    }

    it('says which port is taken', async () => {
      const { origin } = await startClusterDemo();
      const { code, stderr } = await runFailingProgram('demo:cluster', Number(new URL(origin).port));
      assert.equal(code, 1);
      assert.match(stderr, /EADDRINUSE.*; PORT=… chooses another port\n$/);
    });
  });
});
