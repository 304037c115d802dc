/** The other nodes, as far as requests for their sessions need them. */
import type { RequesterSide } from './requester-side.ts';

/** What has become of the attempt to reach a node. */
export type Reached =
  | { readonly kind: 'linked'; readonly side: RequesterSide }
  /** It has no lease, and cannot be dialled. Its sessions are lost. */
  | { readonly kind: 'dead' }
  /** It may live, or not. */
  | { readonly kind: 'unreachable' };

/** Gives links to other nodes, and dials them where there are none. */
export interface Peers {
  /** The link to a node, which it may take some time to dial. Never waits for ever. */
  reach(nodeId: string): Reached | PromiseLike<Reached>;
}
