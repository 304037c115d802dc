/** How sends are received: look up the session, take a turn, read the body, check it, deliver, answer. */
import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { findForSend, sendNotFound } from '../../admission/admit.ts';
import { reject } from '../../admission/reject.ts';
import type { RequestContext } from '../../context.ts';
import { type Body, BodyError, type BodyOutcome, readBody, UnwantedBodyError } from '../../http/body.ts';
import { PLAIN_TEXT, sendAfterTurn, setConnectionClose } from '../../http/respond.ts';
import { PayloadError, TooManyMessagesError } from '../../protocol/payload.ts';
import type { HttpFamily } from '../../protocol/transports.ts';
import type { RelayedSend, SendingPort } from '../../session/ports.ts';
import { takeTurn } from '../../session/send-queue.ts';
import { debugRequest } from '../../util/debug.ts';

/** What differs between the two routes for sends. */
export interface SendKind {
  /** The transports whose sessions take these sends. */
  readonly family: HttpFamily;
  /** The answer to a send that has been delivered: its status, and its text if it has a body. */
  readonly status: number;
  readonly text: string | undefined;
  /**
   * The messages of a body, all of them checked.
   *
   * @param max how many there may be
   * @throws PayloadError for what is not a payload, TooManyMessagesError for more than `max` messages
   */
  messagesOf(body: Body, max: number, req: IncomingMessage): string[];
}

/** Brings the messages of a request to its session, and answers when the client may send more. */
export function receiveSend<Data, Req extends IncomingMessage>(
  context: RequestContext<Data, Req>,
  kind: SendKind,
): void {
  findForSend(context, kind.family, (port) => {
    const hasPlace = takeTurn(port, (endTurn) => new Send(context, kind, port, endTurn).read());
    if (!hasPlace) {
      setConnectionClose(context.res);
      reject(context, 'busy', 503, 'Too many sends at once.');
    }
  });
}

/** A send whose turn has come. It ends with an answer, which ends its turn. */
class Send<Data, Req extends IncomingMessage> implements BodyOutcome {
  readonly #context: RequestContext<Data, Req>;
  readonly #kind: SendKind;
  readonly #port: SendingPort;
  readonly #endTurn: () => void;
  /** For AsyncLocalStorage: the body may come, and the application may read, in the context of another request. */
  readonly #asyncContext = new AsyncResource('sockjs.send');

  constructor(context: RequestContext<Data, Req>, kind: SendKind, port: SendingPort, endTurn: () => void) {
    this.#context = context;
    this.#kind = kind;
    this.#port = port;
    this.#endTurn = endTurn;
  }

  /** Reads the body, unless the session ended while this send waited for its turn. */
  read(): void {
    const { endpoint, req } = this.#context;
    if (this.#port.isActive) {
      readBody(req, endpoint.options, endpoint.timers, this.#port, this);
    } else {
      this.#endNotFound();
    }
  }

  onBody(body: Body): void {
    this.#asyncContext.runInAsyncScope(this.#deliver, this, body);
  }

  onError(error: unknown): void {
    this.#asyncContext.runInAsyncScope(this.#fail, this, error);
  }

  /** Checks the whole payload before it delivers the first message. */
  #deliver(body: Body): void {
    const { endpoint, req } = this.#context;
    let messages: string[];
    try {
      messages = this.#kind.messagesOf(body, endpoint.options.maxMessagesPerRequest, req);
    } catch (error) {
      this.#fail(error);
      return;
    }
    // The client sends its next request after this answer, so a late answer slows it down.
    this.#port.receive(messages, body.bytes, (accepted, relayed) =>
      this.#asyncContext.runInAsyncScope(accepted ? this.#succeed : this.#endNotFound, this, relayed),
    );
  }

  #succeed(relayed: RelayedSend | undefined): void {
    const { status, text } = this.#kind;
    this.#end(() => sendAfterTurn(this.#context, status, PLAIN_TEXT, text));
    if (relayed?.answered !== undefined) {
      whenAnswered(this.#context.res, relayed.answered);
    }
  }

  /** The session ended while this send waited for its turn, or while the body came in. */
  #endNotFound(relayed?: RelayedSend): void {
    if (relayed?.isLost === true && !this.#context.res.headersSent) {
      setConnectionClose(this.#context.res);
    }
    this.#end(() => sendNotFound(this.#context));
  }

  #fail(error: unknown): void {
    this.#end(() => answerError(this.#context, error));
  }

  #end(answer: () => void): void {
    try {
      answer();
    } catch (error) {
      // Middleware has answered in the meantime, such as one with a time limit.
      answerError(this.#context, error);
    }
    this.#endTurn();
  }
}

/** Calls back when an answer has left, or cannot: its client has broken off, or reads another answer first. */
function whenAnswered(res: ServerResponse, callback: () => void): void {
  if (res.socket === null || res.writableFinished || res.destroyed) {
    callback();
  } else {
    res.once('close', callback);
  }
}

/** Answers a send whose body could not be read, or is not a payload. Nothing of it has been delivered. */
function answerError<Data, Req extends IncomingMessage>(context: RequestContext<Data, Req>, error: unknown): void {
  const { res, sessionId } = context;
  if (error instanceof UnwantedBodyError) {
    // The session ended while the body came in. This package does not read the rest, so the connection has to end.
    setConnectionClose(res);
    sendNotFound(context);
  } else if (error instanceof BodyError) {
    // The connection has to end, for the same reason.
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
}
