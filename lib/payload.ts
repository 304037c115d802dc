/** What clients send: JSON in, messages out (PROTOCOL.md sections 5, 6.9 and 8). */

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
 * @throws PayloadError with `Payload expected.` for an empty text or other JSON, `Broken JSON encoding.` for no JSON
 * @throws TooManyMessagesError for more than `max`
 */
export function parsePayload(text: string, max: number): string[] {
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
    throw new PayloadError('Payload expected.');
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
    throw new PayloadError('Payload expected.');
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PayloadError('Broken JSON encoding.', { cause });
  }
}
