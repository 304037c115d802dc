/** Frames from the server to the client (docs/protocol.md, section 5). */

/** The first frame of a new session. */
export const OPEN_FRAME = 'o';

/** Goes out when no other frame has for a while, to show that the connection lives. */
export const HEARTBEAT_FRAME = 'h';

/**
 * Characters that `JSON.stringify` leaves as they are, but that some browsers and proxies lose or change. Control
 * characters and lone surrogates need no entry, since `JSON.stringify` escapes them.
 */
const EVERY_FRAGILE = /[\u200c-\u200f\u2028-\u202f\u2060-\u206f\ufff0-\uffff]/g;
/** The fragile characters and those between them. This test takes two thirds of the time of the exact one. */
const MAYBE_FRAGILE = /[\u200c-\u206f\ufff0-\uffff]/;

/** A text that JSON holds as it is, as it does most. This test costs half of what `JSON.stringify` costs. */
const PLAIN = /^[ !#-[\]-\u200b\u2010-\u2027\u2030-\u205f\u2070-\ud7ff\ue000-\uffef]*$/;
/** From this many code units on, `JSON.stringify` is faster than the test. */
const LONG = 256;

/** A text as a JSON string that reaches every client unchanged. */
export function quote(text: string): string {
  if (text.length < LONG && PLAIN.test(text)) {
    return `"${text}"`;
  }
  const json = JSON.stringify(text);
  return MAYBE_FRAGILE.test(json) ? json.replace(EVERY_FRAGILE, escapeCharacter) : json;
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A message that may have been quoted already. */
export type Quotable = string | { readonly quoted: string };

/** The frame of one or more messages. */
export function messagesFrame(messages: readonly Quotable[]): string {
  let list = '';
  for (const message of messages) {
    list += `${list && ','}${typeof message === 'string' ? quote(message) : message.quoted}`;
  }
  return `a[${list}]`;
}

/** The frame that tells the client that its session is closed, and why. */
export function closeFrame(code: number, reason: string): string {
  return `c[${code},${quote(reason)}]`;
}
