/** The format of htmlfile: a page in a hidden iframe that never stops loading, and one script a frame. */
import { quote } from '../frame.ts';
import type { Format } from './format.ts';

/** One response carries many frames. The page names the callback, and the scripts call the page, so all are alike. */
export const htmlFile: Format = {
  contentType: 'text/html; charset=UTF-8',
  isShared: true,
  // Browsers render a page, and so run its scripts, only after the first KiB.
  prelude: (callback) => `${page(callback).padEnd(1025)}\r\n\r\n`,
  // A message with `</script>` in it would end the script.
  wrap: (frame) => `<script>\np(${quote(frame).replaceAll('<', '\\u003c')});\n</script>\r\n`,
};

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
  </script>
`;
}
