/** nginx with a file of `demo/deploy/`, as a service runs it: with a master process, which reads the file again on SIGHUP. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterTest } from '../../support/cleanup.ts';
import { SERVED_BY } from '../../support/cluster/numbered-client.ts';
import { type Launched, launch, readDeployFile, replace, replacementsOf } from './proxy.ts';

/** The two servers in the file. */
const SERVERS = /^(?<before> *server )127\.0\.0\.1:3001(?<after> .*;)\n\k<before>127\.0\.0\.1:3002\k<after>$/m;

/** ms between two looks at the log. */
const POLL = 5;

export class ReloadingNginx {
  readonly #nginx: Launched;
  readonly #configure: (servers: readonly number[]) => string;
  #reloads = 0;

  private constructor(nginx: Launched, configure: (servers: readonly number[]) => string) {
    this.#nginx = nginx;
    this.#configure = configure;
  }

  /** Starts nginx in front of servers on these ports. It says in a header which of them has answered. */
  static async start(file: string, servers: readonly number[]): Promise<ReloadingNginx> {
    const text = await readDeployFile(file);
    if (!SERVERS.test(text)) {
      throw new Error(`${file} does not name two servers`);
    }
    const configure = (dir: string, port: number) => (ports: readonly number[]) => {
      const own = replace(text, {
        ...replacementsOf('nginx', dir, port),
        'error_log /var/log/nginx/error.log;': `error_log ${join(dir, 'error.log')} notice;`,
        'proxy_pass http://app;': `proxy_pass http://app; add_header ${SERVED_BY} $upstream_addr always;`,
      });
      return own.replace(SERVERS, (_, before: string, after: string) =>
        ports.map((each) => `${before}127.0.0.1:${each}${after}`).join('\n'),
      );
    };
    const nginx = await launch(
      'nginx',
      file,
      (dir, port) => configure(dir, port)(servers),
      (dir, path) => ['-p', dir, '-e', 'stderr', '-c', path, '-g', 'daemon off;'],
    );
    // Its workers end with it, which they would not if it were killed.
    afterTest(async () => {
      await nginx.child.stop('SIGTERM');
    });
    return new ReloadingNginx(nginx, configure(nginx.dir, nginx.port));
  }

  get port(): number {
    return this.#nginx.port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Has it use other servers. Settles once no connection is accepted by a worker that has those before. */
  async reload(servers: readonly number[]): Promise<void> {
    await writeFile(this.#nginx.config, this.#configure(servers));
    this.#reloads += 1;
    this.#nginx.process.kill('SIGHUP');
    // The worker of the list before says so when it stops to listen.
    while ((await this.#log()).filter((line) => line.includes('gracefully shutting down')).length < this.#reloads) {
      await delay(POLL);
    }
  }

  /** What it has logged of failures. */
  async errors(): Promise<string[]> {
    return (await this.#log()).filter((line) => /\[(warn|error|crit|alert|emerg)\]/.test(line));
  }

  async #log(): Promise<string[]> {
    return (await readFile(join(this.#nginx.dir, 'error.log'), 'utf8')).split('\n');
  }
}
