/** The names under which this package tells what it does: set `DEBUG=sockjs:*` to see it. */
import { format } from 'node:util';
import createDebug from 'debug';

/** Prints a line in the manner of `util.format`; does nothing, formatting included, while its name is not enabled. */
export type Debug = (line: string, ...values: unknown[]) => void;

/** Sessions: opened, closed, what they received. */
export const debugSession = debugOf('sockjs:session');
/** Upgrades, and what became of them. */
export const debugUpgrade = debugOf('sockjs:upgrade');
/** Requests to an endpoint, and answers that could not be written. */
export const debugRequest = debugOf('sockjs:request');
/** Errors of WebSockets, and clients that answer no ping. */
export const debugWebSocket = debugOf('sockjs:websocket');

function debugOf(name: string): Debug {
  const print = createDebug(name);
  return (line, ...values) => {
    if (print.enabled) {
      print('%s', printable(format(line, ...values)));
    }
  };
}

/**
 * Text as one line of printable ASCII: `\\` for a backslash, `\u{1b}` and its like for every other character.
 *
 * Clients choose session ids, URLs, close reasons and part of what errors say. As they come, a line feed would forge
 * lines of the log, and control characters would command the terminal that shows it.
 */
function printable(text: string): string {
  return text.replace(/[^ -[\]-~]/gu, (character) =>
    character === '\\' ? '\\\\' : `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}
