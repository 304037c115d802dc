/** The charts of the history as SVG. */
import assert from 'node:assert/strict';
import { axisOf } from '../../../bench/report/history/axis.ts';
import { type Chart, chartsOf } from '../../../bench/report/history/charts.ts';
import { drawChart } from '../../../bench/report/history/svg.ts';
import { filesOf, recordAt } from './support/records.ts';
import { type Element, elementsOf, parseXml, textOf } from './support/xml.ts';

/** A chart of these ratios, one for each run. */
function chartOf(...ratios: readonly number[]): Chart {
  const [chart] = chartsOf(
    filesOf(...ratios.map((ratio, i) => recordAt(`2026-11-${String(i + 1).padStart(2, '0')}`, ratio, 1.1))),
  );
  assert.ok(chart);
  return chart;
}

const draw = (chart: Chart) => parseXml(drawChart(chart));

/** Elements of a class. */
function ofClass(svg: Element, name: string): Element[] {
  return elementsOf(svg, 'path').filter((path) => path.attributes.get('class')?.split(' ').includes(name));
}

/** Where the points of runs are; those of the legend have no tooltip. */
function pointsOf(svg: Element): { readonly x: number; readonly y: number }[] {
  return ofClass(svg, 'point')
    .filter((point) => elementsOf(point, 'title').length > 0)
    .map((point) => {
      const [, x, y] = /^translate\(([\d.]+) ([\d.]+)\)$/.exec(point.attributes.get('transform') ?? '') ?? [];
      return { x: Number(x), y: Number(y) };
    });
}

const labelsOf = (svg: Element) => elementsOf(svg, 'text').map(textOf);

describe('drawChart()', () => {
  it('has a title and a description that screen readers find, and the figures as text', () => {
    const svg = draw(chartOf(1.2, 0.9));
    assert.equal(svg.name, 'svg');
    assert.equal(svg.attributes.get('xmlns'), 'http://www.w3.org/2000/svg');
    assert.equal(svg.attributes.get('role'), 'img');
    assert.equal(svg.attributes.get('aria-labelledby'), 'title desc');
    const [title] = elementsOf(svg, 'title').filter(({ attributes }) => attributes.get('id') === 'title');
    assert.equal(title && textOf(title), 'echo: A scenario');
    const legend = 'ours ÷ ws: 0.90 (target ≤ 1.10: met)';
    assert.ok(labelsOf(svg).includes(legend));
    assert.ok(elementsOf(svg, 'desc').some((desc) => textOf(desc).includes(legend)));
  });

  it('has one point for each run, from left to right, the dearer the higher', () => {
    const points = pointsOf(draw(chartOf(1.2, 0.9, 1)));
    assert.equal(points.length, 3);
    const [first, second, third] = points;
    assert.ok(first && second && third);
    assert.ok(first.x < second.x && second.x < third.x);
    assert.ok(first.y < third.y && third.y < second.y);
  });

  it('has a single run in the middle, its target over the whole width', () => {
    const svg = draw(chartOf(0.9));
    const [point, ...others] = pointsOf(svg);
    assert.deepEqual(others, []);
    const target = ofClass(svg, 'target')[0]?.attributes.get('d') ?? '';
    const [, from, to] = /^M([\d.]+) [\d.]+H([\d.]+)$/.exec(target) ?? [];
    assert.equal(point?.x, (Number(from) + Number(to)) / 2);
    assert.ok(labelsOf(svg).includes('2026-11-01') && labelsOf(svg).includes('1.2.3'));
  });

  it('has a target that follows the runs', () => {
    const [chart] = chartsOf(
      filesOf(recordAt('2026-11-01', 1), recordAt('2026-11-02', 1, 1.2), recordAt('2026-11-03', 1, 1.1)),
    );
    assert.ok(chart);
    const path = ofClass(draw(chart), 'target')[0]?.attributes.get('d') ?? '';
    assert.match(path, /^M[\d.]+ [\d.]+H[\d.]+M[\d.]+ [\d.]+H[\d.]+$/);
  });

  it('has no target where no run had one, and a line that breaks where a run has no point', () => {
    const chart = chartOf(1, 1, 1);
    const points = chart.lines.flatMap((line) => line.points.map((point) => point && { ...point, target: undefined }));
    const gap = draw({ ...chart, lines: [{ label: 'ours ÷ ws', points: points.with(1, undefined) }] });
    assert.deepEqual(ofClass(gap, 'target'), []);
    assert.match(ofClass(gap, 'line')[0]?.attributes.get('d') ?? '', /^M[^ML]+M[^ML]+$/);
    assert.equal(pointsOf(gap).length, 2);
  });

  it('says of a line without a point in the last run that it has none', () => {
    const chart = chartOf(1, 1);
    const lines = chart.lines.map(({ label, points }) => ({ label, points: points.with(1, undefined) }));
    assert.ok(labelsOf(draw({ ...chart, lines })).some((label) => label.endsWith(', not in the last run')));
  });

  it('escapes all texts, and shows no backticks', () => {
    const chart = chartOf(1);
    const rude = `</text> & "a" 'b' <c>`;
    const svg = draw({
      ...chart,
      name: rude,
      title: `\`${rude}\``,
      measure: rude,
      runs: [{ date: rude, version: rude, commit: rude }],
      lines: chart.lines.map((line) => ({ ...line, label: rude })),
    });
    assert.equal(labelsOf(svg).filter((label) => label === rude).length, 3);
    assert.ok(labelsOf(svg).every((label) => !label.includes('`')));
    assert.ok(elementsOf(svg, 'title').every((title) => textOf(title).startsWith(rude)));
  });

  it('names some of many runs, the last always, so that names do not touch', () => {
    const svg = draw(chartOf(...Array.from({ length: 30 }, () => 1)));
    const dates = labelsOf(svg).filter((label) => /^2026-11-\d\d$/.test(label));
    assert.ok(dates.length <= 8);
    assert.equal(dates.at(-1), '2026-11-30');
    assert.equal(pointsOf(svg).length, 30);
  });

  it('puts points beside each other that one run has at the same height', () => {
    const chart = chartOf(1, 1);
    const points = pointsOf(draw({ ...chart, lines: [...chart.lines, ...chart.lines] }));
    assert.equal(new Set(points.map(({ x }) => x)).size, 4);
  });

  it('has colours of its own for a dark system, and a ground, so that they fit any page', () => {
    const svg = draw(chartOf(1));
    assert.match(elementsOf(svg, 'style').map(textOf).join(''), /@media \(prefers-color-scheme:dark\)/);
    assert.equal(elementsOf(svg, 'rect')[0]?.attributes.get('class'), 'ground');
  });
});

describe('axisOf()', () => {
  for (const values of [[1], [0], [0.09, 0.1], [0.5, 2.3], [0.0001], [0.98, 40], [1000, 1001]]) {
    it(`contains ${values.join(', ')} between a few round ticks`, () => {
      const { low, high, ticks } = axisOf(values);
      assert.ok(values.every((value) => low <= value && value <= high));
      assert.ok(ticks.length >= 3 && ticks.length <= 10, `${ticks.length} ticks`);
      assert.ok(low >= 0 && high - low >= 0.19);
      assert.equal(new Set(ticks.map(({ label }) => label)).size, ticks.length);
      assert.ok(Math.abs((ticks[0]?.value ?? -1) - low) < 1e-9 && Math.abs((ticks.at(-1)?.value ?? -1) - high) < 1e-9);
    });
  }
});
