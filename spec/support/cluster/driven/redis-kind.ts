/** Three processes that share a Redis. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { RedisServer } from '../../redis/redis-server.ts';
import type { DrivenKind } from './kind.ts';
import { DrivenProcess, PROGRAM } from './process.ts';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

/** The clients of Redis of the three. */
const CLIENTS = ['node-redis', 'ioredis', 'node-redis'] as const;

export class RedisKind implements DrivenKind {
  readonly hasSharedPort = false;
  readonly #redis: RedisServer;
  /** ms by the clock of the test. */
  #now = 0;
  /** When Redis is to have forgotten an ended session, by the clock of the test. */
  readonly #forgotten = new Map<string, number>();

  constructor(redis: RedisServer) {
    this.#redis = redis;
  }

  start(): readonly DrivenProcess[] {
    return CLIENTS.map((client, i) => {
      const settings = JSON.stringify({ client, redisPort: this.#redis.port });
      const args = ['--import', 'tsx/esm', '--throw-deprecation', PROGRAM, settings];
      return new DrivenProcess(`process ${i} (${client})`, (descriptors) =>
        spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe', 'ipc', ...descriptors] }),
      );
    });
  }

  onTombstone(id: string, life: number): void {
    this.#forgotten.set(id, this.#now + life);
  }

  stopClock(): void {}

  tick(ms: number): void {
    this.#now += ms;
  }

  /** Deletes the ended sessions whose time has come, since the clock of the test does not move that of Redis. */
  async forget(name: string): Promise<void> {
    for (const [id, due] of this.#forgotten) {
      if (due <= this.#now) {
        this.#forgotten.delete(id);
        await this.#redis.admin.del(`{sockjs:${name}}:s:${id}`);
      }
    }
  }

  reset(): void {
    this.#now = 0;
    this.#forgotten.clear();
  }
}
