/** The input of a hostile node: what it writes in the registry, and what it says on links. */
import { machineId } from '../../lib/cluster/machine.ts';
import type { LinkMessage, OwnerMessage, Refusal, RequesterMessage } from '../../lib/cluster/messages.ts';
import { encoded } from '../support/link-messages.ts';
import type { Random } from './random.ts';

/** Session ids that could be taken for something else on their way: in a key, in a line, in a path. */
export const ODD_IDS: readonly string[] = [
  '{a}',
  '}{',
  '{sockjs:nodes}',
  'a\nb',
  '\r\n',
  '\u0000',
  '"',
  ':1',
  '[1,"",""]',
  '__proto__',
  '\ud800',
  '\u2028',
  'é',
  'x'.repeat(255),
  'x'.repeat(256),
];

const TRANSPORTS = ['xhr-polling', 'xhr-streaming', 'eventsource', 'htmlfile', 'jsonp-polling'] as const;

const FAMILIES = ['xhr', 'jsonp'] as const;

/** Addresses that lead nowhere. None has a name that would have to be looked up. */
const ADDRESSES = [
  '',
  ':',
  '/',
  '.',
  '/dev/null',
  '/\u0000',
  `/${'x'.repeat(500)}`,
  `${'x'.repeat(300)}:80`,
  '127.0.0.1',
  '127.0.0.1:0',
  '127.0.0.1:65536',
  '127.0.0.1:1e3',
  '[::1:80',
  '256.256.256.256.256',
];

/** Of another machine, no process would dial a loopback address. */
const machine = machineId();

/** JSON of a node record, or of what another release may have in its place. */
export function nodeText(random: Random, id: string, address: string): string {
  const token: unknown = random.pick<unknown>([
    't'.repeat(43),
    '',
    '\ud800'.repeat(20),
    'x'.repeat(random.below(100_000)),
    null,
    5,
    {},
  ]);
  const at = random.chance(0.3) ? address : random.pick(ADDRESSES);
  const versions: unknown[] = random.pick<unknown[]>([
    [1, 1],
    [2, 1],
    [-1, 1e308],
    [0, 256],
    [0.5, 1.5],
    [null, 1],
    ['1', '1'],
    [[1, 1]],
    [],
  ]);
  const record: unknown = random.pick<unknown>([
    [id, at, token, machine, ...versions],
    [id, at, token, machine, 1, 1, { more: 'fields' }],
    [id, at, token, random.pick(['', 'another', null, 5]), 1, 1],
    [random.text(3), at, token, machine, 1, 1],
    [id, random.pick([null, 5, {}, ['127.0.0.1:1']]), token, machine, 1, 1],
    { id, address: at, token, machine: machine, versions: [1, 1] },
    null,
  ]);
  const text = JSON.stringify(record);
  return random.chance(0.9) ? text : text.slice(0, random.below(text.length));
}

/** The value of a session key: the mark of this node, a tombstone, or neither. */
export function entryText(random: Random, nodeId: string): string {
  if (random.chance(0.6)) {
    return `${nodeId}:${1 + random.below(3)}`;
  }
  return random.pick([
    () => `${nodeId}:${random.pick(['0', '1', '007', '9'.repeat(400), '-1', '1.5', ''])}`,
    () => JSON.stringify([random.pick([1000, 3000, 0, -1, 1e21, 1.5]), random.text(random.below(50)), '']),
    () => JSON.stringify([1000, 'x'.repeat(random.below(100_000)), random.pick(['', 'h', 'x'.repeat(10_000)])]),
    () => JSON.stringify(random.pick<unknown>([[], {}, 5, null, ['1000', '', ''], [1000, null, ''], [1000, '']])),
    () => random.text(random.below(10)),
  ])();
}

/** What a peer says that has begun no exchange yet, and has an id of this client in mind. */
export function requesterBytes(random: Random, ids: readonly string[], client: string): Buffer {
  let lastRid = 0;
  const messages = Array.from({ length: 1 + random.below(12) }, (): RequesterMessage => {
    if (lastRid === 0 || random.chance(0.4)) {
      lastRid += random.chance(0.97) ? 1 : random.below(3);
      return exchangeOf(random, Math.max(lastRid, 1), random.pick(ids), client);
    }
    return aboutExchange(random, ridOf(random, lastRid));
  });
  return distorted(random, messages);
}

/** What an owner says that has been asked for exchanges up to a number. */
export function ownerBytes(random: Random, lastRid: number): Buffer {
  const messages = Array.from({ length: 1 + random.below(8) }, () => answerOf(random, ridOf(random, lastRid)));
  return distorted(random, messages);
}

function exchangeOf(random: Random, rid: number, sessionId: string, client: string): RequesterMessage {
  if (random.chance(0.5)) {
    const transport = random.pick(TRANSPORTS);
    return { type: 'attach', rid, sessionId, client, transport, callback: random.pick(['', 'cb', 'a.b']) };
  }
  const messages = random.pick([['forged'], [], ['\ud800', '\n'], Array.from({ length: 50 }, () => 'forged')]);
  const bytes = random.pick([1, 0, 2 ** 31, Number.MAX_SAFE_INTEGER]);
  return { type: 'send', rid, sessionId, client, family: random.pick(FAMILIES), messages, bytes };
}

function aboutExchange(random: Random, rid: number): RequesterMessage {
  return random.pick<() => RequesterMessage>([
    () => ({ type: random.pick(['left', 'lost', 'got', 'yield'] as const), rid }),
    () => ({ type: 'written', rid, bytes: random.pick([0, 1, 20, 65_536, Number.MAX_SAFE_INTEGER]) }),
    // Who has the token may speak to all sessions. No healthy one is in this room.
    () => ({ type: 'message', seq: rid, room: 'room', text: 'forged' }),
    () => ({ type: 'close', seq: rid, room: 'room', code: 3000, reason: 'forged' }),
  ])();
}

function answerOf(random: Random, rid: number): OwnerMessage {
  const frame = () => random.pick(['o\n', 'h\n', 'a["forged"]\n', 'c[3000,"forged"]\n', 'a["for', '', '\n\n\u0000']);
  return random.pick<() => OwnerMessage>([
    () => ({ type: random.pick(['attached', 'attached', 'taken', 'cut', 'yielded'] as const), rid }),
    () => ({ type: 'frame', rid, bytes: Buffer.from(frame()), isLast: random.chance(0.3) }),
    () => ({ type: 'frame', rid, bytes: random.bytes(random.below(300)), isLast: random.chance(0.3) }),
    () => ({ type: 'done', rid, accepted: random.chance(0.5) }),
    () => ({ type: 'refused', rid, refusal: refusalOf(random) }),
    () => ({ type: 'rooms', room: random.chance(0.5) ? undefined : 'room', count: random.below(1000) }),
    () => ({ type: 'ack', seq: rid }),
  ])();
}

function refusalOf(random: Random): Refusal {
  const kind = random.pick(['busy', 'foreign', 'not-mine', 'ended'] as const);
  return kind === 'ended' ? { kind, code: 1000 + random.below(4000), reason: random.text(5) } : { kind };
}

/** The number of an exchange that was begun, or of one that was not. */
function ridOf(random: Random, lastRid: number): number {
  return random.chance(0.9) ? 1 + random.below(Math.max(lastRid, 1)) : random.pick([lastRid + 1, 2 ** 32, 2 ** 52]);
}

/** The bytes of messages. In some of them bytes are changed, a length is a huge one, or some are missing. */
function distorted(random: Random, messages: readonly LinkMessage[]): Buffer {
  const bytes = encoded(messages, random.chance(0.95) ? 1 : random.below(256));
  if (random.chance(0.15)) {
    bytes[random.below(bytes.length)] = random.below(256);
  }
  if (random.chance(0.03)) {
    bytes.writeUInt32BE(random.pick([0, 1, 2 ** 27, 2 ** 32 - 1]));
  }
  return random.chance(0.95) ? bytes : bytes.subarray(random.below(bytes.length));
}
