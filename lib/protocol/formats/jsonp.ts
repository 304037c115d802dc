/** The format of jsonp-polling: a script that calls the client's callback with one frame. */
import { quote } from '../frame.ts';
import type { Format } from './format.ts';

/** Each response carries one frame, and each client names a callback of its own. */
export const jsonpPolling: Format = {
  contentType: 'application/javascript; charset=UTF-8',
  isShared: false,
  prelude: () => '',
  // The comment keeps Flash from loading the answer as a file that begins with the callback's own bytes.
  wrap: (frame, callback) => `/**/${callback}(${quote(frame)});\r\n`,
};
