/** Processes of the recipe `scale-out`, which share their sessions by a Redis of the spec. */
import { setTimeout as delay } from 'node:timers/promises';
import { fetchText } from './http.ts';
import { Recipe } from './recipes.ts';
import type { RedisServer } from './redis/redis-server.ts';

/** ms between two questions to a process, where it cannot tell by itself. */
const POLL = 5;

/** One process. Each port that its environment does not name is any that is free. */
export class ScaleOut extends Recipe {
  /** Where its health checks are. Settles once they can be asked. */
  readonly health: Promise<string>;
  /** Where its endpoint is. Settles once it listens, which needs Redis. */
  readonly listening: Promise<string>;

  constructor(env: Readonly<Record<string, string>>) {
    super('scale-out', { env: { HEALTH_PORT: '0', ...env } });
    this.health = this.line(/^Health on (\S+)\/$/).then(([url = '']) => url);
    this.listening = this.health.then(() => this.origin());
    // A test that does not wait for it asks for other lines, or has it end before.
    this.listening.catch(() => {});
  }

  async port(): Promise<number> {
    return portOf(await this.listening);
  }

  async healthPort(): Promise<number> {
    return portOf(await this.health);
  }

  /** The status of the answer to a check: `live` or `ready`. */
  async statusOf(check: string): Promise<number> {
    return (await fetchText(`${await this.health}/${check}`)).status;
  }

  /** Settles once it is ready. */
  async untilReady(): Promise<void> {
    await this.listening;
    while ((await this.statusOf('ready')) !== 200) {
      await delay(POLL);
    }
  }

  /** Settles once it says that it is not ready. */
  async untilNotReady(): Promise<void> {
    while ((await this.statusOf('ready')) !== 503) {
      await delay(POLL);
    }
  }

  /** The lines of its metrics. */
  async metrics(): Promise<string[]> {
    return (await fetchText(`${await this.health}/metrics`)).body.split('\n');
  }

  /** Settles once the metrics have all these lines. */
  async measures(...lines: readonly string[]): Promise<void> {
    for (;;) {
      const measured = await this.metrics();
      if (lines.every((line) => measured.includes(line))) {
        return;
      }
      await delay(POLL);
    }
  }

  /** Settles once it has links to and from so many others. */
  untilLinked(others: number): Promise<void> {
    return this.measures(
      'sockjs_cluster_up 1',
      `sockjs_cluster_nodes ${others}`,
      `sockjs_cluster_links{direction="dialled"} ${others}`,
      `sockjs_cluster_links{direction="accepted"} ${others}`,
    );
  }

  /** How many requests it has sent to other processes. */
  async relayedOut(): Promise<number> {
    const [, count] =
      /^sockjs_cluster_relayed_total\{direction="out"\} (\d+)$/m.exec((await this.metrics()).join('\n')) ?? [];
    return Number(count);
  }
}

/** Starts processes before the tests of the suite, linked with one another, and ends them after it. */
export function useScaleOut(
  redis: RedisServer,
  count: number,
  env: Readonly<Record<string, string>> = {},
): readonly ScaleOut[] {
  const all: ScaleOut[] = [];
  before('starts the processes', async () => {
    for (let i = 0; i < count; i += 1) {
      all.push(new ScaleOut({ REDIS_URL: `redis://127.0.0.1:${redis.port}`, ...env }));
    }
    await Promise.all(all.map((one) => one.listening));
    await Promise.all(all.map((one) => one.untilLinked(count - 1)));
  });
  after('ends the processes', async () => {
    for (const one of all) {
      await one.kill();
    }
  });
  return all;
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
