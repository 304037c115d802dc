/** Headers that are lists of tokens. */

/** Whether a header such as Connection or Upgrade lists `token`, which is given in lower case. */
export function hasToken(header: string | undefined, token: string): boolean {
  if (header === undefined) {
    return false;
  }
  // Nearly all clients send one token alone; the comparison saves them the split.
  return header.toLowerCase() === token || header.split(',').some((part) => part.trim().toLowerCase() === token);
}
