/** The last step of the build, by itself; spec/package.spec.ts sees what it makes of the package. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rewriteDeclarations, rewriteSpecifiers } from '../../scripts/declarations.ts';
import { afterTest } from '../support/cleanup.ts';

describe('rewriteSpecifiers()', () => {
  for (const [before, after] of [
    [`import { a } from './a.ts';`, `import { a } from './a.js';`],
    [`import { a } from "../x/a.ts";`, `import { a } from "../x/a.js";`],
    [`import './a.ts';`, `import './a.js';`],
    [`export * from './a.ts';`, `export * from './a.js';`],
    [`export type {\n  A,\n  B,\n} from '../../a-b.ts';`, `export type {\n  A,\n  B,\n} from '../../a-b.js';`],
    [`f(): import('./a.ts').A | import("./b.ts").B;`, `f(): import('./a.js').A | import("./b.js").B;`],
    [`declare module './a.ts' {}`, `declare module './a.js' {}`],
    [`import a from './a.ts.ts';`, `import a from './a.ts.js';`],
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

describe('rewriteDeclarations()', () => {
  function folder(files: Readonly<Record<string, string>>): string {
    const root = mkdtempSync(join(tmpdir(), 'declarations-'));
    afterTest(() => rmSync(root, { recursive: true, force: true }));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return root;
  }

  it('rewrites declarations in all folders, and no other file', () => {
    const text = `export { a } from './a.ts';\n`;
    const root = folder({ 'index.d.ts': text, 'x/y/b.d.ts': text, 'index.js': text, 'index.d.ts.map': text });
    rewriteDeclarations(root);
    const read = (path: string) => readFileSync(join(root, path), 'utf8');
    assert.equal(read('index.d.ts'), `export { a } from './a.js';\n`);
    assert.equal(read('x/y/b.d.ts'), `export { a } from './a.js';\n`);
    assert.equal(read('index.js'), text);
    assert.equal(read('index.d.ts.map'), text);
  });

  it('throws where there are no declarations', () => {
    const root = folder({ 'index.js': '' });
    assert.throws(() => rewriteDeclarations(root), { message: `no declarations in ${root}` });
  });
});
