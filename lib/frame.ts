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

/** A text as a JSON string that arrives unchanged. */
export function quote(text: string): string {
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
