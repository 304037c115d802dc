/** Starts and ends programs as their npm scripts do. */
import { readFile } from 'node:fs/promises';
import { Child, spawnChild } from './child-process.ts';
import { afterTest } from './cleanup.ts';

export interface Program {
  /** As the program prints it, such as `http://localhost:1234`. */
  readonly origin: string;
  /** Sends a signal. Settles with the exit code, or null if the signal killed the program. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

/**
 * Runs a script of package.json on a free port. Settles once the program has printed its address.
 *
 * @param env further environment variables
 */
export async function startProgram(script: string, env: Readonly<NodeJS.ProcessEnv> = {}): Promise<Program> {
  const child = await startScript(script, env);
  afterTest(() => child.kill());
  return { origin: await originOf(child), stop: async (signal) => (await child.stop(signal)).code };
}

/** As `startProgram()`, for a suite: settles at once, and the caller must kill the program. */
export function startScript(script: string, env: Readonly<NodeJS.ProcessEnv> = {}): Promise<Child> {
  return runScript(script, 0, false, env);
}

/** Settles with the address that a program prints next. */
export async function originOf(program: Child): Promise<string> {
  const [origin = ''] = await program.line(/^Listening on (http:\/\/(?:localhost|127\.0\.0\.1):\d+)\/$/);
  return origin;
}

/** Runs a script of package.json that must fail. Settles with its exit code and its stderr. */
export async function runFailingProgram(
  script: string,
  port: number,
): Promise<{ code: number | null; stderr: string }> {
  const child = await runScript(script, port, true, {});
  afterTest(() => child.kill());
  const { code } = await child.ended;
  return { code, stderr: child.stderr };
}

async function runScript(
  script: string,
  port: number,
  mayEnd: boolean,
  env: Readonly<NodeJS.ProcessEnv>,
): Promise<Child> {
  const { scripts } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  // Without npm, whose process would stand between the test and the program.
  const [command, ...args] = String(scripts[script]).split(' ');
  if (command !== 'node') {
    throw new Error(`script ${script} does not begin with node`);
  }
  const process_ = spawnChild(process.execPath, args, { env: { ...process.env, ...env, PORT: String(port) } });
  return new Child(`npm run ${script}`, process_, mayEnd);
}
