/** Lines for debugging, which the environment variable `DEBUG=sockjs:*` switches on. */
import { format } from 'node:util';
import createDebug from 'debug';

/** Prints a line, formatted as by `util.format`. Does nothing, not even format, while its name is not enabled. */
export type Debug = (line: string, ...values: unknown[]) => void;

/** Sessions: when they open and close, and how many messages they receive. */
export const debugSession = debugOf('sockjs:session');
/** Upgrades: how each was decided. */
export const debugUpgrade = debugOf('sockjs:upgrade');
/** Requests to an endpoint, and responses that could not be written. */
export const debugRequest = debugOf('sockjs:request');
/** Errors of WebSockets, and clients that do not answer a ping. */
export const debugWebSocket = debugOf('sockjs:websocket');
/** The other processes of an endpoint: leases, links, and what goes wrong with them. */
export const debugCluster = debugOf('sockjs:cluster');

function debugOf(name: string): Debug {
  const print = createDebug(name);
  return (line, ...values) => {
    if (print.enabled) {
      print('%s', printable(format(line, ...values)));
    }
  };
}

/**
 * Returns text as one line of printable ASCII: `\\` for a backslash, `\u{1b}` and the like for all other characters.
 *
 * Clients choose session ids, URLs, close reasons and parts of error messages. A line feed in them could forge lines of
 * the log, and control characters could control the terminal that shows the log.
 */
function printable(text: string): string {
  return text.replace(/[^ -[\]-~]/gu, (character) =>
    character === '\\' ? '\\\\' : `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}
