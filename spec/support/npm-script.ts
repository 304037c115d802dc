/** Starts and ends programs as their npm scripts do. */
import { readFile } from 'node:fs/promises';
import { Child, spawnChild } from './child-process.ts';
import { afterTest } from './cleanup.ts';

export interface Program {
  /** As the program prints it: `http://localhost:1234`. */
  readonly origin: string;
  /** Sends a signal. Settles with the exit code, or null if the signal killed the program. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

/** Runs a script of package.json on a free port. Settles once the program has printed its address. */
export async function startProgram(script: string): Promise<Program> {
  const child = await runScript(script, 0, false);
  const [origin = ''] = await child.line(/^Listening on (http:\/\/localhost:\d+)\/$/);
  return { origin, stop: async (signal) => (await child.stop(signal)).code };
}

/** Runs a script of package.json that must fail. Settles with its exit code and its stderr. */
export async function runFailingProgram(
  script: string,
  port: number,
): Promise<{ code: number | null; stderr: string }> {
  const child = await runScript(script, port, true);
  const { code } = await child.ended;
  return { code, stderr: child.stderr };
}

async function runScript(script: string, port: number, mayEnd: boolean): Promise<Child> {
  const { scripts } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  // Without npm, whose process would stand between the test and the program.
  const [command, ...args] = String(scripts[script]).split(' ');
  if (command !== 'node') {
    throw new Error(`script ${script} does not begin with node`);
  }
  const process_ = spawnChild(process.execPath, args, { env: { ...process.env, PORT: String(port) } });
  const child = new Child(`npm run ${script}`, process_, mayEnd);
  afterTest(() => child.kill());
  return child;
}
