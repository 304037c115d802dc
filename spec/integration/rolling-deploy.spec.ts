/**
 * A rolling deploy: three processes of the recipe `scale-out` behind nginx, which gives each request to the next of them.
 * One after the other is replaced: a new one is ready, the old one leaves the balancer, gets SIGTERM, and ends by itself.
 * Kubernetes sends SIGTERM while the balancer still has the old one, which goes on until that has noticed.
 */
import assert from 'node:assert/strict';
import { describeProxy } from '../proxy/support/proxy.ts';
import { ReloadingNginx } from '../proxy/support/reloading-nginx.ts';
import type { Ending } from '../support/child-process.ts';
import { afterTest } from '../support/cleanup.ts';
import { numbers } from '../support/cluster/exchanges.ts';
import { NumberedClient } from '../support/cluster/numbered-client.ts';
import { NumberedSocket } from '../support/cluster/numbered-socket.ts';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';
import { ScaleOut } from '../support/scale-out.ts';
import { HTTP_RECEIVERS, xhrStreaming } from '../support/transport-cases.ts';

/** How a process is replaced. */
interface WayToReplace {
  readonly env: Readonly<Record<string, string>>;
  /** Settles when the process has ended. `leaveBalancer` settles when no request comes to it any more. */
  end(leaving: ScaleOut, leaveBalancer: () => Promise<void>): Promise<Ending>;
}

const WAYS: Readonly<Record<string, WayToReplace>> = {
  'leave the balancer before SIGTERM': {
    env: {},
    async end(leaving, leaveBalancer) {
      await leaveBalancer();
      return leaving.stop('SIGTERM');
    },
  },
  'get SIGTERM before they leave the balancer': {
    env: { DRAIN_MS: '5000', NODE_OPTIONS: '--import tsx/esm --import ./spec/support/held-drain.ts' },
    async end(leaving, leaveBalancer) {
      const ended = leaving.stop('SIGTERM');
      await leaving.untilNotReady();
      await leaveBalancer();
      // Its drain is over.
      await leaving.stop('SIGUSR2');
      return ended;
    },
  },
};

type Client = NumberedClient | NumberedSocket;

const PROCESSES = 3;

/** Messages of one send, at most. */
const BATCH = 4;

const GOING_AWAY = { kind: 'closed', code: 1001, reason: 'Server shutting down' } as const;

/** Settles with a new session, which is open. */
type Open = () => Promise<Client>;

/** The clients of a deploy, and the deploy itself. */
class Deploy {
  readonly #redisPort: number;
  readonly #way: WayToReplace;
  #nginx: ReloadingNginx | undefined;
  #serving: ScaleOut[] = [];
  /** Sessions of `keepOne()` that are being opened. */
  readonly #opening = new Set<Promise<Client>>();
  /** Where those that have left took their requests, as nginx names it. */
  readonly left: string[] = [];
  /** Clients that exchange messages all the time. */
  readonly busy: Client[] = [];
  /** Clients that wait while a process ends. */
  readonly idle: Client[] = [];
  /** How often each loop of new sessions has opened one. */
  readonly opened: number[] = [];
  isOver = false;

  constructor(redisPort: number, way: WayToReplace) {
    this.#redisPort = redisPort;
    this.#way = way;
  }

  get nginx(): ReloadingNginx {
    return this.#nginx ?? assert.fail('nginx has not been started');
  }

  /** Opens a session by each transport. */
  get openers(): Open[] {
    return [
      ...HTTP_RECEIVERS.map((transport) => () => new NumberedClient(transport, () => this.nginx).open()),
      () => new NumberedSocket(this.nginx.origin).open(),
    ];
  }

  async start(): Promise<void> {
    for (let i = 0; i < PROCESSES; i += 1) {
      this.#serving.push(this.#startOne());
    }
    await Promise.all(this.#serving.map((process) => process.listening));
    await Promise.all(this.#serving.map((process) => process.untilLinked(PROCESSES - 1)));
    this.#nginx = await ReloadingNginx.start('nginx-round-robin.conf', await this.#ports());
  }

  /** Replaces all processes. */
  async replaceAll(): Promise<void> {
    for (const leaving of [...this.#serving]) {
      const waiting = await Promise.all([...this.openers, ...this.openers].map((open) => open()));
      const replacement = this.#startOne();
      await replacement.untilReady();
      this.#serving = [...this.#serving.filter((process) => process !== leaving), replacement];
      const leaveBalancer = async () => {
        await this.nginx.reload(await this.#ports());
        await this.#untilAllHaveMoved();
        this.left.push(`127.0.0.1:${await leaving.port()}`);
      };
      assert.deepEqual(await this.#way.end(leaving, leaveBalancer), { code: 0, signal: null });
      assert.equal(leaving.stderr, '');
      this.idle.push(...waiting);
      await Promise.all(waiting.filter((client) => !this.isOwnedByLeft(client)).map((client) => client.echoes('here')));
    }
    this.isOver = true;
  }

  isOwnedByLeft({ servedBy }: Client): boolean {
    return this.left.includes(servedBy ?? '');
  }

  /** Has a session at all times: where one ends, the next begins. It exchanges numbered messages. */
  async keepOne(open: Open): Promise<void> {
    while (!this.isOver) {
      const opening = open();
      this.#opening.add(opening);
      const client = await opening;
      this.#opening.delete(opening);
      this.busy.push(client);
      await this.#exchange(client);
    }
  }

  /** Opens session after session. */
  async openMany(open: Open): Promise<void> {
    const index = this.opened.push(0) - 1;
    while (!this.isOver) {
      const client = await open();
      assert.ok(!this.isOwnedByLeft(client));
      client.abort();
      this.opened[index] = (this.opened[index] ?? 0) + 1;
    }
  }

  /** Sends numbered messages, the next when all before have come back, until the session ends or the deploy is over. */
  async #exchange(client: Client): Promise<void> {
    for (let sent = 0, size = 1; client.end === undefined && !this.isOver; size = (size % BATCH) + 1) {
      const { status } = await client.send(...Array.from({ length: size }, (_, i) => String(sent + i)));
      if (status !== 204 && status !== 200) {
        // Only of a session that has ended.
        await client.ended();
        return;
      }
      sent += size;
      await client.until(() => client.received.length >= sent || client.end !== undefined, `${sent} messages`);
    }
  }

  #startOne(): ScaleOut {
    const process = new ScaleOut({ ...this.#way.env, REDIS_URL: `redis://127.0.0.1:${this.#redisPort}` });
    afterTest(() => process.kill());
    return process;
  }

  #ports(): Promise<number[]> {
    return Promise.all(this.#serving.map((process) => process.port()));
  }

  /** Settles once all requests that nginx may have given to a process of its list before have been answered. */
  async #untilAllHaveMoved(): Promise<void> {
    await Promise.all(this.#opening);
    const clients = this.busy.filter(({ end }) => end === undefined);
    await Promise.all(
      clients.map((client) => {
        // Two batches: with the second, the send and the poll that were on their way at first have been answered.
        const due = client.received.length + 2 * BATCH;
        return client.until(() => client.received.length >= due || client.end !== undefined, `${due} messages`);
      }),
    );
    const before = [...this.opened];
    for (;;) {
      if (this.opened.every((count, i) => count >= (before[i] ?? 0) + 2)) {
        return;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

describeWithRedis('A rolling deploy', () => {
  const redis = useRedis();

  describeProxy('nginx', 'three processes that are replaced one after the other', () => {
    for (const [title, way] of Object.entries(WAYS)) {
      it(`end the sessions that they own with 1001, and no others, where they ${title}; new ones open all the time`, async function () {
        // Six processes start, three of them one after the other.
        this.timeout(180_000);
        const deploy = new Deploy(redis.port, way);
        // Where the test fails, nothing goes on.
        afterTest(() => {
          deploy.isOver = true;
        });
        await deploy.start();
        const { openers } = deploy;
        const openSocket: Open = () => new NumberedSocket(deploy.nginx.origin).open();
        // Its session ends when the client leaves. One of polls would wait for the next.
        const openStream: Open = () => new NumberedClient(xhrStreaming, () => deploy.nginx).open();
        await Promise.all([
          deploy.replaceAll(),
          ...openers.map((open) => deploy.keepOne(open)),
          deploy.openMany(openSocket),
          deploy.openMany(openStream),
        ]);
        for (const client of [...deploy.busy, ...deploy.idle]) {
          const { id, received, end } = client;
          assert.deepEqual(end, deploy.isOwnedByLeft(client) ? GOING_AWAY : undefined, id);
          if (deploy.isOwnedByLeft(client) && client instanceof NumberedSocket) {
            assert.equal(await client.closeCode, 1001, id);
          }
          const expected = deploy.busy.includes(client) ? numbers(received.length) : ['here'];
          assert.deepEqual(received, expected.slice(0, received.length), id);
        }
        for (const clients of [deploy.busy, deploy.idle]) {
          const ended = clients.filter((client) => deploy.isOwnedByLeft(client)).length;
          assert.ok(ended > 0 && ended < clients.length, `${ended} of ${clients.length} have ended`);
        }
        assert.deepEqual(await deploy.nginx.errors(), []);
      });
    }
  });
});
