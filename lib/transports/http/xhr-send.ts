/** `xhr_send`: sends for xhr-polling, xhr-streaming, eventsource and htmlfile (docs/protocol.md, section 8). */
import type { Handler } from '../../context.ts';
import type { Body } from '../../http/body.ts';
import { expectMessages, parsePayload } from '../../protocol/payload.ts';
import { receiveSend, type SendKind } from './receive-send.ts';

const XHR_SEND: SendKind = { family: 'xhr', status: 204, text: undefined, messagesOf: jsonMessages };

/** Takes a body of JSON, of any Content-Type, and answers 204. */
export const xhrSend: Handler = (context) => receiveSend(context, XHR_SEND);

/**
 * The messages of a body that is a JSON array of strings, or that middleware has parsed as such.
 *
 * @throws PayloadError for any other body, TooManyMessagesError for more than `max` messages
 */
export function jsonMessages(body: Body, max: number): string[] {
  return body.kind === 'text' ? parsePayload(body.text, max) : expectMessages(body.value, max);
}
