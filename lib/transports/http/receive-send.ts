/** The sending side of the HTTP transports: `xhr_send` and `jsonp_send` (PROTOCOL.md section 8). */
import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import { findForSend, sendNotFound } from '../../admission/admit.ts';
import { reject } from '../../admission/reject.ts';
import type { Handler, RequestContext } from '../../context.ts';
import { type Body, BodyError, readBody, UnwantedBodyError } from '../../http/body.ts';
import { allowFraming } from '../../http/embedding.ts';
import { sendAfterTurn, setConnectionClose } from '../../http/respond.ts';
import { expectMessages, PayloadError, parsePayload, TooManyMessagesError } from '../../protocol/payload.ts';
import { debugRequest } from '../../util/debug.ts';

const PLAIN_TEXT = 'text/plain; charset=UTF-8';

/** Sends for xhr-polling, xhr-streaming, eventsource and htmlfile: the body is JSON, whatever its type says. */
export const xhrSend: Handler = (context) => {
  deliver(context, 'xhr', jsonMessages, () => sendAfterTurn(context, 204, PLAIN_TEXT));
};

/** Sends for jsonp-polling: the body is a form with the JSON in its field `d`, or the JSON itself. */
export const jsonpSend: Handler = (context) => {
  // The answer to a form that was posted into a frame.
  allowFraming(context.res);
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(context.req.headers['content-type'] ?? '');
  deliver(context, 'jsonp', isForm ? formMessages : jsonMessages, () => sendAfterTurn(context, 200, PLAIN_TEXT, 'ok'));
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
    return decodeURIComponent(text.includes('+') ? spacesForPlus(text) : text);
  } catch (cause) {
    throw new PayloadError('Broken JSON encoding.', { cause });
  }
}

const PLUS = 0x2b;
const SPACE = 0x20;

/** A space for every plus sign. In bytes: for a million of them, `replaceAll` takes many times as long. */
function spacesForPlus(text: string): string {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at] === PLUS) {
      bytes[at] = SPACE;
    }
  }
  return bytes.toString();
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

/** The sends of a session: whether one is being received, and those that wait for their turn. */
interface Queue {
  isBusy: boolean;
  readonly waiting: (() => void)[];
}

const queues = new WeakMap<object, Queue>();

/** Clients send one at a time; a connection can pipeline any number. */
const MAX_WAITING = 100;

/**
 * Calls `begin` when it is this send's turn, which ends when `done` is called. One at a time: otherwise a client could
 * have any number of bodies held for it at once, whatever its session's own limit.
 *
 * @returns false where too many wait already
 */
function takeTurn(session: object, begin: (done: () => void) => void): boolean {
  const queue = queues.get(session) ?? { isBusy: false, waiting: [] };
  queues.set(session, queue);
  const done = () => {
    const next = queue.waiting.shift();
    if (next === undefined) {
      queue.isBusy = false;
    } else {
      // Not within the application's call that made room: its messages come before those of the next send.
      process.nextTick(next);
    }
  };
  if (!queue.isBusy) {
    queue.isBusy = true;
    begin(done);
  } else if (queue.waiting.length < MAX_WAITING) {
    queue.waiting.push(AsyncResource.bind(() => begin(done)));
  } else {
    return false;
  }
  return true;
}

/** Reads and checks the whole payload, then delivers it; `answer` tells the client that it arrived. */
function deliver<Data, Req extends IncomingMessage>(
  context: RequestContext<Data, Req>,
  family: 'xhr' | 'jsonp',
  messagesOf: (body: Body, max: number) => string[],
  answer: () => void,
): void {
  const { endpoint, req, res, sessionId } = context;
  const { maxMessagesPerRequest } = endpoint.options;
  const notFound = () => sendNotFound(context);
  findForSend(context, family, (session) => {
    const fail = (error: unknown) => {
      if (error instanceof UnwantedBodyError) {
        // Ended while the body came in, which nobody wants any more.
        setConnectionClose(res);
        notFound();
      } else if (error instanceof BodyError) {
        // The rest of the body will not be read, so the connection is of no more use.
        setConnectionClose(res);
        reject(context, error.reason, error.status, error.message);
      } else if (error instanceof TooManyMessagesError) {
        reject(context, 'size', 413, error.message);
      } else if (error instanceof PayloadError) {
        reject(context, 'payload', 500, error.message);
      } else {
        debugRequest('%s a send broke off: %O', sessionId, error);
        res.destroy();
      }
    };
    const receive = (done: () => void) => {
      const end = (conclude: () => void) => {
        try {
          conclude();
        } catch (error) {
          // Somebody has answered in the meantime, such as a time limit of middleware.
          fail(error);
        }
        done();
      };
      // Asked again: it may have ended while this one waited for its turn.
      if (!session.isActive) {
        end(notFound);
        return;
      }
      // What the application finds in AsyncLocalStorage is of this request, not of whatever brought its body or made room.
      const asyncContext = new AsyncResource('sockjs.send');
      const onBody = (body: Body) => {
        let messages: string[];
        try {
          messages = messagesOf(body, maxMessagesPerRequest);
        } catch (error) {
          end(() => fail(error));
          return;
        }
        // And again: or while the body came in.
        if (!session.isActive) {
          end(notFound);
          return;
        }
        // A client sends on when this one is answered, so the answer is what slows it.
        session.receive(messages, body.bytes, (accepted) =>
          asyncContext.runInAsyncScope(end, undefined, accepted ? answer : notFound),
        );
      };
      const onError = (error: unknown) => end(() => fail(error));
      readBody(req, endpoint.options, endpoint.timers, session, {
        onBody: (body) => asyncContext.runInAsyncScope(onBody, undefined, body),
        onError: (error) => asyncContext.runInAsyncScope(onError, undefined, error),
      });
    };
    if (!takeTurn(session, receive)) {
      setConnectionClose(res);
      reject(context, 'busy', 503, 'Too many sends at once.');
    }
  });
}
