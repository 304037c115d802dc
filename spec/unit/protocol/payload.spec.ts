/** Which texts are a payload from the client, and the errors for all others (docs/protocol.md, sections 5, 6 and 8). */
import assert from 'node:assert/strict';
import {
  expectMessages,
  PayloadError,
  parsePayload,
  parseWebSocketPayload,
  TooManyMessagesError,
} from '../../../lib/protocol/payload.ts';
import { Random } from '../../hostile/random.ts';
import { EDGE_CASE_TEXTS, range } from '../../support/edge-case-texts.ts';

const EXPECTED = 'Payload expected.';
const BROKEN = 'Broken JSON encoding.';
const TOO_MANY = {
  name: 'TooManyMessagesError',
  message: 'Too many messages (see the maxMessagesPerRequest option).',
};

const GOOD: readonly [text: string, messages: string[]][] = [
  ['[]', []],
  ['["x"]', ['x']],
  ['["x","y","x"]', ['x', 'y', 'x']],
  [' \t\r\n[ "x" ]\n', ['x']],
  ['["\\ud800","\\u0000","\\/"]', ['\ud800', '\0', '/']],
  [JSON.stringify(EDGE_CASE_TEXTS), [...EDGE_CASE_TEXTS]],
];

/** JSON that is no payload anywhere. */
const OTHER_JSON = [
  'null',
  'true',
  '0',
  '{}',
  '{"0":"x","length":1}',
  '[1]',
  '[null]',
  '[["x"]]',
  '["x",1]',
  '["x",{}]',
  '["x",null,"y"]',
];

const NO_JSON = [
  ' ',
  '"',
  '[',
  '["x',
  '["x"',
  '["x",]',
  "['x']",
  'x',
  '["x"]["y"]',
  '\ufeff["x"]',
  '["\n"]',
  '['.repeat(1000),
];

function refuses(parse: (text: string, max: number) => string[], text: string, message: string): void {
  assert.throws(
    () => parse(text, 100),
    (error) => {
      assert.ok(error instanceof PayloadError, String(error));
      assert.ok(!(error instanceof TooManyMessagesError), String(error));
      assert.equal(error.message, message);
      return true;
    },
    text.slice(0, 40),
  );
}

for (const parse of [parsePayload, parseWebSocketPayload]) {
  describe(`${parse.name}()`, () => {
    it('takes an array of strings, empty ones included', () => {
      for (const [text, messages] of GOOD) {
        assert.deepEqual(parse(text, messages.length), messages);
      }
    });

    it('refuses more messages than it is told to take', () => {
      for (const [text, max] of [
        ['["x"]', 0],
        ['["x","y"]', 1],
        [JSON.stringify(Array(11).fill('')), 10],
      ] as const) {
        assert.throws(() => parse(text, max), TOO_MANY);
      }
    });

    it('refuses empty text and JSON that is something else', () => {
      for (const text of ['', ...OTHER_JSON]) {
        refuses(parse, text, EXPECTED);
      }
    });

    it('refuses what is no JSON', () => {
      for (const text of NO_JSON) {
        refuses(parse, text, BROKEN);
      }
    });
  });
}

describe('parseWebSocketPayload()', () => {
  it('counts a single string as one message', () => {
    assert.deepEqual(parseWebSocketPayload('"x"', 1), ['x']);
    for (const text of ['"x"', '["x"]']) {
      assert.throws(() => parseWebSocketPayload(text, 0), TooManyMessagesError);
    }
  });
});

describe('parseWebSocketPayload(), which does not parse what it can tell at a look,', () => {
  /** What JSON.parse makes of it; undefined where it is no JSON. */
  function parsed(text: string): string[] | undefined {
    try {
      return JSON.parse(text) as string[];
    } catch {
      return undefined;
    }
  }

  function agrees(text: string): void {
    const expected = parsed(text);
    if (expected === undefined) {
      refuses(parseWebSocketPayload, text, BROKEN);
    } else {
      assert.deepEqual(parseWebSocketPayload(text, expected.length), expected, JSON.stringify(text).slice(0, 40));
    }
  }

  for (const [where, textWith] of [
    ['alone in a message', (unit: string) => `["${unit}"]`],
    ['within a message', (unit: string) => `["a${unit}b"]`],
    ['at the end of a message', (unit: string) => `["a${unit}"]`],
  ] as const) {
    it(`agrees with JSON.parse on every code unit ${where}`, () => {
      for (let unit = 0; unit <= 0xffff; unit += 1) {
        agrees(textWith(String.fromCharCode(unit)));
      }
    });
  }

  /** All that might pass for white space, and what else is short. */
  const AROUND = `${range(0x00, 0xff)}\u1680${range(0x2000, 0x200f)}\u2028\u2029\u202f\u205f\u3000\ufeff\uffff`;

  for (const [where, textWith] of [
    ['before the message', (unit: string) => `[${unit}"a"]`],
    ['behind the message', (unit: string) => `["a"${unit}]`],
    ['before the array', (unit: string) => `${unit}["a"]`],
    ['behind the array', (unit: string) => `["a"]${unit}`],
  ] as const) {
    it(`agrees with JSON.parse on any character ${where}`, () => {
      for (const character of AROUND) {
        agrees(textWith(character));
      }
    });
  }

  it('agrees with JSON.parse on texts of any length, wherever there is something to unescape or refuse', () => {
    for (let length = 250; length <= 262; length += 1) {
      const plain = 'x'.repeat(length - 4);
      for (const part of ['', '\\n', '\\', '"', '","', '\n', '\0', '\u2028', '\ud800', '\u{1f600}', '\x7f', 'é']) {
        for (const at of [0, 100, plain.length - part.length]) {
          const text = `["${plain.slice(0, at)}${part}${plain.slice(at + part.length)}"]`;
          assert.equal(text.length, length);
          agrees(text);
        }
      }
    }
  });

  it('agrees with JSON.parse on every pair of characters that mean something to JSON', () => {
    const characters = ['[', ']', '"', '\\', ',', '{', '}', ':', ' ', 'a', '0', '\n'];
    for (const first of characters) {
      for (const second of characters) {
        agrees(`["${first}${second}"]`);
        agrees(`["a"${first}${second}"b"]`);
      }
    }
  });

  it('refuses a message where none may come, be it short or long', () => {
    for (const length of [0, 1, 252, 253, 1000]) {
      assert.throws(() => parseWebSocketPayload(JSON.stringify(['x'.repeat(length)]), 0), TOO_MANY);
    }
  });
});

/** Any number of messages. */
const ANY = Number.MAX_SAFE_INTEGER;

/** What the parser has to say of a text according to JSON.parse: messages, or the text of the error. */
function verdictOf(parse: typeof parsePayload, text: string, max: number): string[] | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text === '' ? EXPECTED : BROKEN;
  }
  const messages = parse === parseWebSocketPayload && typeof value === 'string' ? [value] : value;
  if (!Array.isArray(messages) || !messages.every((message) => typeof message === 'string')) {
    return EXPECTED;
  }
  return messages.length > max ? TOO_MANY.message : messages;
}

/** What the parser does say of it. */
function outcomeOf(parse: typeof parsePayload, text: string, max: number): string[] | string {
  try {
    return parse(text, max);
  } catch (error) {
    assert.ok(error instanceof PayloadError, String(error));
    return error.message;
  }
}

/** A text of a few strings, often with a value among them that is none, and often damaged. */
function randomText(random: Random): string {
  const blank = () => random.pick(['', '', '', ' ', '\t', ' \r\n']);
  const value = () =>
    random.chance(0.15)
      ? random.pick(['1', '-1.5e3', 'null', 'true', 'false', '{}', '{"a":["b"]}', '[]', '[["x"],[]]'])
      : random.pick([() => JSON.stringify(random.text(random.below(6))), () => '"\\\\"', () => '"\\u0041\\""'])();
  const values = Array.from({ length: random.below(5) }, () => `${blank()}${value()}${blank()}`);
  const text = random.chance(0.1) ? `${blank()}${value()}${blank()}` : `${blank()}[${values.join()}]${blank()}`;
  if (random.chance(0.5)) {
    return text;
  }
  const at = random.below(text.length + 1);
  const put = random.pick(['', '"', '\\', '\\"', ',', '[', ']', '{', '}', ':', '0', 'n', ' ', '\n', '\0', '\ufeff']);
  return `${text.slice(0, at)}${put}${text.slice(at + random.below(3))}`;
}

for (const parse of [parsePayload, parseWebSocketPayload]) {
  describe(`${parse.name}() on random texts`, () => {
    it('agrees with JSON.parse where they are short', () => {
      const seed = 1;
      const random = new Random(seed);
      for (let i = 0; i < 5000; i += 1) {
        const text = randomText(random);
        const max = random.below(4);
        assert.deepEqual(
          outcomeOf(parse, text, max),
          verdictOf(parse, text, max),
          `seed ${seed}, case ${i}, at most ${max} of ${JSON.stringify(text)}`,
        );
      }
    });

    // White space is nothing to JSON, but it makes the text long.
    it('agrees with JSON.parse where they are long, but for which of several faults counts', () => {
      const seed = 2;
      const random = new Random(seed);
      for (let i = 0; i < 5000; i += 1) {
        const short = randomText(random);
        const at = random.pick([0, short.length]);
        const text = `${short.slice(0, at)}${' '.repeat(2048)}${short.slice(at)}`;
        const outcome = outcomeOf(parse, text, ANY);
        const verdict = verdictOf(parse, text, ANY);
        const where = `seed ${seed}, case ${i}: ${outcome} for ${JSON.stringify(short)}`;
        if (verdict === BROKEN) {
          assert.ok(outcome === BROKEN || outcome === EXPECTED, where);
        } else {
          assert.deepEqual(outcome, verdict, where);
        }
      }
    });
  });
}

/** Calls back with JSON.parse counted; returns how often it was called. */
function countParsed(callback: () => void): number {
  const { parse } = JSON;
  let count = 0;
  JSON.parse = (...args: Parameters<typeof parse>): unknown => {
    count += 1;
    return parse(...args);
  };
  try {
    callback();
  } finally {
    JSON.parse = parse;
  }
  return count;
}

/** Calls back with the ways to look into a text counted; returns how many characters they have passed in all. */
function countSteps(callback: () => void): number {
  const { charCodeAt, indexOf } = String.prototype;
  const { test } = RegExp.prototype;
  let steps = 0;
  String.prototype.charCodeAt = function (at) {
    steps += 1;
    return charCodeAt.call(this, at);
  };
  String.prototype.indexOf = function (sought, from = 0) {
    const found = indexOf.call(this, sought, from);
    steps += (found === -1 ? this.length : found + 1) - from;
    return found;
  };
  RegExp.prototype.test = function (text) {
    const from = this.lastIndex;
    const found = test.call(this, text);
    steps += (found ? this.lastIndex + 1 : text.length) - from;
    return found;
  };
  try {
    callback();
  } finally {
    Object.assign(String.prototype, { charCodeAt, indexOf });
    RegExp.prototype.test = test;
  }
  return steps;
}

const MANY = 100_000;

/** Texts of many tokens that JSON.parse would build, or try to. */
const HOSTILE: readonly [title: string, text: string, message: string][] = [
  ['opening brackets', '['.repeat(MANY), EXPECTED],
  ['nested arrays', `${'['.repeat(MANY)}${']'.repeat(MANY)}`, EXPECTED],
  ['empty arrays', `[${'[],'.repeat(MANY)}[]]`, EXPECTED],
  ['empty objects', `[${'{},'.repeat(MANY)}{}]`, EXPECTED],
  ['brackets behind a string', `["a",${'['.repeat(MANY)}`, EXPECTED],
  ['arrays behind long strings', `["${'x'.repeat(MANY)}","${'\\"'.repeat(MANY)}",${'[],'.repeat(MANY)}[]]`, EXPECTED],
  ['brackets behind blanks', `${' \t\r\n'.repeat(MANY)}[${' \t\r\n'.repeat(MANY)}[`, EXPECTED],
  ['numbers', `[${'1,'.repeat(MANY)}1]`, EXPECTED],
  ['negative numbers', `[${'-1,'.repeat(MANY)}-1]`, EXPECTED],
  ['one long number', '1'.repeat(MANY), EXPECTED],
  ['nested objects', '{"a":'.repeat(MANY), EXPECTED],
  ['an object with many keys', `{${range(0x4e00, 0x9000).replace(/./g, '"$&":0,')}"a":0}`, EXPECTED],
  ['null', `[${'null,'.repeat(MANY)}null]`, EXPECTED],
  ['true', `[${'true,'.repeat(MANY)}true]`, EXPECTED],
  ['false', `[${'false,'.repeat(MANY)}false]`, EXPECTED],
  ['blanks', ' '.repeat(MANY), BROKEN],
  ['blanks in an array', `[${' '.repeat(MANY)}`, BROKEN],
  ['blanks behind a string', `["a"${' '.repeat(MANY)}`, BROKEN],
  ['characters that are blanks elsewhere', '\xa0'.repeat(MANY), BROKEN],
  ['commas', ','.repeat(MANY), BROKEN],
  ['commas in an array', `[${','.repeat(MANY)}`, BROKEN],
  ['a comma before the end', `[${'"",'.repeat(MANY)}]`, BROKEN],
  ['strings with no comma between', `[${'""'.repeat(MANY)}]`, BROKEN],
  ['keys in an array', `[${'"a":1,'.repeat(MANY)}]`, BROKEN],
  ['closing brackets', ']'.repeat(MANY), BROKEN],
  ['another closing bracket', `["${'a'.repeat(MANY)}"}`, BROKEN],
  ['a string without an end', `["${'x'.repeat(MANY)}`, BROKEN],
  ['backslashes without an end', `["${'\\'.repeat(MANY)}`, BROKEN],
  ['an odd number of backslashes without an end', `["${'\\'.repeat(MANY + 1)}`, BROKEN],
  ['an odd number of backslashes', `["${'\\'.repeat(MANY + 1)}"]`, BROKEN],
  ['escaped quotes without an end', `["${'\\"'.repeat(MANY)}`, BROKEN],
  ['escaped quotes and half an escape', `["${'\\"'.repeat(MANY)}\\`, BROKEN],
  ['no array', 'x'.repeat(MANY), BROKEN],
  ['an array behind a letter', `x${'[1]'.repeat(MANY)}`, BROKEN],
  ['too many strings', `[${'"",'.repeat(MANY)}""]`, TOO_MANY.message],
  ['too many strings with blanks', `[${' "\\"" ,'.repeat(MANY)}""]`, TOO_MANY.message],
  ['too many strings and a number', `[${'"",'.repeat(MANY + 1)}1]`, TOO_MANY.message],
];

/** Texts of which JSON.parse makes messages. */
const LARGE: readonly [title: string, text: string][] = [
  ['a long string', `["${'x'.repeat(MANY)}"]`],
  ['a long string with blanks around', ` [ "${'x'.repeat(MANY)}" ] `],
  ['many blanks', `${' '.repeat(MANY)}[${' '.repeat(MANY)}]${' '.repeat(MANY)}`],
  ['many strings', `[${'"abc",'.repeat(MANY)}""]`],
  ['many strings with blanks around', `[${' "abc" ,'.repeat(MANY)} "" ]`],
  ['many strings with escaped quotes', `[${'"\\"",'.repeat(MANY)}"\\\\"]`],
  ['escaped letters', `["${'\\u0041'.repeat(MANY)}"]`],
  ['escaped backslashes', `["${'\\\\'.repeat(MANY)}"]`],
  ['backslashes before quotes', `["${'\\\\\\"'.repeat(MANY)}"]`],
  ['JSON in strings', JSON.stringify(Array(1000).fill(JSON.stringify({ a: ['b', { c: '"\\' }], d: 1 })))],
  ['characters of two bytes', `["\u0416${'\\"\u2028\u0122\u225c'.repeat(MANY)}","\u0122"]`],
];

for (const parse of [parsePayload, parseWebSocketPayload]) {
  describe(`${parse.name}() on large texts`, () => {
    for (const [title, text, message] of HOSTILE) {
      it(`refuses ${title} without JSON.parse`, () => {
        const count = countParsed(() => assert.equal(outcomeOf(parse, text, MANY), message));
        assert.equal(count, 0);
      });
    }

    for (const [title, text] of LARGE) {
      it(`takes ${title}`, () => {
        assert.deepEqual(outcomeOf(parse, text, ANY), JSON.parse(text));
      });
    }

    it('passes no character more than a few times', () => {
      for (const [title, text] of [...HOSTILE, ...LARGE]) {
        const steps = countSteps(() => {
          outcomeOf(parse, text, ANY);
        });
        assert.ok(steps <= 4 * text.length, `${steps} steps for ${text.length} characters: ${title}`);
      }
    });

    it('takes any number of escapes', () => {
      for (const escapes of [999, 1000, 1001, 2000, 10_000_000]) {
        for (const end of ['', 'x', '\\\\', '\\n']) {
          const [first, second, ...others] = parse(`["${'\\"'.repeat(escapes)}${end}","x"]`, 2);
          assert.equal(first, `${'"'.repeat(escapes)}${JSON.parse(`"${end}"`)}`);
          assert.equal(second, 'x');
          assert.deepEqual(others, []);
        }
      }
    });

    it('leaves the content of strings and what follows the array to JSON.parse', () => {
      const long = 'x'.repeat(2000);
      for (const text of [
        `["${long}\n"]`,
        `["${long}\\x"]`,
        `["${long}"]]`,
        `["${long}"]${'['.repeat(2000)}`,
        `[]${long}`,
        `[]${'['.repeat(2000)}`,
      ]) {
        refuses(parse, text, BROKEN);
      }
    });
  });
}

describe('the texts that JSON.parse is spared', () => {
  it('are WebSocket texts of one plain message, of up to 256 code units', () => {
    for (const [length, parsed] of [
      [4, 0],
      [255, 0],
      [256, 0],
      [257, 1],
    ] as const) {
      const text = `["${'x'.repeat(length - 4)}"]`;
      const count = countParsed(() => parseWebSocketPayload(text, 1));
      assert.equal(count, parsed, `${length} code units`);
    }
  });

  for (const parse of [parsePayload, parseWebSocketPayload]) {
    it(`are those of more than 2048 code units that can be no payload: ${parse.name}()`, () => {
      for (const [length, parsed, message] of [
        [2047, 1, BROKEN],
        [2048, 1, BROKEN],
        [2049, 0, EXPECTED],
      ] as const) {
        const text = '[1'.padEnd(length, ',');
        const count = countParsed(() => assert.equal(outcomeOf(parse, text, ANY), message));
        assert.equal(count, parsed, `${length} code units`);
      }
    });
  }
});

it('tells the cause where a text is no JSON', () => {
  assert.throws(
    () => parsePayload('[', 1),
    (error) => error instanceof PayloadError && error.cause instanceof SyntaxError,
  );
});

describe('a single JSON string', () => {
  it('is one message on a WebSocket', () => {
    assert.deepEqual(parseWebSocketPayload('"x"', 1), ['x']);
    assert.deepEqual(parseWebSocketPayload('""', 1), ['']);
  });

  it('is one message on a WebSocket, however long', () => {
    const message = '"\\ [[['.repeat(MANY);
    assert.deepEqual(parseWebSocketPayload(` ${JSON.stringify(message)} `, 1), [message]);
    refuses(parseWebSocketPayload, `"${'['.repeat(MANY)}`, BROKEN);
    refuses(parseWebSocketPayload, `"x"${'['.repeat(MANY)}`, BROKEN);
  });

  it('is no payload of a send request', () => {
    refuses(parsePayload, '"x"', EXPECTED);
    refuses(parsePayload, '""', EXPECTED);
    refuses(parsePayload, JSON.stringify('x'.repeat(MANY)), EXPECTED);
  });
});

describe('expectMessages()', () => {
  it('takes a parsed array of strings', () => {
    assert.deepEqual(expectMessages([], 0), []);
    assert.deepEqual(expectMessages(['x', ''], 2), ['x', '']);
  });

  it('refuses more than it is told to take', () => {
    assert.throws(() => expectMessages(['x', ''], 1), TOO_MANY);
  });

  it('refuses everything else', () => {
    for (const value of [undefined, null, 'x', 1, {}, { length: 0 }, [1], ['x', undefined], [['x']]]) {
      assert.throws(() => expectMessages(value, 10), { name: 'PayloadError', message: EXPECTED });
    }
  });
});
