/**
 * What comes to the primary, to workers and to their sockets from others than this release: messages of the application,
 * malformed commands and answers, and connections of processes that are no nodes. Sessions beside them notice nothing.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { dialAndForge } from '../hostile/hostile-peer.ts';
import { ODD_IDS, requesterBytes } from '../hostile/node-cases.ts';
import { Random } from '../hostile/random.ts';
import { afterTest } from '../support/cleanup.ts';
import { openAt, underLoad } from '../support/cluster/exchanges.ts';
import type { NodeCommand } from '../support/cluster/node-reports.ts';
import { makeWorkers, type WorkerNode, type Workers } from '../support/cluster/workers/workers.ts';
import { xhrPolling, xhrStreaming } from '../support/transport-cases.ts';

/** Another seed: `MODEL_SEED=… npx mocha spec/integration/cluster-worker-attacks.spec.ts`. */
const SEED = Number(process.env['MODEL_SEED'] ?? 4711);

/** Links of hostile peers that know a token. */
const FORGERS = 40;

/** Connections that say nothing: more than a listener lets wait. */
const SILENT = 150;

const owner = { nodeId: 'forged', reservation: 1 };
const tombstone = { code: 1000, reason: '', identityHash: '' };
const node = { id: 'forged', address: '/dev/null', token: 't', machine: 'm', versions: [1, 1] };

/** Fields of a command in place of what they should be. */
const WRONG: readonly unknown[] = [null, true, -1, 1e308, 0.5, '', [], {}, [[]], { nodeId: null }, ['id', owner]];

/** Commands: sound ones, and each with one of its fields in another form. */
function malformedCommands(): unknown[] {
  const sound: readonly Readonly<Record<string, unknown>>[] = [
    { method: 'renew', node },
    { method: 'remove', nodeId: 'none' },
    { method: 'node', nodeId: 'none' },
    { method: 'claim', sessionId: 'forged', owner, life: 1_000 },
    { method: 'find', sessionId: 'forged' },
    { method: 'release', sessionId: 'none', owner },
    { method: 'end', sessionId: 'none', owner, tombstone, life: 1_000, deadNode: 'none' },
    { method: 'reassert', sessions: [['forged', owner]], life: 1_000 },
  ];
  return [
    ...WRONG,
    { method: 'constructor' },
    { method: '__proto__' },
    ...sound.flatMap((command) =>
      Object.keys(command).flatMap((field) => WRONG.map((value) => ({ ...command, [field]: value }))),
    ),
  ];
}

/** Messages of applications, of other libraries, and of a sender that imitates this one. */
function messages(type: 'sockjs:command' | 'sockjs:answer'): unknown[] {
  const huge = 'x'.repeat(8 * 1024 * 1024);
  const sound = { type, name: 'echo', id: 1e9, command: { method: 'find', sessionId: 'none' } };
  return [
    null,
    'text',
    5,
    true,
    [],
    {},
    { type: null },
    { type: `${type}s`, id: 1 },
    { ...sound, id: null },
    { ...sound, id: 'one' },
    { ...sound, id: -1 },
    { ...sound, id: 0.5 },
    { ...sound, id: 1e300 },
    { ...sound, name: undefined },
    { ...sound, name: { toString: 'echo' } },
    { ...sound, name: '__proto__' },
    { ...sound, name: huge },
    { ...sound, command: { method: 'find', sessionId: huge } },
    { ...sound, command: { method: 'reassert', sessions: Array(50_000).fill(['many', owner]), life: 1_000 } },
    { ...sound, answer: huge },
    { ...sound, error: {} },
    ...malformedCommands().map((command) => ({ ...sound, command })),
  ];
}

/** Settles when the other end has closed a connection, or has reset it. */
function closed(socket: Socket): Promise<void> {
  socket.resume();
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

describe('Workers of a primary', () => {
  /** Sessions that are relayed all the time. In the end, all is as before. */
  async function besideSessions(attack: (workers: Workers, nodes: readonly WorkerNode[]) => Promise<void>) {
    const workers = makeWorkers();
    const nodes = await workers.start(2);
    const [first, second] = nodes;
    assert.ok(first !== undefined && second !== undefined);
    const transports = [xhrPolling, xhrStreaming];
    const clients = [...(await openAt(first, [second], transports)), ...(await openAt(second, [first], transports))];
    const sockets = readdirSync(workers.folder);
    await underLoad(clients, () => attack(workers, nodes));
    // The primary answers, and each worker.
    await underLoad(await openAt(first, [second], transports), async () => {});
    assert.equal(workers.ends.size, 0);
    assert.ok(nodes.every((each) => each.isUpWith(nodes)));
    assert.deepEqual(readdirSync(workers.folder), sockets);
    assert.equal(workers.stderr, '');
  }

  it('go on while one of them sends its primary what no worker sends', async () => {
    await besideSessions(async (_workers, [attacker]) => {
      for (const message of messages('sockjs:command')) {
        attacker?.tell({ type: 'tell primary', message });
      }
      // It has sent all, and the primary has read all.
      await attacker?.elapse(1);
    });
  });

  it('go on while their primary sends them what no primary sends', async () => {
    await besideSessions(async (_workers, nodes) => {
      for (const each of nodes) {
        for (const message of messages('sockjs:answer')) {
          each.tell(message as NodeCommand);
        }
        await each.elapse(1);
      }
    });
  });

  it('go on while others connect to their sockets that prove nothing', async () => {
    await besideSessions(async (workers) => {
      const random = new Random(SEED);
      for (const name of readdirSync(workers.folder)) {
        const path = `${workers.folder}${name}`;
        const sockets: Socket[] = [];
        const open = () => {
          const socket = connect(path);
          socket.on('error', () => {});
          sockets.push(socket);
          afterTest(() => void socket.destroy());
          return socket;
        };
        const upgrade = ['GET / HTTP/1.1', 'Host: sockjs-link', 'Connection: Upgrade', 'Upgrade: websocket'];
        const key = ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];
        const requests = [
          ['GET / HTTP/1.1', 'Host: x', '', ''],
          ['POST /echo/000/a/xhr HTTP/1.1', 'Host: x', 'Content-Length: 1000000', '', '["x"]'],
          [...upgrade, ...key, 'Origin: http://evil.example', '', ''],
          [...upgrade, '', ''],
          [...upgrade, ...key, '', '\u0000'.repeat(3000)],
        ].map(async (lines) => {
          const socket = open();
          socket.write(lines.join('\r\n'));
          await closed(socket);
        });
        const garbage = Array.from({ length: 20 }, async () => {
          const socket = open();
          socket.end(random.bytes(1 + random.below(5_000)));
          await closed(socket);
        });
        // Those that say nothing wait, and the oldest have to go.
        const silent = Array.from({ length: SILENT }, open);
        await Promise.all([...requests, ...garbage]);
        for (const socket of silent) {
          socket.destroy();
        }
      }
    });
  });

  it('go on while others connect to their sockets that know a token, and speak nonsense', async () => {
    await besideSessions(async (_workers, nodes) => {
      const random = new Random(SEED);
      for (const { record } of nodes) {
        await Promise.all(
          Array.from({ length: FORGERS }, async (_, i) => {
            const said = Array.from({ length: 1 + random.below(3) }, () => requesterBytes(random, ODD_IDS, ''));
            await dialAndForge(random, record, `forger-${i % 8}`, said, (bytes) => {
              assert.equal(bytes.includes('relayed'), false);
            });
          }),
        );
      }
    });
  });
});
