/** Globals that an environment of test runners lacks: lib/ imports them instead. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const LIB = join(import.meta.dirname, '../../lib');

describe('lib/', () => {
  it('imports setImmediate where it calls it, since the jsdom environment of Jest has no global one', () => {
    const files = readdirSync(LIB, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
    const calls = files.filter((path) => /\bsetImmediate\b[(,]/.test(readFileSync(join(LIB, path), 'utf8')));
    assert.ok(calls.length > 0, 'no file calls it');
    assert.deepEqual(
      calls.filter(
        (path) =>
          !/^import \{ .*\bsetImmediate\b.* \} from 'node:timers';$/m.test(readFileSync(join(LIB, path), 'utf8')),
      ),
      [],
    );
  });
});
