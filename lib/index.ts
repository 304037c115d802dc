/** The public surface of express-sockjs, and nothing else. */

export { jsessionid } from './http/cookie.ts';
export type {
  MessageMessage,
  RejectedMessage,
  RejectionReason,
  SessionCloseMessage,
  SessionOpenMessage,
  SockjsStats,
} from './metrics.ts';
export type {
  AllowedOrigins,
  JsessionidAttributes,
  ResolvedOptions,
  SockjsOptions,
  WebSocketServerOptions,
} from './options/options.ts';
export { defaultOptions } from './options/resolve.ts';
export { CloseCode } from './protocol/close-code.ts';
export { SessionNotOpenError } from './session/inbox.ts';
export type { TransportName } from './session/ports.ts';
export type { CloseOptions, CloseResult, LiveSessions } from './session/registry.ts';
export type { BroadcastOptions } from './session/rooms.ts';
export {
  Session,
  type SessionCloseEvent,
  type SessionEvents,
  type SessionHandler,
  type SessionState,
} from './session/session.ts';
export { type Room, type SockjsRouter, sockjs } from './sockjs.ts';
export { type AttachUpgradeOptions, attachUpgrade, type UpgradeServer } from './upgrade/attach-upgrade.ts';
