/**
 * The tests of the protocol definition (sockjs-protocol 0.3.3), class by class, as a suite for any protocol server, such
 * as `demo/protocol-server.ts`. It sees nothing but the wire. Hixie-76 WebSockets are left out: no browser speaks them.
 */
import { randomUUID } from 'node:crypto';
import { itHasPages } from './pages.ts';
import { itPolls } from './polling.ts';
import type { Services } from './requests.ts';
import { itClosesSessions, itSetsCookies, itSpeaksHttp } from './sessions.ts';
import { itSpeaksJsonp, itStreams } from './streaming.ts';
import { itSpeaksWebSocket } from './websocket.ts';

/** Declares the suite. */
export function itConforms(origin: () => string): void {
  const at = (service: string) => `${origin()}/${service}`;
  const services: Services = { origin, at, session: (service = 'echo') => `${at(service)}/000/${randomUUID()}` };
  itHasPages(services);
  itSpeaksWebSocket(services);
  itPolls(services);
  itStreams(services);
  itSpeaksJsonp(services);
  itClosesSessions(services);
  itSetsCookies(services);
  itSpeaksHttp(services);
}
