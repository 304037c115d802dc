/** The README and the pages below `docs/`: their links lead somewhere, and each page can be found from the index. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isExternal, linkedFrom, targetOf } from './support/links.ts';
import { anchorsOf, linksOf, PAGES, ROOT, readDocument } from './support/markdown.ts';

const DOCUMENTS = ['README.md', 'SECURITY.md', 'CHANGELOG.md', 'demo/deploy/README.md', ...PAGES];

/** Those written for users of the package; the others are for those who change it. */
const USER_PAGES = PAGES.filter((path) => /^docs\/(guide|reference|migrating)\//.test(path));

/** What is wrong with the relative links of a document's text. */
function brokenLinks(document: string, text: string): string[] {
  return linksOf(text).flatMap((link) => {
    if (isExternal(link)) {
      return [];
    }
    const target = targetOf(document, link);
    const isFile = statSync(join(ROOT, target), { throwIfNoEntry: false })?.isFile() ?? false;
    if (target.startsWith('..') || !isFile) {
      return [`${link}: there is no file ${target}`];
    }
    const anchor = link.split('#', 2)[1];
    if (anchor === undefined || anchorsOf(target === document ? text : readDocument(target)).has(anchor)) {
      return [];
    }
    return [`${link}: ${target} has no heading #${anchor}`];
  });
}

describe('documents', () => {
  for (const document of DOCUMENTS) {
    it(`has links to files and headings that exist: ${document}`, () => {
      assert.deepEqual(brokenLinks(document, readDocument(document)), []);
    });
  }

  it('are checked for links of every form, to files and to headings, and not for code', () => {
    const text = `
# A \`code()\` heading: twice
## A code() heading: twice
[good](LICENSE), [same page](#a-code-heading-twice), [second](#a-code-heading-twice-1),
[elsewhere](demo/deploy/README.md#behind-a-proxy), [web](https://example.com/missing.md), [folder](lib),
[file](lib/missing.ts), [anchor](#missing), [other anchor](demo/deploy/README.md#missing), [outside](../x.md)
<img src="demo/missing.png"> \`[span](span.md)\`

[reference]: missing.md

\`\`\`md
# Not a heading
[block](block.md)
\`\`\`
`;
    assert.deepEqual(brokenLinks('README.md', text), [
      'lib: there is no file lib',
      'lib/missing.ts: there is no file lib/missing.ts',
      '#missing: README.md has no heading #missing',
      'demo/deploy/README.md#missing: demo/deploy/README.md has no heading #missing',
      '../x.md: there is no file ../x.md',
      'demo/missing.png: there is no file demo/missing.png',
      'missing.md: there is no file missing.md',
    ]);
  });

  it('are not lost: docs/README.md links every page, and README.md links it', () => {
    assert.ok(USER_PAGES.length > 0);
    const linked = linkedFrom('docs/README.md');
    assert.deepEqual(
      PAGES.filter((page) => page !== 'docs/README.md' && !linked.has(page)),
      [],
    );
    assert.ok(linkedFrom('README.md').has('docs/README.md'));
  });

  for (const page of ['docs/README.md', 'docs/recipes.md', ...USER_PAGES]) {
    it(`begins with its title and one sentence that says what it answers: ${page}`, () => {
      assert.match(readDocument(page), /^# \S.*\n\n(Says|Lists) [^\n]*(?<!\.)\.\n\n/);
      assert.doesNotMatch(readDocument(page).split('\n')[2] ?? '', /[.?!] [A-Z]/);
    });
  }
});
