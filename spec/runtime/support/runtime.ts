/** The runtime that serves in these specs: Node, or the one that `npm run test:runtime` names. */
import assert from 'node:assert/strict';
import { Child, spawnChild } from '../../support/child-process.ts';
import { post } from '../../support/http.ts';
import { originOf } from '../../support/npm-script.ts';

/** Its name. */
export const RUNTIME = process.env['SOCKJS_RUNTIME'] ?? 'node';

/** What runs a program in it, TypeScript included. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  node: ['--import', 'tsx/esm'],
  bun: ['run'],
  deno: ['run', '--quiet', '--no-check', '--no-lock', '--allow-all'],
};

/**
 * Starts a program of the project in the runtime, on any free port. The caller must kill it.
 *
 * @param env further environment variables
 */
export function startInRuntime(program: string, env: Readonly<NodeJS.ProcessEnv> = {}): Child {
  const binary = process.env['SOCKJS_RUNTIME_PATH'] ?? process.execPath;
  const args = COMMANDS[RUNTIME];
  if (args === undefined) {
    throw new Error(`no runtime of the specs: ${RUNTIME}`);
  }
  const settings = { env: { ...process.env, PORT: '0', ...env } };
  return new Child(`${program} in ${RUNTIME}`, spawnChild(binary, [...args, program], settings));
}

/** The server of `server.ts`, in the runtime. */
export class RuntimeServer {
  #child: Child | undefined;
  /** As in `http://127.0.0.1:1234`. */
  origin = '';

  async start(): Promise<void> {
    this.#child = startInRuntime('spec/runtime/support/server.ts');
    this.origin = await originOf(this.#child);
  }

  async kill(): Promise<void> {
    await this.#child?.kill();
  }

  get port(): number {
    return Number(new URL(this.origin).port);
  }

  /** Settles with the groups of the next line that the server prints and that matches. */
  line(pattern: RegExp): Promise<string[]> {
    return this.#child?.line(pattern) ?? Promise.reject(new Error('the server is not started'));
  }

  /** Has all its endpoints close. The server goes on. */
  async close(): Promise<void> {
    assert.equal((await post(`${this.origin}/close`)).status, 200);
  }
}

/** Starts a server before the suite, and ends it after. A suite closes the endpoints of it in its last test, if at all. */
export function useServer(): RuntimeServer {
  const server = new RuntimeServer();
  before(() => server.start());
  after(() => server.kill());
  return server;
}
