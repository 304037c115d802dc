/** The checks of options, by the kind of value. Every message names the option, the value, and the values allowed. */
import { validateHeaderValue } from 'node:http';
import { types } from 'node:util';
import { withHelp } from '../util/help.ts';
import { DELAYS, isDelay } from '../util/timer-queue.ts';
import { isWebSocketServer } from './options.ts';

/** Throws a TypeError for a value of the wrong type, a RangeError for one that makes no sense. */
export type Check = (name: string, value: unknown) => void;

/** A check of types by `typeof`; `then` checks the values of these types. */
function anyOf(allowed: string, types: readonly string[], then?: Check): Check {
  return (name, value) => {
    if (!types.includes(typeof value)) {
      throw withHelp(
        'an-option-has-another-value-than-it-may-have',
        new TypeError(`sockjs: option "${name}" is ${describe(value)}; it must be ${allowed}`),
      );
    }
    then?.(name, value);
  };
}

/** A check of numbers. `allowed` says which of them `isAllowed` takes. */
function aNumber(allowed: string, isAllowed: (value: unknown) => boolean): Check {
  return anyOf(allowed, ['number'], (name, value) => {
    if (!isAllowed(value)) {
      throw withHelp(
        'an-option-has-another-value-than-it-may-have',
        new RangeError(`sockjs: option "${name}" is ${describe(value)}; it must be ${allowed}`),
      );
    }
  });
}

/** Whether it is a number from 0 on. `Infinity` is one, and means no limit. */
function isLimit(value: unknown): boolean {
  return Number(value) >= 0;
}

/** True or false. */
export const aBoolean = anyOf('true or false', ['boolean']);

/** A function. Its arguments and its result cannot be checked before it is called. */
export const aFunction = anyOf('a function', ['function']);

/** A string, or a function that returns one for a request. */
export const aStringOrFunction = anyOf('a string or a function', ['string', 'function']);

/** A number of bytes; `Infinity` for no limit. */
export const bytes = aNumber('a number of bytes from 0 to Infinity', isLimit);

/** A number of things; `Infinity` for no limit. */
export const count = aNumber('a number from 0 to Infinity', isLimit);

/** A delay, which a timer of Node must be able to keep; `Infinity` for never. */
export const milliseconds = aNumber(`a number of ms from 0 to ${DELAYS}`, isDelay);

/** The URL of the client library, or a function that returns it for a request. */
export const clientUrl = anyOf('a string or a function', ['string', 'function'], (name, value) => {
  if (typeof value === 'string') {
    assertClientUrl(value, `option "${name}"`);
  }
});

/**
 * Checks a URL for the iframe page, which comes from the options or from a function in them.
 *
 * @param what where it comes from, for the message
 * @throws RangeError for one that does not begin with `/`, `./`, `../` or `http`
 */
export function assertClientUrl(url: string, what: string): void {
  // Without a dot, `sockjs.js` may be a slip for `/sockjs.js` as well as for `./sockjs.js`.
  if (!/^(\.{0,2}\/|http)/.test(url)) {
    throw withHelp(
      'an-address-must-begin-with-a-slash-a-dot-or-http',
      new RangeError(`sockjs: ${what} is ${describe(url)}; an address must begin with "/", "./", "../" or "http"`),
    );
  }
}

/** Subresource integrity: hashes with spaces between them. */
export const integrity = anyOf('a string', ['string'], (name, value) => {
  if (!/^(sha(256|384|512)-[A-Za-z0-9+/]+={0,2}( +|$))*$/.test(String(value))) {
    throw withHelp(
      'an-option-has-another-value-than-it-may-have',
      new RangeError(`sockjs: option "${name}" is ${describe(value)}; it must be empty or hashes such as "sha384-…"`),
    );
  }
});

/** The value of an HTTP header. */
export const headerValue = anyOf('a string', ['string'], (name, value) => {
  try {
    validateHeaderValue('Access-Control-Allow-Origin', String(value));
  } catch (cause) {
    throw withHelp(
      'an-option-has-another-value-than-it-may-have',
      new RangeError(`sockjs: option "${name}" is ${describe(value)}; it must fit into an HTTP header`, {
        cause,
      }),
    );
  }
});

/** A path to mount at, or a regular expression for such paths. */
export const pathPrefix: Check = (name, value) => {
  // `instanceof` would fail for an expression of another realm, such as that of a test in Jest.
  if (types.isRegExp(value)) {
    return;
  }
  if (typeof value !== 'string') {
    throw withHelp(
      'an-option-has-another-value-than-it-may-have',
      new TypeError(`sockjs: option "${name}" is ${describe(value)}; it must be a string or a regular expression`),
    );
  }
  if (!/^(\/[^/?#]+)*$/.test(value)) {
    throw withHelp(
      'an-option-has-another-value-than-it-may-have',
      new RangeError(
        `sockjs: option "${name}" is ${describe(value)}; it must be empty, or begin with "/" and end without, ` +
          'as in "/echo"',
      ),
    );
  }
};

/** Options for ws, or its `WebSocketServer` without a server, port or path of its own. */
export const webSocketEngine: Check = (name, value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw withHelp(
      'an-option-has-another-value-than-it-may-have',
      new TypeError(
        `sockjs: option "${name}" is ${describe(value)}; it must be options for ws, or a WebSocketServer made with noServer`,
      ),
    );
  }
  if (isWebSocketServer(value)) {
    if (value.options?.noServer !== true || value.options.path) {
      throw withHelp(
        'websocketserver-has-a-server-of-its-own',
        new TypeError(
          `sockjs: option "${name}" is a WebSocketServer with a server, port or path of its own; ` +
            'make it with new WebSocketServer({ noServer: true })',
        ),
      );
    }
    return;
  }
  for (const forbidden of ['server', 'port', 'host', 'backlog', 'path', 'noServer']) {
    if (forbidden in value) {
      throw withHelp(
        'websocketserver-has-a-server-of-its-own',
        new TypeError(
          `sockjs: option "${name}" has "${forbidden}"; leave it out, ` +
            'WebSockets arrive where the router is mounted, by attachUpgrade(server)',
        ),
      );
    }
  }
};

/** A switch, a function, or the attributes of the cookie. */
export const cookie: Check = (name, value) => {
  if (typeof value === 'boolean' || typeof value === 'function') {
    return;
  }
  const allowed = 'true, false, a function, or an object of sameSite ("strict", "lax", "none"), secure and httpOnly';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw withHelp(
      'an-option-has-another-value-than-it-may-have',
      new TypeError(`sockjs: option "${name}" is ${describe(value)}; it must be ${allowed}`),
    );
  }
  for (const [attribute, given] of Object.entries(value)) {
    const values: unknown[] = attribute === 'sameSite' ? ['strict', 'lax', 'none'] : [true, false];
    if (!['sameSite', 'secure', 'httpOnly'].includes(attribute) || !(given === undefined || values.includes(given))) {
      throw withHelp(
        'jsessionid-has-an-attribute-that-it-may-not-have',
        new TypeError(`sockjs: option "${name}" has ${attribute}: ${describe(given)}; it must be ${allowed}`),
      );
    }
  }
};

/** `'*'`, `'same-origin'`, a function, or a list of origins as browsers write them and of regular expressions. */
export const origins: Check = (name, value) => {
  if (value === '*' || value === 'same-origin' || typeof value === 'function') {
    return;
  }
  if (!Array.isArray(value)) {
    throw withHelp(
      'an-option-has-another-value-than-it-may-have',
      new TypeError(
        `sockjs: option "${name}" is ${describe(value)}; ` +
          'it must be "*", "same-origin", a list of origins and regular expressions, or a function',
      ),
    );
  }
  for (const item of value) {
    assertListedOrigin(name, item);
  }
};

function assertListedOrigin(name: string, item: unknown): void {
  if (item instanceof RegExp) {
    return;
  }
  if (typeof item !== 'string') {
    throw withHelp(
      'allowedorigins-lists-what-is-no-origin',
      new TypeError(`sockjs: option "${name}" lists ${describe(item)}; it may list strings and regular expressions`),
    );
  }
  const origin = /^https?:/i.test(item) && URL.canParse(item) ? new URL(item).origin : item;
  if (item.includes('*') || origin !== item) {
    const remedy = item.includes('*') ? 'write a regular expression' : `write ${describe(origin)}`;
    throw withHelp(
      'allowedorigins-lists-what-is-no-origin',
      new RangeError(
        `sockjs: option "${name}" lists ${describe(item)}, which no browser sends as an origin; ` +
          (item === '*' ? `for every origin write ${name}: "*"` : remedy),
      ),
    );
  }
}

/** A value as messages show it. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'an array' : 'an object';
    case 'function':
      return 'a function';
    default:
      return String(value);
  }
}
