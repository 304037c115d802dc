/** The page of the history, and its charts. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdown } from '../table.ts';
import { type Chart, chartsOf, commitOf, type Line } from './charts.ts';
import { type RecordFile, readRecords } from './folder.ts';
import { drawChart } from './svg.ts';
import { lastPoint, verdictOf, writeRatio, writeTarget } from './verdict.ts';

const HEAD = `# History of the benchmark

Written by \`npm run bench\` at the end of a complete run, and by \`npm run bench -- --charts\` from the files of this folder; do
not edit. [RESULTS.md](../RESULTS.md) has all figures of the last run, and says how to read them.

Charts show ratios, one row of a table divided by another: below 1, the first is the cheaper one. Absolute figures of
different days and machines do not compare. Dashed lines are the targets that the run had. A ratio differs from run to run by
some hundredths without a cause.
`;

/** A page and the files beside it. */
export interface Page {
  readonly text: string;
  /** The charts by the name of the file. */
  readonly charts: ReadonlyMap<string, string>;
}

/** Returns the page of these records. */
export function pageOf(records: readonly RecordFile[]): Page {
  const charts = chartsOf(records);
  return {
    text: [HEAD, '## Runs\n', `${writeRuns(records)}\n`, ...charts.map(writeChart)].join('\n'),
    charts: new Map(charts.map((chart) => [`${chart.file}.svg`, drawChart(chart)])),
  };
}

/**
 * Writes the page of a folder from all its records, `README.md`, and the folder `charts` beside it.
 *
 * @throws Error if a file is no record; its message names the file
 */
export function writePage(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const { text, charts } = pageOf(readRecords(folder));
  const images = join(folder, 'charts');
  // Charts of records that are gone go, too.
  rmSync(images, { recursive: true, force: true });
  if (charts.size > 0) {
    mkdirSync(images);
  }
  for (const [name, svg] of charts) {
    writeFileSync(join(images, name), svg);
  }
  writeFileSync(join(folder, 'README.md'), text);
}

/** The runs, the newest first. */
function writeRuns(records: readonly RecordFile[]): string {
  if (records.length === 0) {
    return 'There is none yet.';
  }
  const cells = records.toReversed().map(({ file, record }) => {
    const { date, version, node, rounds, machine } = record;
    const place = `${machine.cores} cores, ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.system}`;
    return [
      `[${date.slice(0, 16).replace('T', ' ')}](${file})`,
      version,
      commitOf(record),
      node,
      String(rounds),
      place,
    ];
  });
  return markdown(['Run (UTC)', 'Version', 'Commit', 'Node', 'Rounds', 'Machine'], cells);
}

function writeChart(chart: Chart): string {
  const { file, name, title, measure, lines } = chart;
  const cells = lines.map((line) => {
    const point = lastPoint(line);
    const verdict = point === undefined ? '–' : verdictOf(point);
    return [line.label, writeRatio(before(line)), writeRatio(point?.ratio), writeTarget(point?.target), verdict];
  });
  return [
    `## \`${name}\`: ${title}\n`,
    `![Ratios of ${measure} over the runs](charts/${file}.svg)\n`,
    `${markdown(['Ratio', 'before', 'last', 'target', 'verdict'], cells)}\n`,
  ].join('\n');
}

/** The ratio of the last run but one that measured it. */
function before({ points }: Line): number | undefined {
  return points.flatMap((point) => point ?? []).at(-2)?.ratio;
}
