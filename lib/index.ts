/** The public surface of express-sockjs, and nothing else. */

export { jsessionid } from './http/cookie.ts';
export type { RejectedMessage, RejectionReason, SockjsStats } from './metrics.ts';
export {
  type AllowedOrigins,
  defaultOptions,
  type JsessionidAttributes,
  type ResolvedOptions,
  type SockjsOptions,
  type WebSocketServerOptions,
} from './options/options.ts';
export { CloseCode } from './protocol/close-code.ts';
export type { BroadcastOptions } from './session/broadcast.ts';
export type { MessageMessage, SessionCloseMessage, SessionOpenMessage } from './session/channel-messages.ts';
export { SessionNotOpenError } from './session/errors.ts';
export type { SessionCloseEvent, SessionEvents, SessionState } from './session/events.ts';
export type { LiveSessions } from './session/live-sessions.ts';
export type { TransportName } from './session/ports.ts';
export { Session, type SessionHandler } from './session/session.ts';
export type { CloseOptions, CloseResult } from './session/shutdown.ts';
export { type Room, type SockjsRouter, sockjs } from './sockjs.ts';
export { type AttachUpgradeOptions, attachUpgrade, type UpgradeServer } from './upgrade/attach-upgrade.ts';
