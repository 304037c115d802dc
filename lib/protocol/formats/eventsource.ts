/** The format of EventSource: one server-sent event a frame. */
import type { Format } from './format.ts';

/** One response carries many frames. */
export const eventSource: Format = {
  contentType: 'text/event-stream',
  isShared: true,
  prelude: () => '\r\n',
  // The browser client runs `decodeURI` over the data. JSON keeps CR, LF and NUL out of a frame.
  wrap: (frame) => `data: ${frame.replaceAll('%', '%25')}\r\n\r\n`,
};
