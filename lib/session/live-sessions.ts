/** The live sessions of an endpoint, as `router.sessions` shows them. */
import type { IncomingMessage } from 'node:http';
import type { SessionRegistry } from './registry.ts';
import type { Session } from './session.ts';

/** The live sessions of a router. */
export interface LiveSessions<Data = unknown, Req extends IncomingMessage = IncomingMessage>
  extends Iterable<Session<Data, Req>> {
  /** How many there are, those that are closing included. */
  readonly size: number;
  /** The session of that id, the newest where several WebSockets use the same; undefined where there is none. */
  get(id: string): Session<Data, Req> | undefined;
}

/** A view of a registry that shows an application nothing but its sessions. */
export function liveSessionsOf<Data, Req extends IncomingMessage>(
  registry: SessionRegistry<Data, Req>,
): LiveSessions<Data, Req> {
  return {
    get size() {
      return registry.size;
    },
    get: (id) => registry.get(id),
    *[Symbol.iterator]() {
      for (const { session } of registry) {
        yield session;
      }
    },
  };
}
