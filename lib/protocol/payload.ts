/** What clients send: JSON in, messages out (docs/protocol.md, sections 5, 6 and 8). */

const EXPECTED = 'Payload expected.';
const BROKEN = 'Broken JSON encoding.';

/** A payload that the protocol does not allow. Its message is the text that the client gets. */
export class PayloadError extends Error {
  override readonly name: string = 'PayloadError';
}

/** A well-formed payload with too many messages. */
export class TooManyMessagesError extends PayloadError {
  override readonly name = 'TooManyMessagesError';
  constructor() {
    super('Too many messages (see the maxMessagesPerRequest option).');
  }
}

/**
 * The messages of a send request: a JSON array of at most `max` strings. It may be empty.
 *
 * Where a long text has several faults, the first decides (see `expectFlatArray`).
 *
 * @throws PayloadError with `Payload expected.` for an empty text or other JSON, with `Broken JSON encoding.` for what
 *   is not JSON
 * @throws TooManyMessagesError for more than `max` messages
 */
export function parsePayload(text: string, max: number): string[] {
  expectFlatArray(text, max);
  return expectMessages(parseJson(text), max);
}

/** An array of one string without escapes, as most payloads are. This test costs a third of `JSON.parse`. */
const PLAIN = /^\["[ !#-[\]-\uffff]*"\]$/;
/** Code units of a text that the test is tried on. */
const SHORT = 256;

/**
 * The messages of one text message on a WebSocket: an array as in a send request, or a single JSON string.
 *
 * @throws PayloadError as `parsePayload` does
 */
export function parseWebSocketPayload(text: string, max: number): string[] {
  if (text.length <= SHORT && PLAIN.test(text) && max > 0) {
    return [text.slice(2, -2)];
  }
  // A single string is cheap to parse: JSON.parse stops at the first token that follows it.
  if (text.charCodeAt(tokenFrom(text, 0)) !== QUOTE) {
    expectFlatArray(text, max);
  }
  const value = parseJson(text);
  return expectMessages(typeof value === 'string' ? [value] : value, max);
}

/**
 * Checks that a value, which middleware may have parsed, is an array of at most `max` strings.
 *
 * @throws PayloadError with `Payload expected.` for any other value, TooManyMessagesError for more than `max` messages
 */
export function expectMessages(value: unknown, max: number): string[] {
  if (!Array.isArray(value) || !value.every(isString)) {
    throw new PayloadError(EXPECTED);
  }
  if (value.length > max) {
    throw new TooManyMessagesError();
  }
  return value;
}

function isString(item: unknown): item is string {
  return typeof item === 'string';
}

function parseJson(text: string): unknown {
  if (text === '') {
    throw new PayloadError(EXPECTED);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PayloadError(BROKEN, { cause });
  }
}

/** Code units of a text that JSON.parse gets unchecked: what it builds from so few costs less than a request. */
const SMALL = 2048;

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPENING = 0x5b;
const BACKSLASH = 0x5c;
const CLOSING = 0x5d;

/**
 * Refuses a text longer than `SMALL` that is not an array of at most `max` strings, before JSON.parse builds a value
 * from it. Nested arrays and objects cost many times what a string of the same length costs.
 *
 * The first token that such an array cannot hold decides. Where a value may come, the beginning of another value than a
 * string means other JSON; any other token means broken JSON. JSON.parse judges the content of the strings, and the
 * text after the array.
 *
 * @throws PayloadError, TooManyMessagesError as `parsePayload` does
 */
function expectFlatArray(text: string, max: number): void {
  if (text.length <= SMALL) {
    return;
  }
  let at = tokenFrom(text, 0);
  if (text.charCodeAt(at) !== OPENING) {
    throw unexpectedToken(text.charAt(at));
  }
  let count = 0;
  do {
    at = tokenFrom(text, at + 1);
    const code = text.charCodeAt(at);
    if (code === CLOSING && count === 0) {
      return;
    }
    if (code !== QUOTE) {
      throw unexpectedToken(text.charAt(at));
    }
    count += 1;
    if (count > max) {
      throw new TooManyMessagesError();
    }
    at = tokenFrom(text, endOfString(text, at));
  } while (text.charCodeAt(at) === COMMA);
  if (text.charCodeAt(at) !== CLOSING) {
    throw new PayloadError(BROKEN);
  }
}

/** The error for a token where a string should be, by the first character of the token. */
function unexpectedToken(character: string): PayloadError {
  return new PayloadError(/["[{tfn\d-]/.test(character) ? EXPECTED : BROKEN);
}

const TOKEN = /[^ \t\r\n]/g;

/** The index where the next token begins, from `at` on; the length of the text where there is none. */
function tokenFrom(text: string, at: number): number {
  // Most clients put no space between tokens.
  if (text.charCodeAt(at) > SPACE) {
    return at;
  }
  TOKEN.lastIndex = at;
  return TOKEN.test(text) ? TOKEN.lastIndex - 1 : text.length;
}

/**
 * The content of a string, with up to 1000 escapes. V8 keeps every repetition on a stack, and throws a RangeError when
 * some millions have filled it. A match that ends before a backslash has reached the 1000, and the next one goes on.
 */
const CONTENT = /[^"\\]*(?:\\.?[^"\\]*){0,1000}/sy;

/** The index after the string that opens at `start`; at least the length of the text where the string has no end. */
function endOfString(text: string, start: number): number {
  const quote = text.indexOf('"', start + 1);
  if (quote === -1) {
    return text.length;
  }
  // Most strings hold no escaped quote, and indexOf compares many characters at once.
  if (text.charCodeAt(quote - 1) !== BACKSLASH) {
    return quote + 1;
  }
  CONTENT.lastIndex = start + 1;
  do {
    CONTENT.test(text);
  } while (text.charCodeAt(CONTENT.lastIndex) === BACKSLASH);
  return CONTENT.lastIndex + 1;
}
