/** At the owner of a session: a send that another node relays, from its arrival to the sign that its answer has left. */
import { CLOSES } from '../protocol/close-code.ts';
import type { SendingPort } from '../session/ports.ts';
import { takeTurn } from '../session/send-queue.ts';
import type { Link } from './link.ts';
import type { OwnerMessage, RequesterMessage } from './messages.ts';

/** The session of a send. Sends take turns by it, those of this process included. */
export interface SendingSession extends SendingPort {
  close(code: number, reason: string): boolean;
}

/** The time limits of sends. */
interface SendLimits {
  start(send: ReceivedSend): void;
  stop(send: ReceivedSend): void;
}

/** What a send needs of the link that it has come on. */
export interface SendContext {
  readonly link: Link<OwnerMessage>;
  /** How long it may wait for its turn. Calls `onTurnMissed`. */
  readonly turns: SendLimits;
  /** How long its answer may take to leave. Calls `onUncertain`. */
  readonly answers: SendLimits;
  /** Called when nothing more is to be heard of it. */
  readonly onOver: (send: ReceivedSend) => void;
}

/**
 * One send of another node.
 *
 * Its turn lasts until the answer has left there. Until then neither node knows whether the client has learnt of its success,
 * and the messages of the next send must not follow. Where that stays unknown, the session ends with 1012.
 */
export class ReceivedSend {
  readonly rid: number;
  readonly #message: Extract<RequesterMessage, { type: 'send' }>;
  readonly #session: SendingSession;
  readonly #context: SendContext;
  #state: 'waiting' | 'taken' | 'done' | 'over' = 'waiting';
  #endTurn = () => {};

  constructor(message: Extract<RequesterMessage, { type: 'send' }>, session: SendingSession, context: SendContext) {
    this.rid = message.rid;
    this.#message = message;
    this.#session = session;
    this.#context = context;
  }

  /** Takes a turn, and delivers then. */
  start(): void {
    if (!takeTurn(this.#session, (endTurn) => this.#begin(endTurn))) {
      this.#refuse();
    } else if (this.#state === 'waiting') {
      this.#context.turns.start(this);
    }
  }

  /** The answer has left, or can do no harm any more. Ignored where there was no answer yet. */
  got(): void {
    if (this.#state === 'done') {
      this.#finish();
    }
  }

  /** The time limit of the turn is over: nothing was delivered, and nothing will be. */
  onTurnMissed(): void {
    if (this.#state === 'waiting') {
      this.#refuse();
    }
  }

  /** The answer has not left in time, or the link has ended: the client may never learn what became of its messages. */
  onUncertain(): void {
    const wasTaken = this.#state === 'taken' || this.#state === 'done';
    this.#finish();
    if (wasTaken) {
      this.#session.close(CLOSES.sessionLost.code, CLOSES.sessionLost.reason);
    }
  }

  #begin(endTurn: () => void): void {
    this.#endTurn = endTurn;
    if (this.#state === 'over') {
      endTurn();
      return;
    }
    if (!this.#session.isActive) {
      this.#refuse();
      return;
    }
    this.#context.turns.stop(this);
    this.#state = 'taken';
    const { messages, bytes, rid } = this.#message;
    this.#session.receive(messages, bytes, (accepted) => this.#onDone(accepted));
    if (this.#state === 'taken') {
      this.#context.link.send({ type: 'taken', rid });
    }
  }

  /** The client may send more, or the session had ended before. */
  #onDone(accepted: boolean): void {
    if (this.#state !== 'taken') {
      return;
    }
    if (accepted) {
      this.#state = 'done';
      this.#context.answers.start(this);
      this.#context.link.send({ type: 'done', rid: this.rid, accepted });
    } else {
      this.#refuse();
    }
  }

  /** Nothing was delivered, so that no answer can be wrong. */
  #refuse(): void {
    this.#context.link.send({ type: 'done', rid: this.rid, accepted: false });
    this.#finish();
  }

  #finish(): void {
    if (this.#state !== 'over') {
      this.#state = 'over';
      this.#context.turns.stop(this);
      this.#context.answers.stop(this);
      this.#context.onOver(this);
      this.#endTurn();
    }
  }
}
