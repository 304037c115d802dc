/** The sending side of the HTTP transports: `xhr_send` and `jsonp_send` (PROTOCOL.md section 8). */
import type { IncomingMessage } from 'node:http';
import { identityOf, reject } from '../admission.ts';
import { debugRequest } from '../debug.ts';
import { type Body, BodyError, readBody, UnwantedBodyError } from '../http/body.ts';
import { allowFraming } from '../http/protection.ts';
import { endConnectionIfClosing, sendEmpty, sendError, sendText, setConnectionClose } from '../http/respond.ts';
import type { Exchange, Handler } from '../mount.ts';
import { expectMessages, PayloadError, parsePayload, TooManyMessagesError } from '../payload.ts';

/** Sends for xhr-polling, xhr-streaming, eventsource and htmlfile: the body is JSON, whatever its type says. */
export const xhrSend: Handler = (exchange) => {
  deliver(exchange, 'xhr', jsonMessages, () => {
    exchange.res.setHeader('Content-Type', 'text/plain; charset=UTF-8');
    sendEmpty(exchange.res, 204);
  });
};

/** Sends for jsonp-polling: the body is a form with the JSON in its field `d`, or the JSON itself. */
export const jsonpSend: Handler = (exchange) => {
  // The answer to a form that was posted into a frame.
  allowFraming(exchange.res);
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(exchange.req.headers['content-type'] ?? '');
  deliver(exchange, 'jsonp', isForm ? formMessages : jsonMessages, () => sendText(exchange.res, 200, 'ok'));
};

function jsonMessages(body: Body, max: number): string[] {
  return body.kind === 'text' ? parsePayload(body.text, max) : expectMessages(body.value, max);
}

function formMessages(body: Body, max: number): string[] {
  const text = body.kind === 'text' ? onlyValue(formValues(body.text, 'd')) : fieldD(body.value);
  return parsePayload(text, max);
}

/** A client sends one field; a megabyte of `&` would be a million of them. */
const MAX_FIELDS = 100;

/** All values of a field. URLSearchParams would put replacement characters for bytes that are no UTF-8. */
function formValues(form: string, name: string): string[] {
  return form
    .split('&', MAX_FIELDS)
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

/**
 * The sends of each session that wait for their turn, by the last of them. One at a time: otherwise a client could have
 * any number of bodies held for it at once, whatever its session's own limit.
 */
const turns = new WeakMap<object, { last: Promise<void>; count: number }>();

/** Clients send one at a time; a connection can pipeline any number. */
const MAX_WAITING = 100;

/** Reads and checks the whole payload, then delivers it; `answer` tells the client that it arrived. */
function deliver<Data, Req extends IncomingMessage>(
  exchange: Exchange<Data, Req>,
  family: 'xhr' | 'jsonp',
  messagesOf: (body: Body, max: number) => string[],
  answer: () => void,
): void {
  const { mount, req, res, sessionId } = exchange;
  const { maxMessageSize, maxMessagesPerRequest, receiveTimeout } = mount.options;
  const found = mount.sessions.find(sessionId, identityOf(exchange, family));
  if (found.kind !== 'live' || found.session.state !== 'active') {
    if (found.kind === 'foreign') {
      reject(exchange, 'identity', 404, 'Session not found.');
    } else {
      sendError(res, 404, 'Session not found.');
    }
    return;
  }
  const { session } = found;

  const receive = async () => {
    // Asked again: it may have ended while this one waited for its turn.
    const body = session.state === 'active' ? await readBody(req, maxMessageSize, receiveTimeout, session) : undefined;
    const messages = body === undefined ? [] : messagesOf(body, maxMessagesPerRequest);
    // And again: or while the body came in.
    if (body === undefined || session.state !== 'active') {
      endConnectionIfClosing(exchange);
      sendError(res, 404, 'Session not found.');
      return;
    }
    session.receive(messages, body.bytes);
    // A client sends on when this one is answered, so the answer is what slows it.
    if (!session.hasRoom) {
      await new Promise<void>((resolve) => session.whenRoom(resolve));
    }
    endConnectionIfClosing(exchange);
    answer();
  };
  const fail = (error: unknown) => {
    if (error instanceof UnwantedBodyError) {
      // Ended while the body came in, which nobody wants any more.
      setConnectionClose(res);
      sendError(res, 404, 'Session not found.');
    } else if (error instanceof BodyError) {
      // The rest of the body will not be read, so the connection is of no more use.
      setConnectionClose(res);
      reject(exchange, error.reason, error.status, error.message);
    } else if (error instanceof TooManyMessagesError) {
      reject(exchange, 'size', 413, error.message);
    } else if (error instanceof PayloadError) {
      reject(exchange, 'payload', 500, error.message);
    } else {
      debugRequest('%s a send broke off: %O', sessionId, error);
      res.destroy();
    }
  };
  const turn = turns.get(session) ?? { last: Promise.resolve(), count: 0 };
  turns.set(session, turn);
  if (turn.count > MAX_WAITING) {
    setConnectionClose(res);
    reject(exchange, 'busy', 503, 'Too many sends at once.');
    return;
  }
  const received = turn.count === 0 ? receive() : turn.last.then(receive);
  turn.count += 1;
  const done = () => {
    turn.count -= 1;
  };
  turn.last = received.then(done, (error: unknown) => {
    done();
    fail(error);
  });
}
