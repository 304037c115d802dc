/** Runs the programs of `demo/recipes/` as a reader would. */
import { Child, spawnChild } from './child-process.ts';

export interface RecipeSettings {
  /** Beside the environment of the test. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it ends by itself. */
  readonly mayEnd?: boolean;
}

/** A recipe's program, on a free port. */
export class Recipe extends Child {
  constructor(name: string, { env, mayEnd }: RecipeSettings = {}) {
    const args = ['--import', 'tsx/esm', `demo/recipes/${name}.ts`];
    super(name, spawnChild(process.execPath, args, { env: { ...process.env, ...env, PORT: '0' } }), mayEnd);
  }

  /** The next address that it says it listens on, as in `http://127.0.0.1:1234`. */
  async origin(): Promise<string> {
    const [origin = ''] = await this.line(/^Listening on (http:\/\/127\.0\.0\.1:\d+)\/$/);
    return origin;
  }
}
