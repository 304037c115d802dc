/** The sending side of the HTTP transports: `xhr_send` and `jsonp_send` (PROTOCOL.md section 8). */
import type { IncomingMessage } from 'node:http';
import { debugRequest } from '../debug.ts';
import { type Body, BodyError, readBody } from '../http/body.ts';
import { sendEmpty, sendError, sendText } from '../http/respond.ts';
import type { Exchange, Handler } from '../mount.ts';
import { expectMessages, PayloadError, parsePayload } from '../payload.ts';

/** Bytes that one request may carry. */
const MAX_BODY_BYTES = 1_048_576;

/** Sends for xhr-polling, xhr-streaming, eventsource and htmlfile: the body is JSON, whatever its type says. */
export const xhrSend: Handler = (exchange) => {
  deliver(exchange, jsonMessages, () => {
    exchange.res.setHeader('Content-Type', 'text/plain; charset=UTF-8');
    sendEmpty(exchange.res, 204);
  });
};

/** Sends for jsonp-polling: the body is a form with the JSON in its field `d`, or the JSON itself. */
export const jsonpSend: Handler = (exchange) => {
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(exchange.req.headers['content-type'] ?? '');
  deliver(exchange, isForm ? formMessages : jsonMessages, () => sendText(exchange.res, 200, 'ok'));
};

function jsonMessages(body: Body): string[] {
  return body.kind === 'text' ? parsePayload(body.text) : expectMessages(body.value);
}

function formMessages(body: Body): string[] {
  return parsePayload(body.kind === 'text' ? onlyValue(formValues(body.text, 'd')) : fieldD(body.value));
}

/** All values of a field. URLSearchParams would put replacement characters for bytes that are no UTF-8. */
function formValues(form: string, name: string): string[] {
  return form
    .split('&')
    .map((field) => field.split(/=(.*)/s, 2).map(decodeFormText))
    .filter(([given]) => given === name)
    .map(([, value = '']) => value);
}

function decodeFormText(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (cause) {
    throw new PayloadError('Broken JSON encoding.', { cause });
  }
}

/** The field of a form that express.urlencoded() has parsed. */
function fieldD(form: unknown): string {
  if (typeof form !== 'object' || form === null || !('d' in form)) {
    return '';
  }
  return onlyValue([form.d]);
}

/** A form with two `d` is no payload; neither is one that a parser has made anything but text of. */
function onlyValue(values: readonly unknown[]): string {
  const [value] = values;
  return values.length === 1 && typeof value === 'string' ? value : '';
}

/** Reads and checks the whole payload, then delivers it; `answer` tells the client that it arrived. */
function deliver<Data, Req extends IncomingMessage>(
  { mount, req, res, sessionId }: Exchange<Data, Req>,
  messagesOf: (body: Body) => string[],
  answer: () => void,
): void {
  const openSession = () => {
    const session = mount.sessions.find(sessionId);
    return session?.state === 'active' ? session : undefined;
  };
  const session = openSession();
  if (session === undefined) {
    sendError(res, 404, 'Session not found.');
    return;
  }
  const receive = async () => {
    const messages = messagesOf(await readBody(req, MAX_BODY_BYTES));
    // Looked up again: it may have ended while the body came in, and a new one of the same id is not the same.
    if (openSession() !== session) {
      sendError(res, 404, 'Session not found.');
      return;
    }
    session.receive(messages);
    answer();
  };
  receive().catch((error: unknown) => {
    if (error instanceof BodyError || error instanceof PayloadError) {
      if (error instanceof BodyError && error.status === 413) {
        // The rest of the body will not be read, so the connection is of no more use.
        res.setHeader('Connection', 'close');
      }
      sendError(res, error instanceof BodyError ? error.status : 500, error.message);
    } else {
      debugRequest('%s a send broke off: %O', sessionId, error);
      res.destroy();
    }
  });
}
