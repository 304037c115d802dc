/**
 * No server: quotes messages, by one of two functions that its argument names, and tells what that costs. Its answer to
 * `measure KIND SIZE` is ns of CPU for each message.
 */
import { messagesFrame } from '../../lib/protocol/frame.ts';
import { escapedText, type TextKind } from './escaped-text.ts';
import { control, cpu } from './program.ts';

type Quote = (text: string) => string;

const QUOTES: Readonly<Record<string, Quote>> = {
  /** The frame of one message, as this package makes it. */
  frame: (text) => messagesFrame([text]),
  /** The least that any SockJS server does. */
  stringify: (text) => JSON.stringify(text),
};

/** µs of CPU that one measurement takes, and the first of each kind and size before it. */
const MEASURED = 40_000;
const WARM_UP = 200_000;

/** Bytes of all texts of a size. There are fewer of the larger ones. */
const TEXTS = 256 * 1024;

/** The texts of one kind and size, which take turns. */
class Sample {
  readonly #texts: readonly string[];
  readonly #quote: Quote;
  /** How often all texts are quoted in a measurement. */
  readonly #turns: number;

  constructor(kind: TextKind, size: number, quote: Quote) {
    this.#quote = quote;
    const count = Math.max(4, Math.min(256, TEXTS / size));
    this.#texts = Array.from({ length: count }, (_, number) => escapedText(number, size, kind));
    const begin = cpu();
    let turns = 0;
    while (cpu() - begin < WARM_UP) {
      this.#run(1);
      turns += 1;
    }
    this.#turns = Math.max(1, Math.round((turns * MEASURED) / WARM_UP));
  }

  /** Returns ns of CPU for each message. */
  measure(): number {
    const begin = cpu();
    this.#run(this.#turns);
    return ((cpu() - begin) * 1000) / (this.#turns * this.#texts.length);
  }

  #run(turns: number): void {
    let length = 0;
    for (let turn = 0; turn < turns; turn += 1) {
      for (const text of this.#texts) {
        length += this.#quote(text).length;
      }
    }
    // The result is used, so that no call is left out.
    if (length === 0) {
      throw new Error('nothing was quoted');
    }
  }
}

const samples = new Map<string, Sample>();
const quote = QUOTES[process.argv[2] ?? ''];
if (quote === undefined) {
  throw new Error(`no function ${process.argv[2]}; there are ${Object.keys(QUOTES).join(', ')}`);
}

console.log(JSON.stringify({ ports: [] }));
control({
  measure: (argument) => {
    const [kind = '', size = ''] = argument.split(' ');
    const sample = samples.get(argument) ?? new Sample(kind as TextKind, Number(size), quote);
    samples.set(argument, sample);
    return sample.measure();
  },
});
