/**
 * How two nodes prove to each other that both have read the record of the listening node. Pure functions of bytes:
 *
 * ```
 *   listener                                          dialler
 *      | ---- challenge: versions, nonce, node id ------> |   another node than expected: it ends here
 *      | <--- answer: versions, nonce, proof, node id --- |
 *      | ---- confirmation: proof ----------------------> |
 * ```
 *
 * A proof is an HMAC-SHA256 under the token of the listener's record, over all that both have said: versions, nonces and
 * node ids. Each side has a label of its own, so that no proof can be sent back as one of the other side. The token
 * never travels. Nothing but these three messages is sent before both proofs.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** The lowest and the highest version of the link protocol that a node speaks. */
export type LinkVersions = readonly [lowest: number, highest: number];

/** The versions that this release speaks: its own, and the one before. */
export const LINK_VERSIONS: LinkVersions = [1, 1];

/** What a node says of itself. */
export interface LinkParty {
  /** The node id: 1 to 64 letters, digits, `_`, `.` and `-`. */
  readonly id: string;
  readonly versions: LinkVersions;
}

/** Close codes by which a listener tells why it refuses a dialler. */
export const HANDSHAKE_CLOSE = { malformed: 4000, unproven: 4001, version: 4002 } as const;

/** The layout of these three messages. It does not change with the versions of the link protocol. */
const LAYOUT = 1;

const NONCE_SIZE = 32;
const PROOF_SIZE = 32;
/** Layout and both versions. */
const VERSIONS_SIZE = 3;

const NODE_ID = /^[\w.-]{1,64}$/;

/** A shorter token could be guessed from a proof. */
const MIN_TOKEN_LENGTH = 16;

type Side = 'dialler' | 'listener';

/** What the listener makes of an answer. */
export type AnswerCheck =
  | { readonly kind: 'proven'; readonly peer: string; readonly version: number; readonly confirmation: Buffer }
  /** It is no answer, the dialler does not know the token, or no version is common. */
  | { readonly kind: keyof typeof HANDSHAKE_CLOSE };

/** What the dialler makes of a challenge. */
export type ChallengeCheck =
  | { readonly kind: 'expected'; readonly version: number; readonly answer: Buffer }
  | { readonly kind: 'other-node'; readonly id: string }
  /** It is no challenge. */
  | { readonly kind: 'malformed' }
  | { readonly kind: 'version' }
  /** The token of the record could be guessed, so a proof would prove nothing. */
  | { readonly kind: 'unproven' };

/**
 * The version that two nodes use: the highest that both speak.
 *
 * @returns undefined where they have none in common
 */
export function commonVersion(one: LinkVersions, other: LinkVersions): number | undefined {
  const version = Math.min(one[1], other[1]);
  return version >= Math.max(one[0], other[0]) ? version : undefined;
}

/** The listener's side of one handshake. */
export class ListenerHandshake {
  readonly #self: LinkParty;
  readonly #token: string;
  /** The first message to the dialler. */
  readonly challenge: Buffer;

  /**
   * @param token that of the listener's own record
   * @throws RangeError for a node id that does not fit, and for a token of less than 16 characters
   */
  constructor(self: LinkParty, token: string) {
    if (token.length < MIN_TOKEN_LENGTH) {
      throw new RangeError(`sockjs: the token of a node needs ${MIN_TOKEN_LENGTH} characters or more`);
    }
    this.#self = self;
    this.#token = token;
    this.challenge = Buffer.concat([introduction(self), Buffer.from(self.id, 'latin1')]);
  }

  /** Checks the answer of a dialler. */
  check(answer: Buffer): AnswerCheck {
    const parts = partsOf(answer, PROOF_SIZE);
    if (parts === undefined) {
      return { kind: 'malformed' };
    }
    const { id, versions, head, middle } = parts;
    if (!isEqual(middle, proofOf('dialler', this.#token, this.challenge, head, id))) {
      return { kind: 'unproven' };
    }
    const version = commonVersion(this.#self.versions, versions);
    if (version === undefined) {
      return { kind: 'version' };
    }
    const proof = proofOf('listener', this.#token, this.challenge, head, id);
    return { kind: 'proven', peer: id, version, confirmation: Buffer.concat([Buffer.of(LAYOUT), proof]) };
  }
}

/** The dialler's side of one handshake. */
export class DiallerHandshake {
  readonly #self: LinkParty;
  readonly #node: { readonly id: string; readonly token: string };
  readonly #head: Buffer;
  #confirmation: Buffer | undefined;

  /**
   * @param node the record of the node that is dialled
   * @throws RangeError for an id of this node that does not fit
   */
  constructor(self: LinkParty, node: { readonly id: string; readonly token: string }) {
    this.#self = self;
    this.#node = node;
    this.#head = introduction(self);
  }

  /** Checks the challenge of a listener. */
  check(challenge: Buffer): ChallengeCheck {
    const parts = partsOf(challenge, 0);
    if (parts === undefined) {
      return { kind: 'malformed' };
    }
    if (parts.id !== this.#node.id) {
      return { kind: 'other-node', id: parts.id };
    }
    const version = commonVersion(this.#self.versions, parts.versions);
    if (version === undefined) {
      return { kind: 'version' };
    }
    const head = this.#head;
    const { token } = this.#node;
    if (token.length < MIN_TOKEN_LENGTH) {
      return { kind: 'unproven' };
    }
    const { id } = this.#self;
    this.#confirmation = Buffer.concat([Buffer.of(LAYOUT), proofOf('listener', token, challenge, head, id)]);
    const proof = proofOf('dialler', token, challenge, head, id);
    return { kind: 'expected', version, answer: Buffer.concat([head, proof, Buffer.from(id, 'latin1')]) };
  }

  /** Whether this is the confirmation of a listener that knows the token. */
  isConfirmed(confirmation: Buffer): boolean {
    return this.#confirmation !== undefined && isEqual(confirmation, this.#confirmation);
  }
}

/** Layout, versions and a new nonce. */
function introduction({ id, versions }: LinkParty): Buffer {
  if (!NODE_ID.test(id)) {
    throw new RangeError('sockjs: a node id has 1 to 64 letters, digits, "_", "." and "-"');
  }
  return Buffer.concat([Buffer.of(LAYOUT, ...versions), randomBytes(NONCE_SIZE)]);
}

interface Parts {
  readonly versions: LinkVersions;
  /** The introduction: all up to the nonce. */
  readonly head: Buffer;
  /** What is between nonce and id. */
  readonly middle: Buffer;
  readonly id: string;
}

/** Takes a challenge or an answer apart. */
function partsOf(bytes: Buffer, middleSize: number): Parts | undefined {
  const [layout, lowest = 0, highest = 0] = bytes;
  const headSize = VERSIONS_SIZE + NONCE_SIZE;
  const id = bytes.toString('latin1', headSize + middleSize);
  if (layout !== LAYOUT || lowest > highest || !NODE_ID.test(id)) {
    return undefined;
  }
  return {
    versions: [lowest, highest],
    head: bytes.subarray(0, headSize),
    middle: bytes.subarray(headSize, headSize + middleSize),
    id,
  };
}

/** The proof of one side. Each part of the text has a fixed length or is preceded by its length. */
function proofOf(side: Side, token: string, challenge: Buffer, answerHead: Buffer, diallerId: string): Buffer {
  return createHmac('sha256', token)
    .update(`sockjs link ${side}\n${challenge.length} ${answerHead.length} ${diallerId.length}\n`)
    .update(challenge)
    .update(answerHead)
    .update(diallerId, 'latin1')
    .digest();
}

/** Compares in a time that does not depend on where the bytes differ. */
function isEqual(received: Buffer, expected: Buffer): boolean {
  return received.length === expected.length && timingSafeEqual(received, expected);
}
