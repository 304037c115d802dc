/** The negotiation of permessage-deflate (RFC 7692, section 7.1). */
import type { PerMessageDeflateOptions } from 'ws';
import { Random } from '../../../hostile/random.ts';
import { type CaseGroup, type FrameCase, text } from '../frame-case.ts';

/** Its second half repeats the first. The distance needs a window of 14 bits. */
export const FAR = (() => {
  const random = new Random(7692);
  const once = Array.from({ length: 10_000 }, () => String.fromCharCode(0x20 + random.below(0x5f))).join('');
  return once + once;
})();

/** Text whose repetitions fit into any window. */
export const NEAR = 'hello hello hello '.repeat(20);

/** Returns the header lines of an offer. */
export function offer(...values: string[]): readonly string[] {
  return values.map((value) => `Sec-WebSocket-Extensions: ${value}`);
}

export const NAME = 'permessage-deflate';

/** All sizes of a window, in bits. */
export const BITS = [8, 9, 10, 11, 12, 13, 14, 15];
/** The compressed answers to these messages depend on the server's window and on its context takeover. */
const SHOWS_ANSWERS = [text(NEAR), text(FAR), text(NEAR), text('')];

const NUMBERED = (name: string) => BITS.map((bits) => `${name}=${bits}`);

const FINE: readonly string[] = [
  ...[
    '',
    'client_no_context_takeover',
    'server_no_context_takeover',
    'client_no_context_takeover; server_no_context_takeover',
    'client_max_window_bits',
    ...NUMBERED('client_max_window_bits'),
    ...NUMBERED('server_max_window_bits'),
    'server_max_window_bits="10"',
    'client_max_window_bits="10"; server_max_window_bits=10',
    'client_no_context_takeover; server_no_context_takeover; client_max_window_bits=10; server_max_window_bits=12',
  ].map((parameters) => (parameters ? `${NAME}; ${parameters}` : NAME)),
  `${NAME};client_max_window_bits;server_max_window_bits=9`,
  `${NAME} ; client_max_window_bits`,
  `${NAME}; server_max_window_bits=9, ${NAME}`,
  `${NAME}; client_max_window_bits, ${NAME}; server_no_context_takeover`,
  `x-unknown; level=1, ${NAME}`,
  `${NAME}, x-unknown`,
];

/** Extensions that ws does not know. It accepts the handshake without them. */
const OTHERS = [
  'x-webkit-deflate-frame',
  'permessage-bzip2; level=9',
  'PERMESSAGE-DEFLATE',
  'deflate',
  'permessage-deflate2',
];

const BAD_PARAMETERS = [
  'unknown',
  'unknown=1',
  'Client_max_window_bits',
  'client_no_context_takeover=1',
  'client_no_context_takeover=true',
  'client_no_context_takeover=""',
  'server_no_context_takeover=0',
  'client_no_context_takeover; client_no_context_takeover',
  'server_no_context_takeover; server_no_context_takeover',
  'client_max_window_bits; client_max_window_bits',
  'client_max_window_bits=10; client_max_window_bits=10',
  'server_max_window_bits=10; server_max_window_bits=11',
  'server_max_window_bits',
  ...['client', 'server'].flatMap((side) =>
    ['0', '7', '16', '-8', '10.5', 'abc', '1000'].map((value) => `${side}_max_window_bits=${value}`),
  ),
];

const BAD_OFFERS = [
  ...BAD_PARAMETERS.map((parameters) => `${NAME}; ${parameters}`),
  `${NAME}, ${NAME}; unknown`,
  `${NAME}; unknown, ${NAME}`,
  `${NAME};`,
  `${NAME}; =1`,
  `${NAME}; server_max_window_bits=`,
  `${NAME}; server_max_window_bits="10`,
  `${NAME}; server_max_window_bits="1 0"`,
  `${NAME},, ${NAME}`,
  `, ${NAME}`,
  ';',
  `${NAME} client_max_window_bits`,
  `${NAME}/1`,
];

/** Returns a conversation that begins with an offer. */
function offering(values: readonly string[], outcome: FrameCase['outcome'] = 'open'): FrameCase {
  return { name: values.join(' | '), headers: offer(...values), segments: SHOWS_ANSWERS, outcome };
}

export const OFFERS: readonly CaseGroup[] = [
  { title: 'an offer is accepted', cases: FINE.map((value) => offering([value])) },
  {
    title: 'offers in several lines are accepted',
    cases: [
      offering([NAME, 'x-unknown']),
      offering(['x-unknown', NAME]),
      offering([`${NAME}; server_max_window_bits=9`, NAME]),
    ],
  },
  { title: 'an offer of another extension is passed over', cases: OTHERS.map((value) => offering([value])) },
  { title: 'a bad offer is refused', cases: BAD_OFFERS.map((value) => offering([value], 'refused')) },
];

/** Server options. Each gets all offers of {@link OFFERED}. */
export const SERVERS: readonly [title: string, options: PerMessageDeflateOptions | boolean][] = [
  ['false', false],
  ['serverNoContextTakeover: true', { serverNoContextTakeover: true }],
  ['serverNoContextTakeover: false', { serverNoContextTakeover: false }],
  ['clientNoContextTakeover: true', { clientNoContextTakeover: true }],
  ['both without context', { clientNoContextTakeover: true, serverNoContextTakeover: true }],
  ['without context, threshold: 0', { serverNoContextTakeover: true, threshold: 0 }],
  ...BITS.map((bits): [string, PerMessageDeflateOptions] => [
    `serverMaxWindowBits: ${bits}`,
    { serverMaxWindowBits: bits },
  ]),
  ...BITS.map((bits): [string, PerMessageDeflateOptions] => [
    `clientMaxWindowBits: ${bits}`,
    { clientMaxWindowBits: bits },
  ]),
  ['level: 1', { zlibDeflateOptions: { level: 1 } }],
];

export const OFFERED: readonly CaseGroup[] = [
  {
    title: 'each offer gets the answer of ws',
    cases: [
      NAME,
      `${NAME}; client_max_window_bits`,
      `${NAME}; client_max_window_bits=8`,
      `${NAME}; client_max_window_bits=12`,
      `${NAME}; client_max_window_bits=15`,
      `${NAME}; server_max_window_bits=8`,
      `${NAME}; server_max_window_bits=12`,
      `${NAME}; server_max_window_bits=15`,
      `${NAME}; server_no_context_takeover`,
      `${NAME}; client_no_context_takeover; client_max_window_bits`,
      `${NAME}; server_max_window_bits=8, ${NAME}; client_max_window_bits=15; server_max_window_bits=15`,
      `${NAME}; unknown`,
    ].map((value) => offering([value], 'any')),
  },
];
