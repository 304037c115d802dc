/** What clients send: JSON in, messages out (PROTOCOL.md sections 5, 6.9 and 8). */

const EXPECTED = 'Payload expected.';
const BROKEN = 'Broken JSON encoding.';

/** A payload that is not what the protocol allows; its message is the text the client gets. */
export class PayloadError extends Error {
  override readonly name: string = 'PayloadError';
}

/** A payload that is well-formed, but holds more messages than one may. */
export class TooManyMessagesError extends PayloadError {
  override readonly name = 'TooManyMessagesError';
  constructor() {
    super('Too many messages (see the maxMessagesPerRequest option).');
  }
}

/**
 * The messages of a send request: a JSON array of at most `max` strings, possibly empty.
 *
 * Where a long text has more faults than one, the first decides (see `expectFlatArray`).
 *
 * @throws PayloadError with `Payload expected.` for an empty text or other JSON, `Broken JSON encoding.` for no JSON
 * @throws TooManyMessagesError for more than `max`
 */
export function parsePayload(text: string, max: number): string[] {
  expectFlatArray(text, max);
  return expectMessages(parseJson(text), max);
}

/** One message that nothing in JSON has to be said about, as most are: to look is a third of what parsing costs. */
const PLAIN = /^\["[ !#-[\]-\uffff]*"\]$/;
const SHORT = 256;

/**
 * The messages of one WebSocket text: as in a send request, or a single JSON string.
 *
 * @throws PayloadError as `parsePayload` does
 */
export function parseWebSocketPayload(text: string, max: number): string[] {
  if (text.length <= SHORT && PLAIN.test(text) && max > 0) {
    return [text.slice(2, -2)];
  }
  // JSON.parse stops at what follows a single string, so that need not be judged before.
  if (text.charCodeAt(tokenFrom(text, 0)) !== QUOTE) {
    expectFlatArray(text, max);
  }
  const value = parseJson(text);
  return expectMessages(typeof value === 'string' ? [value] : value, max);
}

/**
 * A value that has been parsed already, checked to be an array of at most `max` strings.
 *
 * @throws PayloadError with `Payload expected.` for anything else, TooManyMessagesError for more than `max`
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

/** Code units of a text that JSON.parse gets in any case: what it builds of so few costs less than a request does. */
const SMALL = 2048;

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPENING = 0x5b;
const BACKSLASH = 0x5c;
const CLOSING = 0x5d;

/**
 * Refuses a text longer than `SMALL` that is no array of at most `max` strings, before JSON.parse builds what else it
 * is: nested arrays and objects cost many times what a string of the same length does.
 *
 * The first token that cannot stand in such an array decides. Where a value may come, the beginning of another value
 * than a string means other JSON; any other token means broken JSON. JSON.parse judges the content of the strings, and
 * what follows the array.
 */
function expectFlatArray(text: string, max: number): void {
  if (text.length <= SMALL) {
    return;
  }
  let at = tokenFrom(text, 0);
  if (text.charCodeAt(at) !== OPENING) {
    throw unwanted(text.charAt(at));
  }
  let count = 0;
  do {
    at = tokenFrom(text, at + 1);
    const code = text.charCodeAt(at);
    if (code === CLOSING && count === 0) {
      return;
    }
    if (code !== QUOTE) {
      throw unwanted(text.charAt(at));
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

/** What is said of the first character of a token that stands where a string should. */
function unwanted(character: string): PayloadError {
  return new PayloadError(/["[{tfn\d-]/.test(character) ? EXPECTED : BROKEN);
}

const TOKEN = /[^ \t\r\n]/g;

/** Where the next token begins, at or behind `at`; the end of the text where there is none. */
function tokenFrom(text: string, at: number): number {
  // Most tokens follow upon each other.
  if (text.charCodeAt(at) > SPACE) {
    return at;
  }
  TOKEN.lastIndex = at;
  return TOKEN.test(text) ? TOKEN.lastIndex - 1 : text.length;
}

/**
 * What stands between quotes, with up to 1000 escapes: V8 keeps every repetition on a stack, and throws a RangeError
 * when some millions have filled it. A match that ends before a backslash is one that has had its 1000.
 */
const CONTENT = /[^"\\]*(?:\\.?[^"\\]*){0,1000}/sy;

/** The place behind the string whose opening quote is at `start`; not before the end of the text if it does not end. */
function endOfString(text: string, start: number): number {
  const quote = text.indexOf('"', start + 1);
  if (quote === -1) {
    return text.length;
  }
  // Most strings hold no quote, and indexOf compares many characters at once.
  if (text.charCodeAt(quote - 1) !== BACKSLASH) {
    return quote + 1;
  }
  CONTENT.lastIndex = start + 1;
  do {
    CONTENT.test(text);
  } while (text.charCodeAt(CONTENT.lastIndex) === BACKSLASH);
  return CONTENT.lastIndex + 1;
}
