/** What the specs of the reference compare: its tables, and the declarations in the sources. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { codeSpans, ROOT, readDocument, tableRows } from './markdown.ts';

/** All sources together. */
export const SOURCE = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readDocument(`lib/${path}`))
  .join('\n');

/** The rows of a text whose first cell is code, by that code; one that names several comes once for each. */
export function namedRows(text: string): [name: string, cells: string[]][] {
  return tableRows(text).flatMap((cells) => codeSpans(cells[0] ?? '').map((name): [string, string[]] => [name, cells]));
}

/** The different matches of a pattern's first group, sorted. */
export function found(text: string, pattern: RegExp): string[] {
  return [...new Set(Array.from(text.matchAll(pattern), ([, match = '']) => match))].sort();
}

/** The members that an interface of the sources declares. */
export function declaredIn(type: string): string[] {
  const [, body = ''] = new RegExp(`export interface ${type}\\b(.*?)^\\}`, 'ms').exec(SOURCE) ?? [];
  return found(body, /^ {2}(?:readonly )?([a-z]\w*|\[[\w.]+\])[?:(<]/gm);
}

/** A default as the reference writes it. */
export function shown(name: string, value: unknown): string {
  if (name === 'onError') {
    return 'prints the stack to stderr';
  }
  return value === undefined ? 'none' : `\`${inspect(value)}\``;
}

/** A number with its unit, as in "64 KiB", in bytes or ms; undefined for anything else. */
export function quantityOf(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d+) (\w+)$/.exec(text) ?? [];
  const factor = { KiB: 1024, MiB: 1024 ** 2, s: 1000 }[unit];
  return factor === undefined ? undefined : Number(count) * factor;
}

/** How the reference writes the types of objects that have a name in TypeScript. */
const OBJECTS = new Map([
  ['WebSocketServerOptions', 'options of [`ws`]'],
  ['JsessionidAttributes', `{ ${membersOf('JsessionidAttributes').join(', ')} }`],
]);

/** The members that an interface of the sources declares, in their order. */
function membersOf(type: string): string[] {
  const [, body = ''] = new RegExp(`export interface ${type}\\b(.*?)^\\}`, 'ms').exec(SOURCE) ?? [];
  return Array.from(body.matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm), ([, name = '']) => name);
}

/** The objects in a type, as the reference writes them. */
function objectsIn(values: string): string[] {
  const objects = values.match(/\{[^}]*\}|options of \[`ws`\]|\b(?!RegExp|Infinity)[A-Z]\w+/g) ?? [];
  return objects.map((object) => OBJECTS.get(object) ?? object).sort();
}

/** The kinds of values of a type, as TypeScript or the reference writes it; objects and fixed strings by themselves. */
export function kindsIn(type: string): string[] {
  const [values = ''] = type.split(/\(\(|`\(/, 1);
  const kinds = {
    boolean: /\bboolean\b/.test(values),
    number: /\bnumber\b/.test(values),
    string: /\bstrings?\b/.test(values),
    pattern: /\bRegExp\b|\bregular expression/.test(values),
    function: type.includes('=>'),
  };
  const named = Object.entries(kinds).flatMap(([kind, isMeant]) => (isMeant ? [kind] : []));
  return [...named, ...objectsIn(values), ...found(values, /('[^']*')/g)];
}
