/** The README: short enough for one reading, and with figures that the benchmark has measured. */
import assert from 'node:assert/strict';
import { anchorsOf, readDocument, tableRows } from './support/markdown.ts';

const README = readDocument('README.md');

/** The ratios that the benchmark has measured in an Express app, by scenario and peer, as in "ws-echo ÷ sockjs". */
const measured = new Map(
  tableRows(readDocument('bench/RESULTS.md')).flatMap(([scenario, ours, target = '', ratio = '']) => {
    const peer = /^≤ [\d.]+ × (\S+)$/.exec(target)?.[1];
    return ours === 'ours-express' && peer !== undefined ? [[`${scenario} ÷ ${peer}`, ratio] as const] : [];
  }),
);

/** The items of the list of reasons that have a figure. */
const reasons = (/^## Why this one\n(.*?)^## /ms.exec(README)?.[1] ?? '')
  .split(/^- /m)
  .slice(1)
  .filter((reason) => reason.includes(' × '));

describe('README.md', () => {
  it('has at most 200 lines', () => {
    const { length } = README.trimEnd().split('\n');
    assert.ok(length <= 200, `it has ${length}`);
  });

  it('has figures in its reasons', () => {
    assert.ok(reasons.length >= 4);
  });

  for (const reason of reasons) {
    const [title = ''] = reason.split('.', 1);
    it(`has the figures of the benchmark, and leads to them: ${title.replaceAll('*', '')}`, () => {
      const [, scenario = '', anchor = ''] = /\[`([\w-]+)`\]\(bench\/RESULTS\.md#([\w-]+)\)/.exec(reason) ?? [];
      assert.ok(anchor.startsWith(scenario) && anchorsOf(readDocument('bench/RESULTS.md')).has(anchor));
      const figures = [...reason.matchAll(/([\d.]+) × `([\w-]+)`/g)];
      assert.ok(figures.length > 0 && figures.length === reason.split(' × ').length - 1);
      for (const [, ratio, peer] of figures) {
        assert.equal(ratio, measured.get(`${scenario} ÷ ${peer}`), `${scenario} beside ${peer}`);
      }
    });
  }

  it('names no address that is not there yet: no badge, no repository, no homepage', () => {
    const { repository, homepage } = JSON.parse(readDocument('package.json'));
    assert.deepEqual([repository, homepage], [undefined, undefined], 'name them in the README, too');
    assert.doesNotMatch(README, /shields\.io|badge/i);
  });
});
