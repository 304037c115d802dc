/** How frames travel on an HTTP response. */

/** The format of one HTTP transport. It is pure: the process that holds the response may be another than the owner. */
export interface Format {
  /** The Content-Type of the response, to the letter. */
  readonly contentType: string;
  /**
   * Whether all clients get the same bytes for one frame. Only then may a broadcast encode its frame once for all of
   * them.
   */
  readonly isShared: boolean;
  /** Precedes the first frame, as a write of its own; empty for none. It does not count towards `responseLimit`. */
  prelude(callback: string): string;
  /**
   * A frame as it goes out.
   *
   * @param callback the function that the client named; empty where the transport has none
   */
  wrap(frame: string, callback: string): string;
}
