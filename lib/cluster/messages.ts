/**
 * What two nodes say to each other on a link. A node starts exchanges on the links that it has dialled: there it is the
 * requester, and the node at the other end owns the sessions. Answers come back on the same link.
 */
import type { HttpFamily, HttpTransportRow } from '../protocol/transports.ts';

/** A request of the requester, counted on each link from 1 upwards. `attach` and `send` count together. */
export type RequestId = number;

/** What the requester says. */
export type RequesterMessage =
  /** A receiving request has come for a session of the owner. Answered by `attached` or `refused`. */
  | {
      readonly type: 'attach';
      readonly rid: RequestId;
      readonly sessionId: string;
      /** What `identify` returned at the requester. */
      readonly client: string;
      readonly transport: HttpTransportRow['name'];
      /** The function that a jsonp or htmlfile client has named, else empty. */
      readonly callback: string;
    }
  /** A send has come, whose payload the requester has checked. Answered by `taken`, then `done`; or by `done` at once. */
  | {
      readonly type: 'send';
      readonly rid: RequestId;
      readonly sessionId: string;
      readonly client: string;
      readonly family: HttpFamily;
      readonly messages: readonly string[];
      /** The size of the request body that carried them. */
      readonly bytes: number;
    }
  /** The kernel has taken so many bytes of a response more: credit for further frames. */
  | { readonly type: 'written'; readonly rid: RequestId; readonly bytes: number }
  /** All bytes of a response have left. */
  | { readonly type: 'left'; readonly rid: RequestId }
  /** The client of a response has broken off. */
  | { readonly type: 'lost'; readonly rid: RequestId }
  /** The `done` of a send was seen: its answer has left, or can do no harm any more. */
  | { readonly type: 'got'; readonly rid: RequestId }
  /** The requester shuts down: it writes what comes until `yielded`, then ends the response as at the response limit. */
  | { readonly type: 'yield'; readonly rid: RequestId }
  /** A message to all sessions of the owner, or to those in a room. Numbered for the pair of node ids. */
  | { readonly type: 'message'; readonly seq: number; readonly room: string | undefined; readonly text: string }
  /** The same for a close. */
  | {
      readonly type: 'close';
      readonly seq: number;
      readonly room: string | undefined;
      readonly code: number;
      readonly reason: string;
    }
  /** Numbered as messages are, and acknowledged at once. So the requester learns when all before it has arrived. */
  | { readonly type: 'sync'; readonly seq: number }
  /**
   * All messages and closes up to this number that the owner has not got are lost. `isForAll`: one of them may have been
   * for all sessions, not only for those in rooms; `hasClose`: one of them may have been a close.
   */
  | { readonly type: 'gap'; readonly seq: number; readonly isForAll: boolean; readonly hasClose: boolean };

/** What the owner says. */
export type OwnerMessage =
  | { readonly type: 'attached'; readonly rid: RequestId }
  /** The receiving request gets no session. */
  | { readonly type: 'refused'; readonly rid: RequestId; readonly refusal: Refusal }
  /** The messages of a send are in the hands of the session. From now on the send ends with `done` or the link alone. */
  | { readonly type: 'taken'; readonly rid: RequestId }
  /** A send is over: the client may send more, or the session had ended and took nothing. */
  | { readonly type: 'done'; readonly rid: RequestId; readonly accepted: boolean }
  /** Bytes for a response, which the owner has wrapped. The response ends with the last. */
  | { readonly type: 'frame'; readonly rid: RequestId; readonly bytes: Buffer; readonly isLast: boolean }
  /** The connection of a response is to be cut. */
  | { readonly type: 'cut'; readonly rid: RequestId }
  | { readonly type: 'yielded'; readonly rid: RequestId }
  /** How many sessions a room has here; undefined for all sessions. Sent when the first joins or the last leaves. */
  | { readonly type: 'rooms'; readonly room: string | undefined; readonly count: number }
  /** All messages up to this number have been given to their sessions. */
  | { readonly type: 'ack'; readonly seq: number };

/** Why a receiving request gets no session. */
export type Refusal =
  /** Another receiver is attached. */
  | { readonly kind: 'busy' }
  /** The session is one of another client or family. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'ended'; readonly code: number; readonly reason: string }
  /** The owner knows no such session: the registry is wrong, or it has just ended. */
  | { readonly kind: 'not-mine' };

/** Any message of a link. */
export type LinkMessage = RequesterMessage | OwnerMessage;
