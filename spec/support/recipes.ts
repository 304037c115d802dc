/** Runs the programs of `demo/recipes/` as a reader would. */
import { Child, spawnChild } from './child-process.ts';
import { afterTest } from './cleanup.ts';

export interface RecipeSettings {
  /** Beside the environment of the test. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it ends by itself. */
  readonly mayEnd?: boolean;
  /** A module that Node loads before the program. */
  readonly preload?: string;
  /**
   * The port that it listens on.
   * @default any free port
   */
  readonly port?: number;
}

/** A recipe's program, on a free port where neither its settings nor its environment name one. */
export class Recipe extends Child {
  constructor(name: string, { env, mayEnd, preload, port = 0 }: RecipeSettings = {}) {
    const preloads = ['tsx/esm', ...(preload === undefined ? [] : [preload])].flatMap((module) => ['--import', module]);
    const args = [...preloads, `demo/recipes/${name}.ts`];
    super(name, spawnChild(process.execPath, args, { env: { ...process.env, PORT: `${port}`, ...env } }), mayEnd);
  }

  /** The next address that it says it listens on, as in `http://127.0.0.1:1234`. */
  async origin(): Promise<string> {
    const [origin = ''] = await this.line(/^Listening on (http:\/\/127\.0\.0\.1:\d+)\/$/);
    return origin;
  }
}

/** One program for all tests of a suite. */
export function useRecipe(name: string, env: Readonly<Record<string, string>> = {}) {
  let recipe: Recipe | undefined;
  let origin = '';
  before(`starts ${name}`, async () => {
    recipe = new Recipe(name, { env });
    origin = await recipe.origin();
  });
  after(`ends ${name}`, () => recipe?.kill());
  return {
    get origin() {
      return origin;
    },
    line: async (pattern: RegExp) => (await recipe?.line(pattern)) ?? [],
  };
}

/** A program for one test. */
export function startRecipe(name: string, settings?: RecipeSettings): Recipe {
  const recipe = new Recipe(name, settings);
  afterTest(() => recipe.kill());
  return recipe;
}

/** The frame that carries these messages. */
export const frame = (...messages: string[]) => `a${JSON.stringify(messages)}`;
