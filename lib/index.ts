/** The public surface of express-sockjs, in groups. */

// The endpoint, and upgrades to WebSockets.

export { type Room, type SockjsRouter, sockjs } from './sockjs.ts';
export { attachUpgrade } from './upgrade/attach-upgrade.ts';
export type { AttachUpgradeOptions } from './upgrade/options.ts';
export type { UpgradeServer } from './upgrade/server.ts';
export { upgradeHandler } from './upgrade/upgrade-handler.ts';

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

// The option `cluster`: what an adapter is. Experimental.

export type {
  ClusterGapMessage,
  ClusterLinkMessage,
  ClusterMessage,
  ClusterNodeMessage,
  ClusterStatusMessage,
} from './cluster/cluster-channels.ts';
export type { Cluster, ClusterEvents, ClusterStatus } from './cluster/cluster-state.ts';
export { NotConfirmedError } from './cluster/not-confirmed-error.ts';
export type {
  ClusterAdapter,
  ClusterOptions,
  ClusterRegistry,
  Entry as ClusterEntry,
  LinkListen,
  LinkTls,
  NodeRecord as ClusterNodeRecord,
  OwnerMark as ClusterOwnerMark,
  Renewal as ClusterRenewal,
  Tombstone as ClusterTombstone,
} from './options/cluster-adapter.ts';

// Sessions.

export { CloseCode } from './protocol/close-code.ts';
export type { BroadcastOptions } from './session/broadcast.ts';
export { SessionNotOpenError } from './session/errors.ts';
export type { SessionCloseEvent, SessionEvents, SessionState } from './session/events.ts';
export type { LiveSessions } from './session/live-sessions.ts';
export type { TransportName } from './session/ports.ts';
export { Session, type SessionHandler } from './session/session.ts';
export type { CloseOptions, CloseResult } from './session/shutdown.ts';

// Monitoring: counters, and messages on diagnostics channels.

export type {
  ClusterStats,
  RejectedMessage,
  RejectionReason,
  RelayedRequests,
  RequestMessage,
  SockjsStats,
} from './metrics.ts';
export type {
  MessageMessage,
  ReceiverMessage,
  SessionCloseMessage,
  SessionOpenMessage,
} from './session/channel-messages.ts';
