/** Why a link has ended, and why a connection has become none. */
import type { HANDSHAKE_CLOSE } from './handshake.ts';

/** Why a link has ended. */
export type LinkEnd =
  /** `end()` was called on it, or its listener was closed. */
  | 'closed'
  /** The peer ended it, or the connection broke. */
  | 'peer'
  /** Nothing came for `nodeTimeout`. */
  | 'silent'
  /** The peer sent what no node sends. */
  | 'malformed'
  /** More than `maxQueuedBytes` came on top of a full link, since the peer reads too little. */
  | 'overrun'
  /** The same node has made another link. */
  | 'replaced'
  /** The handler of the link threw. */
  | 'failed';

/** Why a connection to this process has become no link. */
export type ListenerRefusal =
  /** It had 5 s, and 1 KiB. */
  | 'late'
  /** Too many others came after it. */
  | 'crowded'
  /** A browser has sent the request: it has an `Origin` header. */
  | 'origin'
  /** The handshake broke its form, the peer does not know the token, or speaks no common version. */
  | keyof typeof HANDSHAKE_CLOSE;

/** Why this process could not make a link; `DialResult` says what each means. */
export type DialFailure = 'refused' | 'timeout' | 'other-node' | 'unproven' | 'version' | 'failed';
