/** `nodeCluster()` in a worker, whose channel is that of the test: what it takes, makes and sends. */
import assert from 'node:assert/strict';
import cluster from 'node:cluster';
import { setImmediate as turn } from 'node:timers/promises';
import { LINKS_VARIABLE } from '../../../../lib/cluster/ipc/worker-setup.ts';
import type { ClusterAdapter } from '../../../../lib/options/cluster-adapter.ts';
import { afterTest } from '../../../support/cleanup.ts';
import { stopClock } from '../../../support/clock.ts';
import { freshModule } from '../../../support/fresh-module.ts';

const PREFIX = '/tmp/sockjs-abcdef/';

type Module = typeof import('../../../../lib/cluster/ipc/node-cluster.ts');

/** Sets properties for the rest of the test. */
function replace(object: object, properties: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(properties)) {
    const before = Object.getOwnPropertyDescriptor(object, name);
    afterTest(() => {
      if (before === undefined) {
        Reflect.deleteProperty(object, name);
      } else {
        Object.defineProperty(object, name, before);
      }
    });
    Object.defineProperty(object, name, { value, configurable: true, writable: true, enumerable: true });
  }
}

/** What has gone to the primary: the message, and what was to be called then. */
type Sent = [
  message: { readonly id: number },
  handle: unknown,
  options: unknown,
  callback: (error: Error | null) => void,
];

/** Makes this process a worker whose primary was set up, for the rest of the test. */
async function asWorker() {
  const { nodeCluster } = (await freshModule('../../lib/cluster/ipc/node-cluster.ts')) as Module;
  const sent: Sent[] = [];
  replace(cluster, { isWorker: true });
  replace(process, { connected: true, send: (...args: Sent) => sent.push(args) });
  process.env[LINKS_VARIABLE] = PREFIX;
  const listeners = new Map((['message', 'disconnect'] as const).map((event) => [event, process.rawListeners(event)]));
  afterTest(() => {
    delete process.env[LINKS_VARIABLE];
    for (const [event, before] of listeners) {
      for (const listener of process.rawListeners(event)) {
        if (!before.includes(listener)) {
          process.removeListener(event, listener as () => void);
        }
      }
    }
  });
  const receive = (message: unknown) => process.emit('message', message, undefined);
  /** How many listeners there are more than before. */
  const added = () => [...listeners].map(([event, before]) => process.rawListeners(event).length - before.length);
  // Options as JavaScript may give them.
  const make = (options: unknown): ClusterAdapter => nodeCluster(options as Parameters<Module['nodeCluster']>[0]);
  return { make, sent, receive, added };
}

describe('nodeCluster()', () => {
  it('makes an adapter with a path of its own for each router, and sends nothing', async () => {
    const { make, sent, added } = await asWorker();
    const options = { name: 'chat', nodeTimeout: 2_000, maxQueuedBytes: 1_000_000, onGap: 'ignore' };
    const { registry, listen, ...rest } = make(options);
    assert.equal(typeof registry.renew, 'function');
    assert.deepEqual(rest, options);
    const paths = [listen, make({ name: 'other' }).listen].map((at) =>
      at !== undefined && 'path' in at ? at.path : '',
    );
    for (const path of paths) {
      assert.match(path ?? '', /^\/tmp\/sockjs-abcdef\/[\w-]{8}$/);
    }
    assert.notEqual(paths[0], paths[1]);
    assert.deepEqual(sent, []);
    // One channel for all routers of a worker.
    assert.deepEqual(added(), [1, 1]);
  });

  it('sends each command with a callback, and settles it by the answer, among messages of the application', async () => {
    const { make, sent, receive } = await asWorker();
    const found = make({ name: 'chat' }).registry.find('id');
    assert.equal(sent.length, 1);
    const [[message, handle, options, callback] = assert.fail()] = sent;
    const { id, ...rest } = message;
    assert.deepEqual(rest, {
      type: 'sockjs:command',
      name: 'chat',
      command: { method: 'find', sessionId: 'id' },
    });
    assert.deepEqual([handle, options], [undefined, undefined]);
    callback(null);
    const entry = { kind: 'owned', owner: { nodeId: 'a', reservation: 1 } };
    for (const other of [null, 'answer', { id }, { type: 'answer', id }, { type: 'sockjs:answer', id: id + 1 }]) {
      receive(other);
    }
    receive({ type: 'sockjs:answer', id, answer: entry });
    assert.deepEqual(await found, entry);
  });

  it('fails a command that could not be written', async () => {
    const { make, sent } = await asWorker();
    const found = make({ name: 'chat' }).registry.find('id');
    sent[0]?.[3](new Error('write EPIPE'));
    await assert.rejects(found, /^Error: sockjs: the primary cannot be reached: write EPIPE$/);
  });

  it('numbers the commands of all routers of a worker in one row', async () => {
    const { make, sent, receive } = await asWorker();
    const found = [make({ name: 'chat' }).registry.find('a'), make({ name: 'other' }).registry.find('b')];
    const [first = 0, second] = sent.map(([{ id }]) => id);
    assert.equal(second, first + 1);
    receive({ type: 'sockjs:answer', id: second });
    receive({ type: 'sockjs:answer', id: first });
    assert.deepEqual(await Promise.all(found), [undefined, undefined]);
  });

  for (const [nodeTimeout, within] of [
    [undefined, 5_000],
    [3_000, 1_500],
  ] as const) {
    it(`waits for an answer for half of nodeTimeout, which is ${nodeTimeout ?? 'left out'}`, async () => {
      const { make } = await asWorker();
      const clock = stopClock();
      const found = make({ name: 'chat', ...(nodeTimeout === undefined ? {} : { nodeTimeout }) }).registry.find('id');
      let isSettled = false;
      const failure = found.catch((error: unknown) => {
        isSettled = true;
        return String(error);
      });
      clock.tick(within - 1);
      await turn();
      assert.equal(isSettled, false);
      clock.tick(1);
      assert.match(
        String(await failure),
        new RegExp(`has not answered within ${within} ms; .* must call setupPrimary`),
      );
    });
  }

  it('fails what waits when the channel ends, and sends nothing more', async () => {
    const { make, sent } = await asWorker();
    const { registry } = make({ name: 'chat' });
    const found = registry.find('id');
    replace(process, { connected: false });
    process.emit('disconnect');
    for (const command of [found, registry.find('id')]) {
      await assert.rejects(command, /^Error: sockjs: this worker has been disconnected from its primary$/);
    }
    assert.equal(sent.length, 1);
  });

  for (const options of [undefined, null, 'chat']) {
    it(`refuses ${JSON.stringify(options)} as options`, async () => {
      const { make, added } = await asWorker();
      assert.throws(
        () => make(options),
        /^TypeError: sockjs: the options of nodeCluster\(\) are .*; they must be an object$/,
      );
      assert.deepEqual(added(), [0, 0]);
    });
  }

  for (const [title, options, message] of [
    ['no name', {}, /^TypeError: sockjs: option "nodeCluster.name" is undefined; it must be a string of letters/],
    ['a name with a brace', { name: '{x}' }, /^RangeError: sockjs: option "nodeCluster.name" is "\{x\}"; it must be/],
    [
      'a nodeTimeout',
      { name: 'x', nodeTimeout: 5 },
      /^RangeError: .*"nodeCluster.nodeTimeout" is 5; it must be from 1000/,
    ],
    ...['listen', 'advertise', 'tls', 'secret'].map(
      (option) =>
        [
          `the option ${option}`,
          { name: 'x', [option]: undefined },
          new RegExp(`^TypeError: .*"nodeCluster.${option}" is for links over a network; leave it out`),
        ] as const,
    ),
    ['an onGap', { name: 'x', onGap: 'wait' }, /"nodeCluster.onGap" is "wait"; it must be/],
  ] as const) {
    it(`refuses ${title}`, async () => {
      const { make, added } = await asWorker();
      assert.throws(() => make(options), message);
      assert.deepEqual(added(), [0, 0]);
    });
  }

  it('refuses a process that is no worker', async () => {
    const { make } = await asWorker();
    replace(cluster, { isWorker: false });
    assert.throws(() => make({ name: 'chat' }), /for workers of node:cluster; this process is none/);
  });
});
