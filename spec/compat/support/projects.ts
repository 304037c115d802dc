/** Projects that have installed programs which require sockjs, and the programs of `spec/compat/programs` in them. */
import { equal } from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from '../../package/support/tarball.ts';
import { Child, spawnChild } from '../../support/child-process.ts';
import { afterTest } from '../../support/cleanup.ts';
import { packCompat } from './packed.ts';

const FOLDER = fileURLToPath(new URL('../programs', import.meta.url));

/** The programs. `docs/migrating/from-sockjs-node.md` lists them with their versions. */
export const PROGRAMS = ['primus@8.0.9', 'shoe@0.0.15', 'websocket-multiplex@0.1.0'];

/** These are the most work to install. They run on the package only. */
export const DEV_SERVERS = ['webpack-dev-server@4.15.2', 'webpack-dev-server@5.2.7'];

/** What the programs need beside sockjs. */
const HELPERS = ['sockjs-client@1.6.1', 'permessage-deflate@0.1.7'];
const DEV_HELPERS = ['webpack@5.113.0'];

/** The name under which a version of webpack-dev-server is installed, as in `webpack-dev-server-4`. */
const alias = (spec: string) => spec.replace(/@(\d+).*/, '-$1');

/** Both projects, in a folder of their own. */
export interface Projects {
  /** Has the packed file of `compat/` in the place of sockjs. */
  readonly 'sockjs-compat': string;
  readonly 'npm sockjs 0.3.24': string;
}

/** The programs run on both. */
export const SIDES = ['sockjs-compat', 'npm sockjs 0.3.24'] as const satisfies readonly (keyof Projects)[];

let installed: Promise<Projects & { readonly work: string }> | undefined;

// A root hook, since all specs of the programs share what is installed.
after(async () => {
  const { work } = (await installed?.catch(() => undefined)) ?? {};
  if (work !== undefined) {
    await rm(work, { recursive: true, force: true });
  }
});

async function installBoth(): Promise<Projects & { readonly work: string }> {
  const { work, tarball } = await packCompat();
  const project = async (name: string, sockjs: string, packages: readonly string[]) => {
    const folder = join(work, name);
    await mkdir(folder);
    await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, overrides: { sockjs } }));
    await install(folder, ['--ignore-scripts', ...packages]);
    return folder;
  };
  const both = [...PROGRAMS, ...HELPERS];
  const devServers = [...DEV_SERVERS.map((spec) => `${alias(spec)}@npm:${spec}`), ...DEV_HELPERS];
  return {
    work,
    'sockjs-compat': await project('overridden', `file:${tarball}`, [...both, ...devServers]),
    'npm sockjs 0.3.24': await project('genuine', '0.3.24', both),
  };
}

/** Installs both projects, once in a run. Call it in a hook with a generous timeout. */
export function projects(): Promise<Projects> {
  installed ??= installBoth();
  return installed;
}

/** A running program of `spec/compat/programs`. */
export class Program {
  readonly #child: Child;

  /** @param mayEnd whether it ends by itself */
  constructor(project: string, name: string, args: readonly string[], mayEnd = false) {
    const command = ['--no-deprecation', join(FOLDER, name), ...args];
    this.#child = new Child(name, spawnChild(process.execPath, command, { cwd: project }), mayEnd);
    afterTest(() => this.#child.kill());
  }

  /** Runs a program to its end; settles with what has happened at each end. */
  static async run(project: string, name: string, ...args: readonly string[]): Promise<Record<string, unknown[][]>> {
    const program = new Program(project, name, args, true);
    const seen: Record<string, unknown[][]> = {};
    for (;;) {
      const [end, ...event] = await program.event();
      if (end === 'over') {
        equal((await program.#child.ended).code, 0);
        return seen;
      }
      seen[String(end)] = [...(seen[String(end)] ?? []), event];
    }
  }

  /** Settles with the next event. */
  async event(): Promise<unknown[]> {
    const [line = ''] = await this.#child.line(/^(\[.*\])$/);
    return JSON.parse(line);
  }

  /** Settles with the next event of that kind, and leaves out those before. */
  async next(kind: string): Promise<unknown[]> {
    for (;;) {
      const [end, ...event] = await this.event();
      if (end === kind) {
        return event;
      }
    }
  }

  /** Settles with the origin at which it listens. */
  async origin(): Promise<string> {
    return String((await this.next('origin'))[0]);
  }

  /** Has it stop. It must then end by itself. */
  async stop(): Promise<void> {
    equal((await this.#child.stop('SIGTERM')).code, 0);
  }
}

/**
 * Declares a suite for each package. `project()` is the folder of its project once tests run.
 *
 * @param title what is run, as in "shoe"
 */
export function describeOnBothSides(
  title: string,
  declareTests: (project: () => string, side: (typeof SIDES)[number]) => void,
): void {
  for (const side of SIDES) {
    describe(`compat: ${title} on ${side}`, function () {
      // The program gives up after 100 s, and says what has happened until then.
      this.timeout(120_000);

      let project = '';
      before(async function () {
        // Installing takes what the network takes.
        this.timeout(300_000);
        project = (await projects())[side];
      });

      declareTests(() => project, side);
    });
  }
}
