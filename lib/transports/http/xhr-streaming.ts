/** The xhr-streaming transport: one response that carries many frames. */
import type { Handler } from '../../context.ts';
import { HttpTransport } from './http-transport.ts';

/** Some browsers hand the first 2 KiB of a response to scripts only when they are full. */
const PRELUDE = `${'h'.repeat(2048)}\n`;

export class XhrStreamingTransport extends HttpTransport {
  readonly name = 'xhr-streaming';
  protected readonly contentType = 'application/javascript; charset=UTF-8';

  static readonly handle: Handler = (context) =>
    new XhrStreamingTransport(context, context.endpoint.options.responseLimit).receive(context);

  protected override prelude(): string {
    return PRELUDE;
  }

  protected override wrap(frame: string): string {
    return `${frame}\n`;
  }
}
