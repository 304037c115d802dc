/** Texts that JSON must escape, or that are not ASCII. */

/** Which characters a text holds beside letters: one of each kind in ten. */
export type TextKind = 'quotes' | 'non-ascii' | 'both' | 'surrogates';

/** Characters of each kind, which take turns. */
const SPECIAL: Readonly<Record<TextKind, readonly (readonly string[])[]>> = {
  quotes: [['"']],
  'non-ascii': [['ä', 'Ö', 'ß', '漢', '字', 'か', '😀', '🚀']],
  both: [['"'], ['ä', 'Ö', 'ß', '漢', '字', 'か', '😀', '🚀']],
  // Halves of pairs, alone. JSON.stringify writes \ud83d for the first.
  surrogates: [['\ud83d', '\ude00']],
};

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/** Characters of which one is special, of each kind. */
const BLOCK = 10;

/**
 * Returns a text of `size` bytes that differs for each number. A lone surrogate counts for 3 bytes, as what UTF-8 has in
 * its place. The last bytes are letters where a special character would be too long.
 */
export function escapedText(number: number, size: number, kind: TextKind): string {
  const random = randomNumbers(number);
  let text = `${number}:`;
  let left = size - text.length;
  for (let turn = number; left > 0; turn += 1) {
    for (const character of block(SPECIAL[kind], turn, random)) {
      const bytes = Buffer.byteLength(character);
      if (bytes <= left) {
        text += character;
        left -= bytes;
      }
    }
  }
  return flat(text);
}

/** Ten characters, the special ones at random places. */
function block(kinds: readonly (readonly string[])[], turn: number, random: (below: number) => number): string[] {
  const characters = Array.from({ length: BLOCK }, () => LETTERS.charAt(random(LETTERS.length)));
  // The halves of a pair must not meet, and no special character replaces another.
  const part = Math.floor(BLOCK / kinds.length);
  for (const [i, kind] of kinds.entries()) {
    characters[i * part + random(part - 1)] = kind[turn % kind.length] ?? '';
  }
  return characters;
}

/** Returns the text in one piece, as texts are that come from a decoder. V8 has joined it from pieces. */
function flat(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}

/** A generator of whole numbers below a bound, the same for each seed. */
function randomNumbers(seed: number): (below: number) => number {
  let state = (seed + 1) * 2_654_435_761;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
