/** What the chats of both demos have in common: their limits, and how they read what a page sends. */

/** Limits on a client. The server drops messages beyond them, and tells the sender. */
export const LIMITS = {
  /** Characters of a name. */
  name: 24,
  /** Characters of a chat message. */
  text: 500,
  /** Messages in one burst. */
  burst: 20,
  /** Messages a second on average. */
  perSecond: 5,
  /** Chat messages that a new client receives. */
  history: 25,
} as const;

/** The error for a chat message without name or text. */
export const CHAT_ERROR = `A chat message needs a "name" of 1 to ${LIMITS.name} characters and a "text" of 1 to ${LIMITS.text}`;

/** Bounds of an endpoint whose clients chat. */
export const BOUNDS = {
  maxMessageSize: 16_384,
  maxMessagesPerRequest: 100,
  maxSendBuffer: 1_048_576,
  maxSessions: 1_000,
} as const;

/**
 * A token bucket: it holds `burst` messages, and refills. The returned function takes a token for a message, and returns
 * the error for the client where there is none: once, then an empty text until there is a token again.
 */
export function rateLimit(): () => string | undefined {
  let left: number = LIMITS.burst;
  let last = performance.now();
  let wasOver = false;
  return () => {
    const now = performance.now();
    left = Math.min(LIMITS.burst, left + ((now - last) / 1000) * LIMITS.perSecond);
    last = now;
    if (left < 1) {
      const error = wasOver ? '' : `Too fast: at most ${LIMITS.perSecond} messages a second`;
      wasOver = true;
      return error;
    }
    left -= 1;
    wasOver = false;
    return undefined;
  };
}

/** Parses a JSON object. Returns the error as text where it is none. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'Not JSON';
  }
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : 'Not an object';
}

/** Whether a value is a text that is not blank, and not too long. */
export function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= maxLength;
}
