/** What stands in the files of `demo/deploy/`, and in the program that they run. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parseYaml } from '../../support/yaml.ts';

/** The text of a file in `demo/deploy/`. */
export function read(file: string): string {
  return readFileSync(new URL(`../../../demo/deploy/${file}`, import.meta.url), 'utf8');
}

/** What `demo/recipes/scale-out.ts` reads, serves and waits for. */
export interface RecipeFacts {
  /** The default values of the variables that it reads. */
  readonly variables: Readonly<Record<string, string>>;
  /** The paths of its health checks. */
  readonly checks: readonly string[];
  /** The option `name` of its cluster. */
  readonly name: string;
  /** ms that it may take to end, without DRAIN_MS, and with a Redis that answers. */
  readonly ending: number;
}

export function recipeFacts(): RecipeFacts {
  const text = read('../recipes/scale-out.ts');
  const lists = [...text.matchAll(/^const \{ (.*) \} = process\.env;$/gm)].map(([, list = '']) => list);
  const variables = lists.flatMap((list) => [...list.matchAll(/(\w+) = '([^']*)'/g)]);
  const number = (pattern: RegExp) =>
    Number((pattern.exec(text)?.[1] ?? assert.fail(String(pattern))).replace('_', ''));
  return {
    variables: Object.fromEntries(variables.map(([, name = '', value = '']) => [name, value])),
    checks: [...text.matchAll(/health\.get\('(.*?)'/g)].map(([, path = '']) => path),
    name: /redisCluster\(client, \{ name: '(\w+)'/.exec(text)?.[1] ?? assert.fail('the cluster has no name'),
    // `close()` takes up to twice its timeout.
    ending: 2 * number(/close\(\{ timeout: ([\d_]+) \}\)/) + number(/await setTimeout\(([\d_]+), undefined/),
  };
}

/** A user of Redis, as a line of a file of users. */
export interface RedisUser {
  readonly name: string;
  readonly password: string;
  /** All that follows the password. */
  readonly rules: readonly string[];
}

/** The users in a file of users. The default user must be off. */
export function usersOf(text: string): RedisUser[] {
  const [first, ...lines] = text.trimEnd().split('\n');
  assert.equal(first, 'user default off');
  return lines.map((line) => {
    const [, name = '', password = '', rules = ''] = /^user (\w+) on >(\S+) (.*)$/.exec(line) ?? assert.fail(line);
    return { name, password, rules: rules.split(' ') };
  });
}

/** A service of the Compose file, as far as the specs look at it. */
export interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: string | readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly configs?: readonly { readonly source: string; readonly target: string }[];
  readonly healthcheck?: { readonly test: string };
  readonly deploy?: { readonly replicas: number };
  readonly init?: boolean;
  readonly stop_signal?: string;
  readonly stop_grace_period?: string;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

export interface Compose {
  readonly services: Readonly<Record<'app' | 'redis' | 'nginx', Service>>;
  readonly configs: Readonly<Record<string, { readonly file?: string; readonly content?: string }>>;
}

/** The Compose file, with the variables filled in as Compose does. */
export function readCompose(variables: Readonly<Record<string, string>>): Compose {
  const text = read('compose.yaml').replace(/\$(?:\{(\w+):\?[^}]*\}|(\$))/g, (_, name: string | undefined) =>
    name === undefined ? '$' : (variables[name] ?? assert.fail(`no value for ${name}`)),
  );
  return parseYaml(text) as Compose;
}
