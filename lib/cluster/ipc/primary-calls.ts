/** The commands of this worker to its primary, each with a deadline. */
import { randomInt } from 'node:crypto';
import { promiseWithResolvers } from '../../util/promises.ts';
import { startAnswerTimer } from '../answer-timer.ts';
import { type Answers, COMMAND, type CommandMessage, type Commands, type Method, readAnswer } from './messages.ts';

/** Numbers from there on are exact for longer than any process runs. */
const MAX_FIRST_ID = 2 ** 47;

/** Commands that the primary has not answered. While it stalls, the kernel and Node hold them: 4 MiB at most. */
export const MAX_IN_FLIGHT = 4096;

/** The primary, as `node:cluster` has it in a worker. */
export interface PrimaryEnd {
  isConnected(): boolean;
  send(message: CommandMessage, callback: (error: Error | null) => void): void;
  /** Has the functions called for each message, and once the channel has ended. Called once. */
  listen(onMessage: (message: unknown) => void, onGone: () => void): void;
}

/** A command that has no answer yet. Its deadline may have passed. */
interface Call {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly stopTimer: () => void;
}

/** Sends commands, and settles them. One for all routers of a worker. */
export class PrimaryCalls {
  readonly #primary: PrimaryEnd;
  readonly #calls = new Map<number, Call>();
  /** Another copy of this module in the worker gets the same answers: it must not take them for its own. */
  #ids = randomInt(MAX_FIRST_ID);
  #hasAnswered = false;

  constructor(primary: PrimaryEnd) {
    this.#primary = primary;
    primary.listen(
      (message) => this.#onMessage(message),
      () => this.#onGone(),
    );
  }

  /** Whether there is a primary. It never comes back. */
  get isConnected(): boolean {
    return this.#primary.isConnected();
  }

  /** Commands without an answer, those whose deadline has passed included. */
  get inFlight(): number {
    return this.#calls.size;
  }

  /**
   * Sends a command. Rejects where the primary refuses it, has gone or has not answered in time, and where too much waits
   * for an answer. It may have been done nevertheless, or may be done later.
   *
   * @param name the endpoint
   * @param timeout ms
   */
  call<M extends Method>(name: string, method: M, fields: Commands[M], timeout: number): Promise<Answers[M]> {
    if (!this.isConnected) {
      return Promise.reject(gone());
    }
    if (this.#calls.size >= MAX_IN_FLIGHT) {
      return Promise.reject(new Error(`sockjs: too many commands wait for the primary; ${this.#remedy()}`));
    }
    const { promise, resolve, reject } = promiseWithResolvers<unknown>();
    this.#ids += 1;
    const id = this.#ids;
    const late = () =>
      reject(new Error(`sockjs: the primary has not answered within ${timeout} ms; ${this.#remedy()}`));
    this.#calls.set(id, { resolve, reject, stopTimer: startAnswerTimer(timeout, late) });
    const command = { method, ...fields } as CommandMessage['command'];
    this.#primary.send({ type: COMMAND, name, id, command }, (error) => {
      if (error !== null) {
        this.#settle(id, (call) => call.reject(new Error(`sockjs: the primary cannot be reached: ${error.message}`)));
      }
    });
    // The primary runs the same release, and was asked by this method.
    return promise as Promise<Answers[M]>;
  }

  #onMessage(message: unknown): void {
    const read = readAnswer(message);
    if (read !== undefined) {
      this.#hasAnswered = true;
      const { id, answer, error } = read;
      this.#settle(id, ({ resolve, reject }) => (error === undefined ? resolve(answer) : reject(new Error(error))));
    }
  }

  #onGone(): void {
    for (const id of [...this.#calls.keys()]) {
      this.#settle(id, ({ reject }) => reject(gone()));
    }
  }

  #settle(id: number, settle: (call: Call) => void): void {
    const call = this.#calls.get(id);
    if (call !== undefined) {
      this.#calls.delete(id);
      call.stopTimer();
      settle(call);
    }
  }

  #remedy(): string {
    return this.#hasAnswered
      ? 'it stalls, or has too much to do'
      : 'the program of the primary must call setupPrimary() of express-sockjs/cluster before it forks workers';
  }
}

function gone(): Error {
  return new Error('sockjs: this worker has been disconnected from its primary');
}
