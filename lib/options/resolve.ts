/** The table of options, one row for each: default, check, and the options of other servers that it replaces. */
import { constants } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { TRANSPORTS, type TransportOption } from '../protocol/transports.ts';
import { withHelp } from '../util/help.ts';
import {
  aBoolean,
  aFunction,
  aStringOrFunction,
  bytes,
  type Check,
  clientUrl,
  cookie,
  count,
  describe,
  headerValue,
  integrity,
  milliseconds,
  origins,
  pathPrefix,
  webSocketEngine,
} from './checks.ts';
import { clusterAdapter } from './cluster-settings.ts';
import type { ResolvedOptions, SockjsOptions } from './options.ts';

/** One option. {@link SockjsOptions} documents what it means. */
interface OptionRow<Value> {
  /** The value of the option if it is left out. */
  readonly default: Value;
  readonly check: Check;
  /** The value that the code works with, for one that was checked. The value itself where this is left out. */
  resolve?(value: Value): Value;
  /**
   * Remedies: names of options of other servers, in lower case without underscores, with the text that says what to
   * write.
   */
  readonly replaces?: Readonly<Record<string, string>>;
}

/** In the order in which messages list the options. */
const OPTIONS: { readonly [Name in keyof ResolvedOptions]: OptionRow<ResolvedOptions[Name]> } = {
  sockjsUrl: { default: 'https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js', check: clientUrl },
  responseLimit: { default: 131_072, check: bytes },
  ...transportSwitches(),
  websocketServer: {
    default: Object.freeze({ perMessageDeflate: false, clientTracking: false }),
    check: webSocketEngine,
    replaces: {
      fayeserveroptions: 'write websocketServer, with options of ws',
      websocketupgrader: 'write websocketServer, with options of ws',
    },
  },
  websocketWriteTimeout: { default: 0, check: milliseconds, resolve: neverAsZero },
  heartbeatDelay: { default: 25_000, check: milliseconds, resolve: neverAsZero },
  disconnectDelay: { default: 5_000, check: milliseconds },
  jsessionid: { default: false, check: cookie },
  origin: { default: '', check: headerValue },
  checkOrigin: {
    default: undefined,
    check: aFunction,
    replaces: {
      disablecors: 'write checkOrigin: () => false, or allowedOrigins: "same-origin" to keep foreign pages out',
    },
  },
  baseUrl: { default: undefined, check: aStringOrFunction },
  prefix: { default: '', check: pathPrefix },
  allowedOrigins: { default: '*', check: origins },
  authorize: { default: undefined, check: aFunction },
  identify: { default: undefined, check: aFunction },
  maxMessageSize: {
    default: 1_048_576,
    check: bytes,
    resolve: (value) => Math.min(value, constants.MAX_STRING_LENGTH),
  },
  maxMessagesPerRequest: { default: 10_000, check: count },
  maxSendBuffer: { default: 16_777_216, check: bytes },
  sendHighWaterMark: { default: 65_536, check: bytes },
  maxReceiveBuffer: { default: 1_048_576, check: bytes },
  receiveStallTimeout: { default: 60_000, check: milliseconds, resolve: neverAsZero },
  receiveTimeout: { default: 30_000, check: milliseconds, resolve: neverAsZero },
  maxSessions: { default: Number.POSITIVE_INFINITY, check: count },
  maxSessionsPerClient: { default: Number.POSITIVE_INFINITY, check: count },
  sockjsIntegrity: { default: '', check: integrity },
  cluster: { default: undefined, check: clusterAdapter },
  onError: { default: printError, check: aFunction },
};

/** Where 0 means never, `Infinity` means the same. With 0 no timer is made. */
function neverAsZero(delay: number): number {
  return delay === Number.POSITIVE_INFINITY ? 0 : delay;
}

/** The options that switch transports on, one for each row of the table of transports. */
function transportSwitches(): Record<TransportOption, OptionRow<boolean>> {
  const rows = Object.entries(TRANSPORTS).map(([option, { isOnByDefault }]) => [
    option,
    { default: isOnByDefault, check: aBoolean },
  ]);
  return Object.fromEntries(rows);
}

/** Options of other servers that no single option replaces. */
const WITHOUT_SUCCESSOR: Readonly<Record<string, string>> = {
  log: 'nothing is logged but by DEBUG=sockjs:*; leave it out',
  transports: 'each transport has a switch: websocket, xhrPolling, xhrStreaming, eventSource, htmlFile, jsonp',
};

/** The rows by name. A Map, so that no name which an application gives finds a property of a prototype. */
const ROWS = new Map<string, OptionRow<unknown>>(Object.entries(OPTIONS));

/** The values that options have if they are left out; see {@link SockjsOptions} for what each means. Frozen. */
export const defaultOptions: ResolvedOptions & { readonly prefix: string } = Object.freeze(
  // The type of OPTIONS says that each row has a default of its option's type.
  Object.fromEntries([...ROWS].map(([name, row]) => [name, row.default])) as unknown as ResolvedOptions & {
    readonly prefix: string;
  },
);

/** All remedies by name. */
const REMEDIES = new Map<string, string>([
  ...Object.entries(WITHOUT_SUCCESSOR),
  ...[...ROWS.values()].flatMap(({ replaces = {} }) => Object.entries(replaces)),
]);

/** Prints an error to stderr, with its stack. */
export function printError(error: unknown): void {
  console.error(error);
}

/**
 * Checks options and fills the gaps.
 *
 * @throws TypeError for an unknown name or a wrong type, RangeError for a value that makes no sense; both name the
 *   option, the value, and what is allowed
 */
export function resolveOptions<Data, Req extends IncomingMessage>(
  options: SockjsOptions<Data, Req>,
): ResolvedOptions<Data, Req> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw withHelp(
      'options-must-be-an-object',
      new TypeError(`sockjs: options must be an object, not ${describe(options)}`),
    );
  }
  const given: [string, unknown][] = [];
  for (const [name, value] of Object.entries(options)) {
    const row = ROWS.get(name);
    if (row === undefined) {
      throw withHelp('there-is-no-such-option', new TypeError(unknownOption(name)));
    }
    if (value !== undefined) {
      row.check(name, value);
      given.push([name, row.resolve === undefined ? value : row.resolve(value)]);
    }
  }
  // The checks have tested the shapes. The caller's types say more, such as what a function returns.
  const resolved = Object.freeze({ ...defaultOptions, ...Object.fromEntries(given) }) as ResolvedOptions<Data, Req>;
  const { allowedOrigins, origin, checkOrigin } = resolved;
  if (allowedOrigins !== '*' && (origin !== '' || checkOrigin !== undefined)) {
    throw withHelp(
      'allowedorigins-decides-about-cors-headers-as-well',
      new TypeError(
        'sockjs: option "allowedOrigins" decides about CORS headers as well; ' +
          `leave out "${origin === '' ? 'checkOrigin' : 'origin'}"`,
      ),
    );
  }
  return resolved;
}

/**
 * The message for a name that is no option. It names a remedy, else the option that is spelt alike, else all options.
 */
function unknownOption(name: string): string {
  const plain = name.replaceAll('_', '').toLowerCase();
  const remedy = REMEDIES.get(plain);
  if (remedy !== undefined) {
    return `sockjs: there is no option "${name}"; ${remedy}`;
  }
  const known = [...ROWS.keys()];
  const meant = known.find((option) => option.toLowerCase() === plain);
  return meant === undefined
    ? `sockjs: there is no option "${name}"; the options are ${known.join(', ')}`
    : `sockjs: there is no option "${name}"; did you mean "${meant}"?`;
}
