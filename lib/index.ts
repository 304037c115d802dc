/** The public surface of express-sockjs, and nothing else. */
export { CloseCode } from './close-code.ts';
export { jsessionid } from './http/cookie.ts';
export { defaultOptions, type ResolvedOptions, type SockjsOptions, type WebSocketServerOptions } from './options.ts';
export {
  Session,
  type SessionCloseEvent,
  type SessionEvents,
  type SessionHandler,
  SessionNotOpenError,
  type SessionState,
  type TransportName,
} from './session.ts';
export { type SockjsRouter, sockjs } from './sockjs.ts';
export { type AttachUpgradeOptions, attachUpgrade, type UpgradeServer } from './upgrade.ts';
