/** Frames from the server to the client (PROTOCOL.md section 5). */

/** The first thing a new session sends. */
export const OPEN_FRAME = 'o';

/** Sent when nothing else was for a while. */
export const HEARTBEAT_FRAME = 'h';

/**
 * Characters that `JSON.stringify` leaves as they are, but that browsers or proxies are known to lose or change.
 * Control characters and lone surrogates are already escaped by `JSON.stringify` itself.
 */
const FRAGILE = /[\u200c-\u200f\u2028-\u202f\u2060-\u206f\ufff0-\uffff]/;
const EVERY_FRAGILE = new RegExp(FRAGILE, 'g');

/** A text that stands in JSON as it is, as most do: to look is half of what `JSON.stringify` costs. */
const PLAIN = /^[ !#-[\]-\u200b\u2010-\u2027\u2030-\u205f\u2070-\ud7ff\ue000-\uffef]*$/;
/** From here on `JSON.stringify` is faster. */
const LONG = 256;

/** A text as a JSON string that arrives unchanged. */
export function quote(text: string): string {
  if (text.length < LONG && PLAIN.test(text)) {
    return `"${text}"`;
  }
  const json = JSON.stringify(text);
  return FRAGILE.test(json) ? json.replace(EVERY_FRAGILE, escapeCharacter) : json;
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A message that may have been quoted already. */
export type Quotable = string | { readonly quoted: string };

/** One or more messages in one frame. */
export function messagesFrame(messages: readonly Quotable[]): string {
  let list = '';
  for (const message of messages) {
    list += `${list && ','}${typeof message === 'string' ? quote(message) : message.quoted}`;
  }
  return `a[${list}]`;
}

/** The session is closed, and why. */
export function closeFrame(code: number, reason: string): string {
  return `c[${code},${quote(reason)}]`;
}
