/** What counts as a payload from the client, and what is said of the rest (PROTOCOL.md sections 5, 6.9 and 8). */
import assert from 'node:assert/strict';
import {
  expectMessages,
  PayloadError,
  parsePayload,
  parseWebSocketPayload,
  TooManyMessagesError,
} from '../lib/payload.ts';
import { AWKWARD_TEXTS, range } from './support/awkward.ts';

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
  [JSON.stringify(AWKWARD_TEXTS), [...AWKWARD_TEXTS]],
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
  '['.repeat(100_000),
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
    it(`agrees with JSON.parse on whatever character ${where}`, () => {
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

describe('a single JSON string', () => {
  it('is one message on a WebSocket', () => {
    assert.deepEqual(parseWebSocketPayload('"x"', 1), ['x']);
    assert.deepEqual(parseWebSocketPayload('""', 1), ['']);
  });

  it('is no payload of a send request', () => {
    refuses(parsePayload, '"x"', EXPECTED);
    refuses(parsePayload, '""', EXPECTED);
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
