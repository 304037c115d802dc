/** The jsonp-polling transport: each request is a script that calls back with one frame. */

import type { Handler } from '../../context.ts';
import { readCallback } from '../../http/callback.ts';
import { allowEmbedding } from '../../http/embedding.ts';
import { setHeader } from '../../http/head.ts';
import { quote } from '../../protocol/frame.ts';
import type { SharedMessage } from '../../protocol/shared-message.ts';
import { HttpTransport, type ResponseContext } from './http-transport.ts';

export class JsonpPollingTransport extends HttpTransport {
  readonly name = 'jsonp-polling';
  protected readonly contentType = 'application/javascript; charset=UTF-8';

  protected override readonly family = 'jsonp';

  /** The browser client gives a poll up after 35 s (PROTOCOL.md 6.7). */
  override readonly maxHeartbeatInterval = 30_000;

  readonly #callback: string;

  static readonly handle: Handler = (context) => {
    const { req, res } = context;
    const callback = readCallback(req, res);
    if (callback !== undefined) {
      setHeader(res, 'X-Content-Type-Options', 'nosniff');
      allowEmbedding(res);
      new JsonpPollingTransport(context, callback).receive(context);
    }
  };

  private constructor(context: ResponseContext, callback: string) {
    super(context, 0);
    this.#callback = callback;
  }

  /** Each client has a callback of its own. */
  protected override sendShared(message: SharedMessage, notifyOnFlush: boolean): void {
    this.send(message.frame, notifyOnFlush);
  }

  /** The comment keeps the answer from being taken for a Flash file that begins with the callback's own bytes. */
  protected override wrap(frame: string): string {
    return `/**/${this.#callback}(${quote(frame)});\r\n`;
  }
}
