/** `setupPrimary()`: what it has this process listen to, tell its workers, and leave behind. */
import assert from 'node:assert/strict';
import cluster from 'node:cluster';
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AnswerMessage } from '../../../../lib/cluster/ipc/messages.ts';
import { LINKS_VARIABLE } from '../../../../lib/cluster/ipc/worker-setup.ts';
import { afterTest } from '../../../support/cleanup.ts';
import { freshModule } from '../../../support/fresh-module.ts';
import { until } from '../../../support/link-nodes.ts';

type Module = typeof import('../../../../lib/cluster/ipc/setup-primary.ts');

const EVENTS = ['message', 'fork', 'exit', 'disconnect'] as const;

/** A worker, as `node:cluster` has it in the primary. */
class FakeWorker {
  readonly sent: AnswerMessage[] = [];

  isConnected(): boolean {
    return true;
  }

  send(message: AnswerMessage, callback: (error: Error | null) => void): void {
    this.sent.push(message);
    callback(null);
  }

  /** Has the primary do something, and returns its answer. */
  command(command: Readonly<Record<string, unknown>>): unknown {
    const id = this.sent.length + 1;
    cluster.emit('message', this, { type: 'sockjs:command', name: 'chat', id, command });
    assert.equal(this.sent.at(-1)?.id, id);
    return this.sent.at(-1)?.answer;
  }
}

/** Loads the function anew. All that it adds to this process is removed after the test. */
async function load(): Promise<Module['setupPrimary']> {
  const emitters = [...EVENTS.map((event) => [cluster, event] as const), [process, 'exit'] as const];
  const before = emitters.map(([emitter, event]) => emitter.rawListeners(event));
  const { [LINKS_VARIABLE]: links } = process.env;
  afterTest(() => {
    for (const [i, [emitter, event]] of emitters.entries()) {
      for (const listener of emitter.rawListeners(event)) {
        if (!before[i]?.includes(listener)) {
          emitter.removeListener(event, listener as () => void);
          if (emitter === process) {
            listener();
          }
        }
      }
    }
    if (links === undefined) {
      delete process.env[LINKS_VARIABLE];
    } else {
      process.env[LINKS_VARIABLE] = links;
    }
  });
  const { setupPrimary } = (await freshModule('../../lib/cluster/ipc/setup-primary.ts')) as Module;
  return setupPrimary;
}

const counts = () => [...EVENTS.map((event) => cluster.listenerCount(event)), process.listenerCount('exit')];

describe('setupPrimary()', () => {
  it('makes a folder for the sockets, and names it in the environment of workers', async () => {
    const setupPrimary = await load();
    setupPrimary();
    const prefix = process.env[LINKS_VARIABLE] ?? '';
    assert.ok(prefix.startsWith(join(tmpdir(), 'sockjs-')), prefix);
    assert.deepEqual(readdirSync(prefix), []);
  });

  it('does nothing when it is called again', async () => {
    const setupPrimary = await load();
    setupPrimary();
    const [prefix, before] = [process.env[LINKS_VARIABLE], counts()];
    setupPrimary();
    assert.deepEqual([process.env[LINKS_VARIABLE], counts()], [prefix, before]);
  });

  it('has the primary answer the commands of workers, and ignore what else they say', async () => {
    const setupPrimary = await load();
    setupPrimary();
    const worker = new FakeWorker();
    for (const message of [undefined, 'text', { type: 'ready' }]) {
      cluster.emit('message', worker, message);
    }
    assert.deepEqual(worker.sent, []);
    const owner = { nodeId: 'a', reservation: 1 };
    worker.command({ method: 'claim', sessionId: 'id', owner, life: 60_000 });
    assert.deepEqual(worker.command({ method: 'find', sessionId: 'id' }), { kind: 'owned', owner });
  });

  for (const event of ['exit', 'disconnect'] as const) {
    it(`takes a worker for dead at its ${event}: its sessions have ended, and its socket goes`, async () => {
      const setupPrimary = await load();
      setupPrimary();
      const [dying, living] = [new FakeWorker(), new FakeWorker()];
      const address = `${process.env[LINKS_VARIABLE]}abcdefgh`;
      writeFileSync(address, '');
      dying.command({ method: 'renew', node: { id: 'a', address, token: '', machine: '', versions: [1, 1] } });
      dying.command({ method: 'claim', sessionId: 'id', owner: { nodeId: 'a', reservation: 1 }, life: 60_000 });
      cluster.emit(event, dying);
      assert.deepEqual(living.command({ method: 'find', sessionId: 'id' }), {
        kind: 'ended',
        tombstone: { code: 1012, reason: 'Session lost', identityHash: '' },
      });
      assert.equal(living.command({ method: 'node', nodeId: 'a' }), undefined);
      await until(() => !existsSync(address));
      // What the dead worker asks for comes too late.
      const answers = dying.sent.length;
      cluster.emit('message', dying, {
        type: 'sockjs:command',
        name: 'chat',
        id: 9,
        command: { method: 'find', sessionId: 'id' },
      });
      assert.equal(dying.sent.length, answers);
    });
  }

  it('makes the folder again for a worker that is forked after a program has cleaned the temporary folder', async () => {
    const setupPrimary = await load();
    setupPrimary();
    const prefix = process.env[LINKS_VARIABLE] ?? '';
    rmSync(prefix, { recursive: true });
    cluster.emit('fork', new FakeWorker());
    assert.equal(statSync(prefix).mode & 0o777, 0o700);
    cluster.emit('fork', new FakeWorker());
    assert.deepEqual(readdirSync(prefix), []);
  });

  it('removes the folder when the primary exits', async () => {
    const setupPrimary = await load();
    const before = process.rawListeners('exit');
    setupPrimary();
    const prefix = process.env[LINKS_VARIABLE] ?? '';
    writeFileSync(`${prefix}socket`, '');
    const [onExit, ...more] = process.rawListeners('exit').filter((listener) => !before.includes(listener));
    assert.deepEqual(more, []);
    onExit?.();
    assert.equal(existsSync(prefix), false);
  });

  it('refuses a worker, and changes nothing', async () => {
    const setupPrimary = await load();
    const before = counts();
    const { isPrimary } = cluster;
    Object.assign(cluster, { isPrimary: false });
    afterTest(() => {
      Object.assign(cluster, { isPrimary });
    });
    assert.throws(
      setupPrimary,
      /setupPrimary\(\) is for the primary process; this is a worker, which calls nodeCluster/,
    );
    assert.deepEqual([process.env[LINKS_VARIABLE], counts()], [undefined, before]);
  });

  it('may be called again where the folder could not be made', async () => {
    const setupPrimary = await load();
    const before = counts();
    const { TMPDIR } = process.env;
    const folder = join(tmpdir(), 'none', 'x'.repeat(100));
    process.env['TMPDIR'] = folder;
    const restore = () => {
      if (TMPDIR === undefined) {
        delete process.env['TMPDIR'];
      } else {
        process.env['TMPDIR'] = TMPDIR;
      }
    };
    afterTest(restore);
    assert.throws(setupPrimary, /set the environment variable TMPDIR to a shorter path/);
    assert.deepEqual([process.env[LINKS_VARIABLE], counts()], [undefined, before]);
    restore();
    setupPrimary();
    assert.equal(existsSync(process.env[LINKS_VARIABLE] ?? ''), true);
  });
});
