/** The documents in the package: what they link is in the package too. */
import assert from 'node:assert/strict';
import { linkedFrom } from '../docs/support/links.ts';
import { ROOT, run } from './support/tarball.ts';

/** Linked, but in a checkout only, each with the reason. */
const CHECKOUT_ONLY: readonly (readonly [path: RegExp, reason: string])[] = [
  [/^CONTRIBUTING\.md$/, 'for those who change the package'],
  [/^docs\/(internals\/.*|releasing)\.md$/, 'for those who change the package'],
  [/^bench\/(RESULTS|NOTES)\.md$/, 'beside the programs that measure, which are not in the package either'],
  [/^compat\/README\.md$/, 'in the package sockjs-compat'],
  [/^demo\/screenshot(-\w+)?\.png$/, 'as large as a third of the package'],
];

/** The files that `npm pack` takes, less dist/: nothing is built here. */
async function packedFiles(): Promise<ReadonlySet<string>> {
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: ROOT });
  const [packed]: { files: { path: string }[] }[] = Object.values(JSON.parse(stdout));
  return new Set(packed?.files.map(({ path }) => path));
}

describe('links of the documents in the package', function () {
  this.timeout(60_000);

  const linked: { readonly page: string; readonly target: string }[] = [];
  let files: ReadonlySet<string> = new Set();

  before('lists the files', async () => {
    files = await packedFiles();
    for (const page of [...files].filter((path) => path.endsWith('.md'))) {
      linked.push(...Array.from(linkedFrom(page), (target) => ({ page, target })));
    }
  });

  it('are found: to pages, to recipes and to settings of proxies', () => {
    for (const target of ['docs/README.md', 'demo/recipes/rooms.ts', 'demo/deploy/nginx.conf', 'SECURITY.md']) {
      assert.ok(
        linked.some((link) => link.target === target),
        target,
      );
    }
  });

  it('lead to files in the package, or to what is for a checkout only', () => {
    const dead = linked.filter(
      ({ target }) => !files.has(target) && !CHECKOUT_ONLY.some(([path]) => path.test(target)),
    );
    assert.deepEqual(dead, []);
  });

  for (const [path, reason] of CHECKOUT_ONLY) {
    it(`need the exception ${path}: ${reason}`, () => {
      assert.ok(linked.some(({ target }) => path.test(target)));
      assert.deepEqual(
        [...files].filter((file) => path.test(file)),
        [],
      );
    });
  }
});
