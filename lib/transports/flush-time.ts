/** How long a client may take to read the last bytes of a response or a WebSocket. */

/** ms that every client has, however few the bytes are. */
const FLUSH_TIMEOUT = 30_000;

/** Some 256 kbit/s. A slower connection may be cut, if it has more to carry than it can in the 30 s. */
const SLOWEST_BYTES_PER_MS = 32;

/** ms within which a client must have taken so many bytes: 30 s, and 1 s for each 32 000 bytes. */
export function flushTime(bytes: number): number {
  return FLUSH_TIMEOUT + Math.floor(bytes / SLOWEST_BYTES_PER_MS);
}
