/** Where the documentation explains an error or a warning: under a heading of `docs/reference/warnings-and-errors.md`. */

const PAGE = 'express-sockjs/docs/reference/warnings-and-errors.md';

/** The place of a heading, as a path below `node_modules`; `anchor` is what links to the heading end with. */
export function helpAt(anchor: string): string {
  return `${PAGE}#${anchor}`;
}

/**
 * An error that a mistake of the application brings, with a property `help`: where it is explained. Node prints the property
 * below the stack. The message stays short, and what compares it need not know the place.
 */
export function withHelp<E extends Error>(anchor: string, error: E): E & { readonly help: string } {
  return Object.assign(error, { help: helpAt(anchor) });
}
