/** Reproducible random numbers: the same seed gives the same cases. */

/** A pseudo-random number generator (mulberry32), with choices for generators of cases. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Returns a number from 0 up to, but not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** Returns an integer from 0 up to, but not including, `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) {
      throw new Error('nothing to pick from');
    }
    return item;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  /** Returns text of characters and escapes that often break parsers. */
  text(length: number): string {
    const alphabet = [
      'a',
      'Z',
      '0',
      '/',
      '.',
      '%',
      '%2f',
      '%00',
      '%zz',
      '"',
      "'",
      '[',
      ']',
      '\\',
      '<',
      '\u2028',
      'é',
      '😀',
    ];
    return Array.from({ length }, () => this.pick(alphabet)).join('');
  }
}
