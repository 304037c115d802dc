/** `jsonp_send`: sends for jsonp-polling (docs/protocol.md, section 8). */
import type { IncomingMessage } from 'node:http';
import type { Handler } from '../../context.ts';
import type { Body } from '../../http/body.ts';
import { allowFraming } from '../../http/embedding.ts';
import { PayloadError, parsePayload } from '../../protocol/payload.ts';
import { receiveSend, type SendKind } from './receive-send.ts';
import { jsonMessages } from './xhr-send.ts';

const JSONP_SEND: SendKind = { family: 'jsonp', status: 200, text: 'ok', messagesOf: formOrJsonMessages };

/** Takes a form with JSON in its field `d`, or the JSON itself, and answers `ok`. */
export const jsonpSend: Handler = (context) => {
  // The client posts the form into an iframe, which shows the answer.
  allowFraming(context.res);
  receiveSend(context, JSONP_SEND);
};

function formOrJsonMessages(body: Body, max: number, req: IncomingMessage): string[] {
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(req.headers['content-type'] ?? '');
  if (!isForm) {
    return jsonMessages(body, max);
  }
  return parsePayload(body.kind === 'text' ? onlyValue(formValues(body.text, 'd')) : fieldD(body.value), max);
}

/** A client sends one field. A body of a megabyte could hold a million. */
const MAX_FIELDS = 100;

/** All values of a field. URLSearchParams would put replacement characters for bytes that are not UTF-8. */
function formValues(form: string, name: string): string[] {
  return form
    .split('&', MAX_FIELDS)
    .map((field) => {
      const at = field.indexOf('=');
      const end = at === -1 ? field.length : at;
      return { given: decodeFormText(field.slice(0, end)), value: decodeFormText(field.slice(end + 1)) };
    })
    .filter(({ given }) => given === name)
    .map(({ value }) => value);
}

function decodeFormText(text: string): string {
  try {
    return decodeURIComponent(text.includes('+') ? replacePlusBySpace(text) : text);
  } catch (cause) {
    throw new PayloadError('Broken JSON encoding.', { cause });
  }
}

const PLUS = 0x2b;
const SPACE = 0x20;

/** A space for every plus sign. On bytes: for a million of them, `replaceAll` takes many times as long. */
function replacePlusBySpace(text: string): string {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at] === PLUS) {
      bytes[at] = SPACE;
    }
  }
  return bytes.toString();
}

/** The field `d` of a form that express.urlencoded() has parsed. */
function fieldD(form: unknown): string {
  if (typeof form !== 'object' || form === null || !('d' in form)) {
    return '';
  }
  return onlyValue([form.d]);
}

/** The value of a field that is there once; empty where it is there twice, or a parser has made no text of it. */
function onlyValue(values: readonly unknown[]): string {
  const [value] = values;
  return values.length === 1 && typeof value === 'string' ? value : '';
}
