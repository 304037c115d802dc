/** The messages of one session, on their way to the methods of gateways and back as answers. */
import type { IncomingMessage } from 'node:http';
import type { Session } from '../index.ts';

/** A method of a gateway with `@SubscribeMessage()`, as Nest gives it to an adapter: guards, pipes and filters included. */
export interface MessageHandler {
  /** The event that the method has subscribed to. */
  readonly message: unknown;
  callback(...args: unknown[]): unknown;
}

/** What an adapter uses of an Observable of rxjs. */
export interface Answers {
  subscribe(observer: { next(answer: unknown): void; error(error: unknown): void; complete(): void }): Subscription;
}

/** What an adapter uses of a Subscription of rxjs. */
interface Subscription {
  unsubscribe(): void;
}

/** Nest's function that makes one Observable of what a method returned: a value, a promise or an Observable. */
export type Transform = (result: unknown) => Answers;

/**
 * Passes each message to the methods that have subscribed to its event, and sends what they return. The messages are
 * those of Nest's own adapter for WebSockets: JSON of `{ event, data }`. All other messages are ignored.
 */
export class GatewayMessages<Data, Req extends IncomingMessage> {
  readonly #session: Session<Data, Req>;
  readonly #methods = new Map<unknown, ((data: unknown) => Answers)[]>();
  /** The Observables that may have further answers. */
  readonly #running = new Set<Subscription>();

  constructor(session: Session<Data, Req>) {
    this.#session = session;
    session.on('message', (text) => this.#receive(text));
    session.on('close', () => this.#stop());
    // The exception filters of Nest tell the client of an error by `client.emit('exception', payload)`. On a session that
    // reaches only listeners of this process. The types of a session know its own events alone.
    (session as { on(event: string, listener: (payload: unknown) => void): unknown }).on('exception', (data) =>
      this.#send({ event: 'exception', data }),
    );
  }

  /** Adds the methods of one gateway. */
  add(handlers: readonly MessageHandler[], transform: Transform): void {
    for (const { message, callback } of handlers) {
      const methods = this.#methods.get(message) ?? [];
      methods.push((data) => transform(callback(data)));
      this.#methods.set(message, methods);
    }
  }

  /** @returns a promise that rejects with the error of a method. The session then ends, as for every listener. */
  async #receive(text: string): Promise<void> {
    const message = parse(text);
    const methods = this.#methods.get(message?.event);
    if (message !== undefined && methods !== undefined) {
      await Promise.all(methods.map((method) => this.#answer(method, message.data)));
    }
  }

  /** @returns settles when the last answer was sent; never, where the session ends before */
  #answer(method: (data: unknown) => Answers, data: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const end = (settle: () => void) => {
        isOver = true;
        this.#running.delete(subscription);
        settle();
      };
      let subscription: Subscription = { unsubscribe: () => {} };
      subscription = method(data).subscribe({
        next: (answer) => {
          try {
            this.#send(answer);
          } catch (error) {
            // JSON cannot hold the answer. rxjs would throw the error into the process.
            end(() => reject(error));
            subscription.unsubscribe();
          }
        },
        error: (error) => end(() => reject(error)),
        complete: () => end(resolve),
      });
      if (isOver) {
        subscription.unsubscribe();
      } else {
        this.#running.add(subscription);
      }
    });
  }

  /** Sends an answer; nothing for `undefined` and `null`, which a method without an answer returns. */
  #send(answer: unknown): void {
    if (answer !== undefined && answer !== null) {
      this.#session.send(JSON.stringify(answer));
    }
  }

  /** Ends the Observables that have no end of their own: nothing reads their answers any more. */
  #stop(): void {
    for (const subscription of this.#running) {
      subscription.unsubscribe();
    }
    this.#running.clear();
  }
}

/** The event and the data of a message; undefined where it is no JSON object with an event. */
function parse(text: string): { readonly event: string; readonly data?: unknown } | undefined {
  try {
    const message = JSON.parse(text);
    return typeof message?.event === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}
