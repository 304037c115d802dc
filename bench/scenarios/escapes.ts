/** What it costs to quote texts that JSON must escape, beside `JSON.stringify` alone. No server takes part. */
import type { TextKind } from '../servers/escaped-text.ts';
import type { Scenario } from './scenario.ts';
import { type FigureTable, measureSideBySide } from './side-by-side.ts';

const KINDS: Readonly<Record<TextKind, string>> = {
  quotes: 'one character in ten is a quote',
  'non-ascii': 'one character in ten is not ASCII',
  both: 'of ten characters one is a quote, one not ASCII',
  surrogates: 'one character in ten is a lone surrogate',
};

const SIZES: Readonly<Record<number, string>> = { 64: '64 B', 1024: '1 KiB', 65536: '64 KiB' };

const NAME = 'escapes';

/** A kind of text with a size, as the processes take it. */
type Sample = `${TextKind} ${string}`;

const SAMPLES: readonly Sample[] = (Object.keys(KINDS) as TextKind[]).flatMap((kind) =>
  Object.keys(SIZES).map((size): Sample => `${kind} ${size}`),
);

/** The tables of the kinds that have a target, named `escapes-<kind>-<size>`. Lone surrogates are there for scale. */
export const ESCAPES_TABLES: readonly string[] = SAMPLES.filter((sample) => !sample.startsWith('surrogates')).map(
  (sample) => `${NAME}-${figureOf(sample)}`,
);

function figureOf(sample: Sample): string {
  return sample.replace(' ', '-');
}

function tableOf(sample: Sample): FigureTable {
  const [kind = '', size = ''] = sample.split(' ');
  const title = `Quoting a text of ${SIZES[Number(size)]}: ${KINDS[kind as TextKind]}`;
  return { title, measure: 'CPU ns per message' };
}

export const ESCAPES: Scenario = {
  name: NAME,
  measure: (run) =>
    measureSideBySide(
      run,
      NAME,
      ['quoting', 'stringify'],
      Object.fromEntries(SAMPLES.map((sample) => [figureOf(sample), tableOf(sample)])),
      async ({ server }) =>
        async () => {
          const figures: Record<string, number> = {};
          for (const sample of SAMPLES) {
            figures[figureOf(sample)] = Number(await server.ask(`measure ${sample}`));
          }
          return figures;
        },
      'quoting',
    ),
};
