/** Warnings about a mistake of the application: each is printed once in a process, whichever endpoint makes it first. */

import { helpAt } from './help.ts';

/** The codes of these warnings, by which `process.on('warning')` tells them apart. */
export type WarningCode = 'SOCKJS_BODY_READ' | 'SOCKJS_NO_UPGRADE' | 'SOCKJS_OPEN_ORIGINS' | 'SOCKJS_UNREAD';

const warned = new Set<WarningCode>();

/** Whether a warning was printed: then looking for its cause again is a waste of time. */
export function hasWarned(code: WarningCode): boolean {
  return warned.has(code);
}

/**
 * Prints a warning by `process.emitWarning()`, unless one of this code was printed before. Its `detail` is where it is
 * explained.
 */
export function warnOnce(code: WarningCode, text: string): void {
  if (!warned.has(code)) {
    warned.add(code);
    process.emitWarning(text, { code, detail: helpAt(code.toLowerCase()) });
  }
}
