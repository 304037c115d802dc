/** What counts as a payload from the client, and what is said of the rest (PROTOCOL.md sections 5, 6.9 and 8). */
import assert from 'node:assert/strict';
import {
  expectMessages,
  PayloadError,
  parsePayload,
  parseWebSocketPayload,
  TooManyMessagesError,
} from '../lib/payload.ts';
import { AWKWARD_TEXTS } from './support/awkward.ts';

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
