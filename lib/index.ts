/** The public surface of express-sockjs, and nothing else. */
export { CloseCode } from './close-code.ts';
export { jsessionid } from './http/cookie.ts';
export { SessionNotOpenError } from './inbox.ts';
export type {
  MessageMessage,
  RejectedMessage,
  RejectionReason,
  SessionCloseMessage,
  SessionOpenMessage,
  SockjsStats,
} from './meter.ts';
export {
  type AllowedOrigins,
  defaultOptions,
  type JsessionidAttributes,
  type ResolvedOptions,
  type SockjsOptions,
  type WebSocketServerOptions,
} from './options.ts';
export type { TransportName } from './receiver.ts';
export type { BroadcastOptions } from './rooms.ts';
export {
  Session,
  type SessionCloseEvent,
  type SessionEvents,
  type SessionHandler,
  type SessionState,
} from './session.ts';
export type { CloseOptions, CloseResult, LiveSessions } from './session-store.ts';
export { type Room, type SockjsRouter, sockjs } from './sockjs.ts';
export { type AttachUpgradeOptions, attachUpgrade, type UpgradeServer } from './upgrade.ts';
