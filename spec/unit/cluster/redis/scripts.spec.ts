/** The scripts as text: what they do is in the contract of registries. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as scripts from '../../../../lib/cluster/redis/scripts.ts';

describe('the scripts', () => {
  const named = Object.entries(scripts).filter(
    (entry): entry is [string, scripts.Script] => typeof entry[1] !== 'string',
  );

  it('are six', () => {
    assert.equal(named.length, 6);
  });

  for (const [name, { source, sha }] of named) {
    it(`have the SHA-1 of their source: ${name}`, () => {
      assert.equal(sha, createHash('sha1').update(source).digest('hex'));
    });

    it(`run no command but those that RIGHTS names: ${name}`, () => {
      const run = Array.from(
        source.matchAll(/redis\.p?call\('(\w+)'/g),
        ([, command = '']) => `+${command.toLowerCase()}`,
      );
      assert.notEqual(run.length, 0);
      assert.deepEqual(
        run.filter((right) => !scripts.RIGHTS.split(' ').includes(right)),
        [],
      );
    });
  }
});
