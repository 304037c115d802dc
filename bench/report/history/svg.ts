/** Draws a chart of the history as an SVG file that stands for itself. */
import { type Axis, axisOf } from './axis.ts';
import type { Chart, ChartedRun, Line } from './charts.ts';
import { lastPoint, verdictOf, writeRatio, writeTarget } from './verdict.ts';

const WIDTH = 760;
const PLOT = { left: 52, right: WIDTH - 36, top: 62, bottom: 322 } as const;
const LEGEND_TOP = PLOT.bottom + 62;
const LEGEND_STEP = 20;

/** More labels would touch each other. */
const MAX_LABELS = 8;

/** px between the points of one run, so that equal ones do not hide each other. */
const SPREAD = 12;

/** Colours of lines: on white, and on the dark ground. Each is told from the ground as well as text is. */
const COLOURS: readonly (readonly [light: string, dark: string])[] = [
  ['#0969da', '#58a6ff'],
  ['#bc4c00', '#f0883e'],
  ['#1a7f37', '#3fb950'],
  ['#8250df', '#bc8cff'],
  ['#bf3989', '#f778ba'],
  ['#7d4e00', '#d29922'],
  ['#0f766e', '#39c5bb'],
  ['#57606a', '#9198a1'],
];

/** Shapes of points, around 0,0: circle, square, triangle, diamond. */
const SHAPES = [
  'M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z',
  'M-4 -4h8v8h-8z',
  'M0 -5L5 4H-5z',
  'M0 -5.5L5.5 0L0 5.5L-5.5 0z',
] as const;

/**
 * The file has a ground of its own: a page may be dark where the system is light, and the colours of an image follow the
 * system.
 */
const STYLE = [
  'svg{color-scheme:light dark;font:12px system-ui,sans-serif}',
  '.ground{fill:#fff}text{fill:#1f2328}.muted{fill:#59636e}.name{font-size:15px;font-weight:600}',
  '.grid{stroke:#d1d9e0;stroke-width:1}.one{stroke:#818b98;stroke-width:1.5}',
  '.line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round}',
  '.target{fill:none;stroke:currentColor;stroke-width:1.5;stroke-dasharray:6 10}',
  '.point{fill:currentColor}',
  ...COLOURS.map(([light], i) => `.c${i}{color:${light}}`),
  '@media (prefers-color-scheme:dark){',
  '.ground{fill:#0d1117}text{fill:#f0f6fc}.muted{fill:#9198a1}.grid{stroke:#30363d}.one{stroke:#656c76}',
  ...COLOURS.map(([, dark], i) => `.c${i}{color:${dark}}`),
  '}',
].join('');

/** Returns the text of the file. */
export function drawChart(chart: Chart): string {
  const { name, title, measure, runs, lines } = chart;
  const height = LEGEND_TOP + (lines.length - 1) * LEGEND_STEP + 22;
  const points = lines.flatMap(({ points }) => points.flatMap((point) => point ?? []));
  const axis = axisOf(points.flatMap(({ ratio, target = ratio }) => [ratio, target]));
  const legend = lines.map(writeLegend);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${escapeXml(`${name}: ${plain(title)}`)}</title>`,
    `<desc id="desc">${escapeXml(`Ratios of ${measure}, over ${runs.length} runs. ${legend.join('; ')}.`)}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="ground" width="${WIDTH}" height="${height}" rx="6"/>`,
    text(16, 26, `${name}: ratios of ${measure}, targets dashed`, 'name'),
    text(16, 45, plain(title), 'muted'),
    ...drawGrid(axis),
    ...drawRuns(runs),
    ...lines.map((line, i) => drawTargets(line, i, axis)),
    ...lines.map((line, i) => drawLine(chart, line, i, axis)),
    ...legend.flatMap((label, i) => drawLegend(label, i)),
    '</svg>',
    '',
  ].join('\n');
}

/** Returns text without the marks of Markdown. */
function plain(markdown: string): string {
  return markdown.replaceAll('`', '');
}

/** Escapes text for content and attributes. */
export function escapeXml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (char) => entities[char] ?? char);
}

function text(x: number, y: number, content: string, classes: string, anchor = 'start'): string {
  return `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}" class="${classes}">${escapeXml(content)}</text>`;
}

/** A length with one digit behind the point at most. */
function px(length: number): string {
  return String(Math.round(length * 10) / 10);
}

function yOf(ratio: number, { low, high }: Axis): number {
  return PLOT.bottom - ((ratio - low) / (high - low)) * (PLOT.bottom - PLOT.top);
}

/** Each run has a band of the same width. */
function bandWidth(runs: number): number {
  return (PLOT.right - PLOT.left) / runs;
}

/** Lines from left to right at the ticks; the one at which both cost the same is stronger. */
function drawGrid(axis: Axis): string[] {
  return axis.ticks.flatMap(({ value, label }) => {
    const y = yOf(value, axis);
    return [
      `<path class="${value === 1 ? 'one' : 'grid'}" d="M${PLOT.left} ${px(y)}H${PLOT.right}"/>`,
      text(PLOT.left - 8, y + 4, label, 'muted', 'end'),
    ];
  });
}

/** Date and version below the bands. Among many runs, only some are named, the last always. */
function drawRuns(runs: readonly ChartedRun[]): string[] {
  const every = Math.ceil(runs.length / MAX_LABELS);
  return runs.flatMap(({ date, version }, i) => {
    if ((runs.length - 1 - i) % every !== 0) {
      return [];
    }
    const x = PLOT.left + (i + 0.5) * bandWidth(runs.length);
    return [text(x, PLOT.bottom + 18, date, 'muted', 'middle'), text(x, PLOT.bottom + 33, version, 'muted', 'middle')];
  });
}

/** The target of each run, over the width of its band. */
function drawTargets({ points }: Line, index: number, axis: Axis): string {
  const width = bandWidth(points.length);
  let path = '';
  let before: number | undefined;
  for (const [i, point] of points.entries()) {
    const target = point?.target;
    if (target !== undefined) {
      const right = px(PLOT.left + (i + 1) * width);
      path += target === before ? `H${right}` : `M${px(PLOT.left + i * width)} ${px(yOf(target, axis))}H${right}`;
    }
    before = target;
  }
  // Where two lines have the same target, the dashes of one lie in the gaps of the other.
  return path === ''
    ? ''
    : `<path class="target ${colour(index)}" stroke-dashoffset="${(index % 2) * 8}" d="${path}"/>`;
}

/** The points of a line, joined where one run follows the other. */
function drawLine({ runs, lines }: Chart, { label, points }: Line, index: number, axis: Axis): string {
  const width = bandWidth(runs.length);
  const apart = Math.min(SPREAD, (0.6 * width) / lines.length);
  const shift = (index - (lines.length - 1) / 2) * apart;
  let path = '';
  const marks: string[] = [];
  for (const [i, point] of points.entries()) {
    const run = runs[i];
    if (point === undefined || run === undefined) {
      continue;
    }
    const [x, y] = [px(PLOT.left + (i + 0.5) * width + shift), px(yOf(point.ratio, axis))];
    path += `${points[i - 1] === undefined ? 'M' : 'L'}${x} ${y}`;
    const tooltip = `${label}: ${writeRatio(point.ratio)}, ${run.date}, ${run.version}, ${run.commit}`;
    marks.push(
      `<path class="point" transform="translate(${x} ${y})" d="${shape(index)}"><title>${escapeXml(tooltip)}</title></path>`,
    );
  }
  return [`<g class="${colour(index)}">`, `<path class="line" d="${path}"/>`, ...marks, '</g>'].join('\n');
}

function colour(index: number): string {
  return `c${index % COLOURS.length}`;
}

function shape(index: number): string {
  return SHAPES[index % SHAPES.length] ?? SHAPES[0];
}

function writeLegend(line: Line): string {
  const point = lastPoint(line);
  if (point === undefined) {
    return line.label;
  }
  const when = line.points.at(-1) === undefined ? ', not in the last run' : '';
  const target = point.target === undefined ? '' : ` (target ${writeTarget(point.target)}: ${verdictOf(point)})`;
  return `${line.label}: ${writeRatio(point.ratio)}${target}${when}`;
}

function drawLegend(label: string, index: number): string[] {
  const y = LEGEND_TOP + index * LEGEND_STEP;
  return [
    `<path class="point ${colour(index)}" transform="translate(${PLOT.left + 4} ${y - 4})" d="${shape(index)}"/>`,
    text(PLOT.left + 18, y, label, 'legend'),
  ];
}
