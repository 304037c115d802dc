/** Mermaid sequence diagrams, as far as docs/internals/request-flow.md uses them. */

/** A box or a figure. */
export interface Participant {
  readonly id: string;
  /** Figures are people and programs outside of lib/. */
  readonly isActor: boolean;
  /** What the diagram shows, in one line. */
  readonly label: string;
}

/** An arrow from one participant to another, or to itself. */
export interface Arrow {
  readonly from: Participant;
  readonly to: Participant;
  readonly isDashed: boolean;
  readonly label: string;
  /** The function that the label names, as in `new Session()`, `res.end()` or `send() by a turn`; undefined for words. */
  readonly call: string | undefined;
  readonly line: string;
}

/** Statements that open a block, and those that may divide it. */
const DIVIDERS: ReadonlyMap<string, string> = new Map([
  ['alt', 'else'],
  ['opt', ''],
  ['loop', ''],
  ['par', 'and'],
]);

/**
 * Reads a diagram.
 *
 * Mermaid takes the rest of a line after `#` for a comment, and `;` for the end of a line. `#35;` stands for `#`.
 *
 * @throws Error for a line that is none of the statements in use, or names a participant that is not declared before
 */
export class Sequence {
  readonly participants = new Map<string, Participant>();
  readonly arrows: Arrow[] = [];
  /** The dividers of the blocks that are open. */
  readonly #blocks: string[] = [];

  constructor(lines: readonly string[]) {
    const statements = lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('%%'));
    if (statements.shift() !== 'sequenceDiagram') {
      throw new Error('does not begin with sequenceDiagram');
    }
    for (const statement of statements) {
      this.#read(statement);
    }
    if (this.#blocks.length > 0) {
      throw new Error('a block has no end');
    }
    const used = new Set(this.arrows.flatMap(({ from, to }) => [from, to]));
    for (const participant of this.participants.values()) {
      if (!used.has(participant)) {
        throw new Error(`${participant.id} has no arrow`);
      }
    }
  }

  #read(line: string): void {
    if (/[#;]/.test(line.replaceAll('#35;', ''))) {
      throw new Error(`Mermaid does not show what follows: ${line}`);
    }
    const [, kind, id = '', label = ''] = /^(participant|actor) (\w+)(?: as (\S.*))?$/.exec(line) ?? [];
    if (kind !== undefined) {
      this.#declare({
        id,
        isActor: kind === 'actor',
        label: (label || id).replaceAll('<br/>', '').replace('#35;', '#'),
      });
      return;
    }
    const [, from, arrow, to, text] = /^(\w+)(-?->>)(\w+): (\S.*)$/.exec(line) ?? [];
    if (from !== undefined && to !== undefined && text !== undefined) {
      const [, call] = /^(?:new )?(?:\w+\.)*(\w+)\(\)(?= |$)/.exec(text) ?? [];
      const isDashed = arrow === '-->>';
      this.arrows.push({ from: this.#find(from), to: this.#find(to), isDashed, label: text, call, line });
      return;
    }
    const [, noted] = /^Note over (\w+): \S/.exec(line) ?? [];
    if (noted !== undefined) {
      this.#find(noted);
      return;
    }
    this.#readBlock(line);
  }

  #readBlock(line: string): void {
    const [keyword = '', ...words] = line.split(' ');
    const divider = DIVIDERS.get(keyword);
    if (divider !== undefined && words.length > 0) {
      this.#blocks.push(divider);
    } else if (line === 'end' && this.#blocks.length > 0) {
      this.#blocks.pop();
    } else if (keyword !== this.#blocks.at(-1) || words.length === 0) {
      throw new Error(`no statement in use: ${line}`);
    }
  }

  #declare(participant: Participant): void {
    if (this.participants.has(participant.id) || participant.id === 'end') {
      throw new Error(`cannot be declared: ${participant.id}`);
    }
    this.participants.set(participant.id, participant);
  }

  #find(id: string): Participant {
    const participant = this.participants.get(id);
    if (participant === undefined) {
      throw new Error(`is not declared: ${id}`);
    }
    return participant;
  }
}
