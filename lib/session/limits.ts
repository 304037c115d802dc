/** A byte limit applied to many small messages. */

/**
 * Whether so many messages are more than a buffer of so many bytes should hold: beyond the first thousand each counts as
 * 64 bytes at least, which is what it costs to keep.
 */
export function exceedsMessageCount(messages: number, maxBytes: number): boolean {
  return messages > 1000 && messages * 64 > maxBytes;
}
