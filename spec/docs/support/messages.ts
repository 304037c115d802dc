/** The messages of errors and warnings in the sources, as far as they are fixed there. */

/** Stands for a part that differs from case to case, in what is found and in the documents. */
export const PART = '…';

/** The end of the code inside `${}` that begins at an index. */
function endOfCode(source: string, start: number): number {
  let depth = 1;
  for (let i = start; i < source.length; i += 1) {
    const char = source[i];
    if (char === '`') {
      i = readLiteral(source, i).end - 1;
    } else if (char === '{') {
      depth += 1;
    } else if (char === '}') {
      depth -= 1;
      if (depth === 0) {
        return i + 1;
      }
    }
  }
  throw new Error('a template does not end');
}

/** A string or template that begins at an index, and the index behind it. */
function readLiteral(source: string, start: number): { readonly text: string; readonly end: number } {
  const quote = source[start];
  let text = '';
  let i = start + 1;
  while (source[i] !== quote) {
    if (source[i] === '\\') {
      text += source[i + 1];
      i += 2;
    } else if (quote === '`' && source.startsWith('${', i)) {
      text += PART;
      i = endOfCode(source, i + 2);
    } else {
      text += source[i];
      i += 1;
    }
  }
  return { text, end: i + 1 };
}

/** Every text of a source that begins with `sockjs: `, without this beginning. What is added to a literal is part of it. */
export function messagesIn(source: string): string[] {
  return Array.from(source.matchAll(/['"`]sockjs: /g), ({ index }) => {
    let { text, end } = readLiteral(source, index);
    for (;;) {
      const [plus] = /^\s*\+\s*/.exec(source.slice(end, end + 200)) ?? [];
      if (plus === undefined) {
        return text.slice('sockjs: '.length);
      }
      const next = end + plus.length;
      if (!/['"`]/.test(source[next] ?? '')) {
        return `${text.slice('sockjs: '.length)}${PART}`;
      }
      const literal = readLiteral(source, next);
      text += literal.text;
      end = literal.end;
    }
  });
}

/** Whether a message of the documents is that of the code. A part of the former may stand for more than one of the latter. */
export function isMessage(documented: string, message: string): boolean {
  const fixed = documented.split(PART).map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${fixed.join('.*')}$`, 's').test(message);
}
