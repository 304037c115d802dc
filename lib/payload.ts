/** What clients send: JSON in, messages out (PROTOCOL.md sections 5, 6.9 and 8). */

/** A payload that is not what the protocol allows; its message is the text the client gets. */
export class PayloadError extends Error {
  override readonly name = 'PayloadError';
}

/**
 * The messages of a send request: a JSON array of strings, possibly empty.
 *
 * @throws PayloadError with `Payload expected.` for an empty text or other JSON, `Broken JSON encoding.` for no JSON
 */
export function parsePayload(text: string): string[] {
  return expectMessages(parseJson(text));
}

/**
 * The messages of one WebSocket text: as in a send request, or a single JSON string.
 *
 * @throws PayloadError as `parsePayload` does
 */
export function parseWebSocketPayload(text: string): string[] {
  const value = parseJson(text);
  return typeof value === 'string' ? [value] : expectMessages(value);
}

/**
 * A value that has been parsed already, checked to be an array of strings.
 *
 * @throws PayloadError with `Payload expected.` for anything else
 */
export function expectMessages(value: unknown): string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
    return value;
  }
  throw new PayloadError('Payload expected.');
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
