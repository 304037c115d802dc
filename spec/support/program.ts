/** Starts a program as its npm script does, and ends it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterTest } from './leftovers.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Program {
  /** As the program printed it, as in `http://localhost:1234`. */
  readonly origin: string;
  /** Sends a signal; settles with the exit code, or null where the signal killed it. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

/** Runs a script of package.json on a free port; settles once it has printed where it listens. */
export async function startProgram(script: string): Promise<Program> {
  const { child, lines } = await spawnScript(script, '0');
  for await (const line of lines) {
    const origin = /^Listening on (http:\/\/localhost:\d+)\/$/.exec(line)?.[1];
    if (origin !== undefined) {
      return {
        origin,
        stop: async (signal) => {
          const exit = once(child, 'exit');
          child.kill(signal);
          const [code] = (await exit) as [number | null];
          return code;
        },
      };
    }
  }
  throw new Error(`npm run ${script} ended without having listened`);
}

/** Runs a script of package.json that is to fail; settles with its exit code and what it printed to stderr. */
export async function failProgram(script: string, port: number): Promise<{ code: number | null; stderr: string }> {
  const { child } = await spawnScript(script, String(port));
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stderr };
}

async function spawnScript(script: string, PORT: string) {
  const { scripts } = JSON.parse(await readFile(`${ROOT}package.json`, 'utf8'));
  // Not by npm, which would stand between the test and the process that it means to end.
  const [command, ...args] = String(scripts[script]).split(' ');
  if (command !== 'node') {
    throw new Error(`script ${script} does not begin with node`);
  }
  const child: ChildProcess = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, PORT },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  afterTest(() => {
    child.kill('SIGKILL');
  });
  if (child.stdout === null) {
    throw new Error('no stdout');
  }
  return { child, lines: createInterface(child.stdout) };
}
