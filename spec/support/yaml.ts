/** YAML, by the parser that mocha reads its own configuration with; npm need not put it where specs could import it. */
import { createRequire } from 'node:module';

const require = createRequire(createRequire(import.meta.url).resolve('mocha'));

const parser = require('js-yaml') as { load(text: string): unknown; loadAll(text: string): unknown[] };

/** Parses a text that is one document. */
export function parseYaml(text: string): unknown {
  return parser.load(text);
}

/** Parses a text of several documents. */
export function parseAllYaml(text: string): unknown[] {
  return parser.loadAll(text);
}
