/** The README and the pages below `docs/`: their links lead somewhere, and each page can be found from the index. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { anchorsOf, linksOf, PAGES, ROOT, readDocument } from './support/markdown.ts';

const DOCUMENTS = ['README.md', 'SECURITY.md', 'CHANGELOG.md', 'demo/deploy/README.md', ...PAGES];

/** Those written for users of the package; the others are for those who change it. */
const USER_PAGES = PAGES.filter((path) => /^docs\/(guide|reference|migrating)\//.test(path));

const isExternal = (link: string) => /^[a-z][a-z+.-]*:/i.test(link);

/** The file that a link of a document leads to, as a path from the folder of the project. */
function targetOf(document: string, link: string): string {
  const [path = ''] = link.split('#', 1);
  return path === '' ? document : normalize(join(dirname(document), decodeURIComponent(path)));
}

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

/** The files that the links of a document lead to. */
function linkedFrom(document: string): ReadonlySet<string> {
  const links = linksOf(readDocument(document)).filter((link) => !isExternal(link));
  return new Set(links.map((link) => targetOf(document, link)));
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

  it('are not lost: README.md and docs/README.md link every guide and reference page', () => {
    assert.ok(USER_PAGES.length > 0);
    for (const index of ['README.md', 'docs/README.md']) {
      const linked = linkedFrom(index);
      assert.deepEqual(
        USER_PAGES.filter((page) => !linked.has(page)),
        [],
        `${index} does not link them`,
      );
    }
  });

  for (const page of ['docs/README.md', ...USER_PAGES]) {
    it(`begins with its title and one sentence that says what it answers: ${page}`, () => {
      assert.match(readDocument(page), /^# \S.*\n\n(Says|Lists) [^\n]*(?<!\.)\.\n\n/);
      assert.doesNotMatch(readDocument(page).split('\n')[2] ?? '', /[.?!] [A-Z]/);
    });
  }
});

describe('README.md', () => {
  it('has at most 250 lines', () => {
    const { length } = readDocument('README.md').trimEnd().split('\n');
    assert.ok(length <= 250, `it has ${length}`);
  });
});
