/** The htmlfile transport: a page in a hidden frame that never stops loading and calls its parent by scripts. */

import type { Handler } from '../../context.ts';
import { readCallback } from '../../http/callback.ts';
import { protectPage } from '../../http/embedding.ts';
import { quote } from '../../protocol/frame.ts';
import { HttpTransport, type ResponseContext } from './http-transport.ts';

export class HtmlFileTransport extends HttpTransport {
  readonly name = 'htmlfile';
  protected readonly contentType = 'text/html; charset=UTF-8';
  readonly #callback: string;

  static readonly handle: Handler = (context) => {
    const callback = readCallback(context.req, context.res);
    if (callback !== undefined) {
      // Each frame is a script of its own, whose text no hash can foresee.
      protectPage(context, { 'script-src': "'unsafe-inline'" });
      new HtmlFileTransport(context, context.endpoint.options.responseLimit, callback).receive(context);
    }
  };

  private constructor(context: ResponseContext, limit: number, callback: string) {
    super(context, limit);
    this.#callback = callback;
  }

  /** Browsers begin to render, and so to run scripts, after the first KiB. */
  protected override prelude(): string {
    return `${page(this.#callback).padEnd(1025)}\r\n\r\n`;
  }

  /** No `<` may stand in the script, or a message could end it. */
  protected override wrap(frame: string): string {
    return `<script>\np(${quote(frame).replaceAll('<', '\\u003c')});\n</script>\r\n`;
  }
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
  </script>
`;
}
