/** How long a client may take for the last bytes of a response or a WebSocket. */

/** ms that every client has. */
const FLUSH_TIMEOUT = 30_000;

/** Lines slower than this, some 256 kbit/s, may be cut in the middle of what is larger than they take in that time. */
const SLOWEST_BYTES_PER_MS = 32;

/** ms within which a client must have taken so many bytes. */
export function flushTime(bytes: number): number {
  return FLUSH_TIMEOUT + Math.floor(bytes / SLOWEST_BYTES_PER_MS);
}
