/** The last step of the build, by itself; spec/package.spec.ts sees what it makes of the package. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rewriteSpecifiers, writeDeclarations } from '../../scripts/declarations.ts';
import { afterTest } from '../support/cleanup.ts';

describe('rewriteSpecifiers()', () => {
  for (const [before, after] of [
    [`import { a } from './a.ts';`, `import { a } from './a.cjs';`],
    [`import { a } from "../x/a.ts";`, `import { a } from "../x/a.cjs";`],
    [`import './a.ts';`, `import './a.cjs';`],
    [`export * from './a.ts';`, `export * from './a.cjs';`],
    [`export type {\n  A,\n  B,\n} from '../../a-b.ts';`, `export type {\n  A,\n  B,\n} from '../../a-b.cjs';`],
    [`f(): import('./a.ts').A | import("./b.ts").B;`, `f(): import('./a.cjs').A | import("./b.cjs").B;`],
    [`declare module './a.ts' {}`, `declare module './a.cjs' {}`],
    [`import a from './a.ts.ts';`, `import a from './a.ts.cjs';`],
  ] as const) {
    it(`makes ${JSON.stringify(after)} of ${JSON.stringify(before)}`, () => {
      assert.equal(rewriteSpecifiers(before), after);
    });
  }

  for (const text of [
    `import { a } from 'a.ts';`,
    `import { a } from '@x/a.ts';`,
    `import { a } from './a.d.ts';`,
    `import { a } from './a.js';`,
    `import { a } from './a.tsx';`,
    `type File = './a.ts';`,
    `/** Run it by \`node './a.ts'\`. */`,
    `import { a } from './a.ts";`,
  ]) {
    it(`leaves ${JSON.stringify(text)} as it is`, () => {
      assert.equal(rewriteSpecifiers(text), text);
    });
  }
});

describe('writeDeclarations()', () => {
  function folder(files: Readonly<Record<string, string>>): string {
    const root = mkdtempSync(join(tmpdir(), 'declarations-'));
    afterTest(() => rmSync(root, { recursive: true, force: true }));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return root;
  }

  function textsOf(root: string): Record<string, string> {
    const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
      (path) => path.endsWith('ts') || path.endsWith('map'),
    );
    return Object.fromEntries(paths.sort().map((path) => [path, readFileSync(join(root, path), 'utf8')]));
  }

  it('writes those that an entry needs as declarations of CommonJS modules, with their maps, and no others', () => {
    const root = folder({
      'index.d.ts': `export { a } from './x/a.ts';\n//# sourceMappingURL=index.d.ts.map`,
      'index.d.ts.map': '{"version":3,"file":"index.d.ts"}',
      'x/a.d.ts': `import type { index } from '../index.ts';\n`,
      'x/a.d.ts.map': '{"file":"a.d.ts","names":[]}',
      'x/unused.d.ts': `export { a } from './a.ts';\n`,
      'x/unused.d.ts.map': '{}',
      'y/unused.d.ts': '',
    });
    writeDeclarations(root, ['index']);
    assert.deepEqual(textsOf(root), {
      'index.d.cts': `export { a } from './x/a.cjs';\n//# sourceMappingURL=index.d.cts.map`,
      'index.d.cts.map': '{"version":3,"file":"index.d.cts"}',
      'x/a.d.cts': `import type { index } from '../index.cjs';\n`,
      'x/a.d.cts.map': '{"file":"a.d.cts","names":[]}',
    });
    assert.deepEqual(readdirSync(root).sort(), ['index.d.cts', 'index.d.cts.map', 'x']);
  });

  it('throws where a declaration is missing', () => {
    const root = folder({ 'index.d.ts': `export { a } from './a.ts';\n`, 'index.d.ts.map': '{}' });
    assert.throws(() => writeDeclarations(root, ['index']), { code: 'ENOENT', path: join(root, 'a.d.ts') });
    assert.throws(() => writeDeclarations(root, ['other']), { code: 'ENOENT' });
  });
});
