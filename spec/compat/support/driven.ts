/** Servers on npm sockjs and on `compat/`, each in a process of its own. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildCompat } from '../../../scripts/build-compat.ts';
import { install } from '../../package/support/tarball.ts';
import { Child, spawnChild } from '../../support/child-process.ts';
import { afterTest } from '../../support/cleanup.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PROGRAM = fileURLToPath(new URL('program.cjs', import.meta.url));

/** The built package. */
export const COMPAT = join(ROOT, 'compat/dist/index.cjs');

/** Where npm sockjs is installed for the specs. A later run finds it there. */
const CACHE = join(ROOT, 'node_modules/.cache/sockjs-0.3.24');

/** npm sockjs. */
export const GENUINE = join(CACHE, 'node_modules/sockjs/index.js');

/** Installs npm sockjs where it is not installed. */
async function installGenuine(): Promise<void> {
  if (!existsSync(GENUINE)) {
    await install(CACHE, ['sockjs@0.3.24']);
  }
}

let built: Promise<void> | undefined;

/** Builds the package, once in a run. */
export function build(): Promise<void> {
  built ??= buildCompat(join(ROOT, 'compat/dist'));
  return built;
}

/** A hook before a suite: builds the package, and installs npm sockjs. */
export async function prepare(this: Mocha.Context): Promise<void> {
  // Installing takes what the network takes.
  this.timeout(300_000);
  await build();
  await installGenuine();
}

/** What the program takes beside the module. */
export interface Settings {
  readonly options?: object;
  readonly install?: readonly object[];
  readonly before?: boolean;
  readonly after?: boolean;
  /** Prints which of these a request has, to a listener that comes after the handlers. */
  readonly requestKeys?: readonly string[];
  readonly log?: boolean;
  /** Serves `/middle` by `middleware()`, and installs nothing. */
  readonly middleware?: boolean;
  readonly extraHeader?: string;
  /** Replaces `decorateConnection` by one that throws from its second call on. */
  readonly misdecorates?: boolean;
  /** The name of a function in `hooks.cjs`, which gives options that are functions, and may add listeners. */
  readonly hook?: string;
  readonly rewrite?: { readonly from: string; readonly to: string };
}

/** A running server. */
export class Driven {
  readonly #child: Child;
  readonly port: number;

  private constructor(child: Child, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(module: string, settings: Settings = {}): Promise<Driven> {
    const args = ['--no-deprecation', PROGRAM, module, JSON.stringify(settings)];
    const child = new Child('the server', spawnChild(process.execPath, args));
    afterTest(() => child.kill());
    const [port] = await child.line(/^\["listening",(\d+)\]/);
    return new Driven(child, Number(port));
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Settles with so many events, as they happened. */
  async events(count: number): Promise<unknown[]> {
    const events: unknown[] = [];
    while (events.length < count) {
      const [line = ''] = await this.#child.line(/^(\[.*\])$/);
      events.push(JSON.parse(line));
    }
    return events;
  }

  webSocket(path: string, headers: Record<string, string> = {}): WebSocketClient {
    return new WebSocketClient(this.origin, path, { headers });
  }
}
