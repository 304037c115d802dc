/** Headers that are lists of tokens. */

/** Whether a header such as Connection or Upgrade lists `token`, which is given in lower case. */
export function hasToken(header: string | undefined, token: string): boolean {
  // Nearly all clients send one token alone; the comparison saves them the split.
  return header !== undefined && (header.toLowerCase() === token || listsToken(header, token));
}

/** Apart, since V8 makes what a closure holds when the function around it is entered. */
function listsToken(header: string, token: string): boolean {
  return header.split(',').some((part) => part.trim().toLowerCase() === token);
}
