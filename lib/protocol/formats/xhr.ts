/** The formats of xhr-polling and xhr-streaming: one frame a line. */
import type { Format } from './format.ts';

/** Some browsers give scripts the first 2 KiB of a response only when they are complete. */
const PRELUDE = `${'h'.repeat(2048)}\n`;

/** Each response carries one frame. */
export const xhrPolling: Format = {
  contentType: 'application/javascript; charset=UTF-8',
  isShared: true,
  prelude: () => '',
  wrap: (frame) => `${frame}\n`,
};

/** One response carries many frames. */
export const xhrStreaming: Format = { ...xhrPolling, prelude: () => PRELUDE };
