/**
 * How frames travel over HTTP. The load checks all servers by this, and the floor answers by it. So it is written down here
 * once more, independent of `lib/`.
 */

export interface HttpFormat {
  /** What a stream begins with; empty for polls. */
  prelude(callback: string): string;
  wrap(frame: string, callback: string): string;
}

/** The close frame of a session that the application closes without a code. */
export const CLOSE_FRAME = 'c[1000,"Normal closure"]';

const none = () => '';

export const XHR_POLLING: HttpFormat = { prelude: none, wrap: (frame) => `${frame}\n` };

const XHR_PRELUDE = `${'h'.repeat(2048)}\n`;

export const XHR_STREAMING: HttpFormat = { ...XHR_POLLING, prelude: () => XHR_PRELUDE };

/** Holds for frames without `%`, which would be escaped. */
export const EVENT_SOURCE: HttpFormat = { prelude: () => '\r\n', wrap: (frame) => `data: ${frame}\r\n\r\n` };

/** Holds for frames without `<`, which would be escaped. */
export const HTML_FILE: HttpFormat = {
  prelude: (callback) => `${`${page(callback)}\n`.padEnd(1025)}\r\n\r\n`,
  wrap: (frame) => `<script>\np(${JSON.stringify(frame)});\n</script>\r\n`,
};

export const JSONP_POLLING: HttpFormat = {
  prelude: none,
  wrap: (frame, callback) => `/**/${callback}(${JSON.stringify(frame)});\r\n`,
};

/** The prelude of htmlfile as npm `sockjs` has it, whose blanks begin one character earlier. */
export function npmHtmlPrelude(callback: string): string {
  return `${page(callback).padEnd(1023 + callback.length)}\r\n\r\n`;
}

function page(callback: string): string {
  return `<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.${callback};
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>`;
}
