/** The sessions of one mount; whatever finds a session goes through here. */
import type { IncomingMessage } from 'node:http';
import { Session, type SessionHooks, type TransportName } from './session.ts';

/** Makes, finds and forgets sessions. */
export class SessionStore<Data, Req extends IncomingMessage> {
  readonly #hooks: SessionHooks<Data, Req>;
  /** Only those that a later request may ask for; a Map, so that no id a client can think of means anything special. */
  readonly #byId = new Map<string, Session<Data, Req>>();

  constructor(hooks: Omit<SessionHooks<Data, Req>, 'onForget'>) {
    this.#hooks = { ...hooks, onForget: (session) => this.#forget(session) };
  }

  /** The session of that id, in whatever state; ended ones are there until their close frame need not be repeated. */
  find(id: string): Session<Data, Req> | undefined {
    return this.#byId.get(id);
  }

  /** A new session that later requests find by its id: for the HTTP transports. */
  create(id: string, request: Req, transport: TransportName): Session<Data, Req> {
    const session = new Session(id, request, transport, true, this.#hooks);
    this.#byId.set(id, session);
    return session;
  }

  /** A new session that only its own socket reaches: for WebSockets, whose ids may be used again (PROTOCOL.md 6.8). */
  createUnlisted(id: string, request: Req, transport: TransportName): Session<Data, Req> {
    return new Session(id, request, transport, false, this.#hooks);
  }

  #forget(session: Session<Data, Req>): void {
    if (this.#byId.get(session.id) === session) {
      this.#byId.delete(session.id);
    }
  }
}
