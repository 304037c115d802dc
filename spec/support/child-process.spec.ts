/** Programs that tests depend on: where one ends unasked, the test fails at once and says how it ended. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { Child, spawnChild } from './child-process.ts';

const MOCHA = fileURLToPath(new URL('../../node_modules/mocha/bin/mocha.js', import.meta.url));
const FIXTURE = 'spec/support/fixtures/dying-programs.ts';
const HOOKS = './spec/support/hooks.ts';

describe('a program that a test depends on', function () {
  this.timeout(120_000);

  /** Titles of the tests that mocha ran, and what it says of those that have failed. */
  const passed: string[] = [];
  const failed = new Map<string, string>();
  let stderr = '';

  before('runs tests whose programs end', async () => {
    const args = [
      '--import',
      'tsx/esm',
      MOCHA,
      '--no-config',
      '--require',
      HOOKS,
      '--reporter',
      'json-stream',
      FIXTURE,
    ];
    const mocha = new Child('mocha', spawnChild(process.execPath, args), true);
    try {
      for (;;) {
        const [what, json = ''] = await mocha.line(/^\["(pass|fail|end)",(.*)\]$/);
        if (what === 'end') {
          break;
        }
        const { fullTitle, err } = JSON.parse(json);
        if (what === 'pass') {
          passed.push(fullTitle);
        } else {
          failed.set(fullTitle, err);
        }
      }
      // One for each failure.
      assert.equal((await mocha.ended).code, failed.size);
      stderr = mocha.stderr;
    } finally {
      await mocha.kill();
    }
  });

  const UNASKED = 'and no test had asked it to';

  it('fails the test that waits for it, with its exit code and what it has printed', () => {
    const message = failed.get('a test that waits for what never comes') ?? '';
    assert.ok(message.startsWith(`waited-for ended with code 1, ${UNASKED}\nwaited-for, stderr:\n`), message);
    assert.match(message, /\nError: thrown by the server\n/);
    assert.match(message, /\nwaited-for, stdout:\n\d+\n$/);
  });

  it('is the failure of a test that has only seen its connection break', () => {
    assert.ok(failed.get('a test whose connection breaks')?.startsWith(`connected ended with code 3, ${UNASKED}\n`));
  });

  it('fails a test that is through, while its clients are cleaned up', () => {
    assert.ok(failed.get('a test that is through')?.startsWith(`left ended with code 4, ${UNASKED}\n`));
  });

  it('fails a test for which it cannot be started', () => {
    const message = failed.get('a test whose program cannot be started') ?? '';
    assert.match(message, /^missing ended with code -\d+, .*\nmissing, stderr:\nspawn \/nowhere\/missing ENOENT\n$/);
  });

  it('fails every other test of a suite that shares it, with the signal, and none of the next suite', () => {
    for (const title of ['has a test in which its program is killed', 'has another test']) {
      assert.ok(failed.get(`a suite ${title}`)?.startsWith(`shared ended by SIGKILL, ${UNASKED}\n`), title);
    }
    assert.ok(passed.includes('another suite does not depend on those programs'));
  });

  it('has what it printed shown where a test fails for another reason', () => {
    assert.match(failed.get('a test that fails by itself') ?? '', /^Expected values to be strictly equal/);
    assert.match(stderr, /innocent, stderr:\n *heard hello\n *innocent, stdout:\n/);
  });

  it('ends as it may, or when the test asks it to', () => {
    assert.deepEqual(
      passed.filter((title) => !failed.has(title)),
      [
        'a test that asks its program to end',
        'a test whose program may end',
        'another suite does not depend on those programs',
      ],
    );
    assert.equal(failed.size, 7);
  });
});
