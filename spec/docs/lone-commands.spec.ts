/** Commands in the documents that no other spec runs. */
import assert from 'node:assert/strict';
import { Child, spawnChild } from '../support/child-process.ts';
import { afterTest } from '../support/cleanup.ts';
import { post } from '../support/http.ts';
import { startRecipe } from '../support/recipes.ts';

describe('commands that no other spec runs', () => {
  it('node --test runs the tests of the recipe about tests', async () => {
    const args = ['--import', 'tsx/esm', '--test', 'demo/recipes/testing.ts'];
    const child = new Child('node --test', spawnChild(process.execPath, args), true);
    afterTest(() => child.kill());
    await child.line(/^\S+ pass 3$/);
    await child.line(/^\S+ fail 0$/);
    assert.equal((await child.ended).code, 0);
  });

  it('DEBUG=sockjs:* has a program print what the server does', async () => {
    const recipe = startRecipe('rooms', { env: { DEBUG: 'sockjs:*' } });
    assert.equal((await post(`${await recipe.origin()}/chat/000/a/xhr`)).body, 'o\n');
    await recipe.stop('SIGTERM');
    for (const name of ['request', 'session']) {
      assert.match(recipe.stderr, new RegExp(`\\bsockjs:${name} `));
    }
  });
});
