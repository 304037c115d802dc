/** The public surface of express-sockjs, in groups. */

// The endpoint, and upgrades to WebSockets.

export { type Room, type SockjsRouter, sockjs } from './sockjs.ts';
export { type AttachUpgradeOptions, attachUpgrade, type UpgradeServer } from './upgrade/attach-upgrade.ts';

// Options.

export { jsessionid } from './http/cookie.ts';
export type {
  AllowedOrigins,
  JsessionidAttributes,
  ResolvedOptions,
  SockjsOptions,
  WebSocketServerOptions,
} from './options/options.ts';
export { defaultOptions } from './options/resolve.ts';

// Sessions.

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

// Monitoring: counters, and messages on diagnostics channels.

export type {
  MessageMessage,
  RejectedMessage,
  RejectionReason,
  SessionCloseMessage,
  SessionOpenMessage,
  SockjsStats,
} from './metrics.ts';
