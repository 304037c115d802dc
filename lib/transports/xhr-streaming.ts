/** The xhr-streaming transport: one response that carries many frames. */
import type { Handler } from '../mount.ts';
import { HttpTransport } from './http-transport.ts';

export class XhrStreamingTransport extends HttpTransport {
  readonly name = 'xhr-streaming';
  protected readonly contentType = 'application/javascript; charset=UTF-8';

  /** Some browsers hand the first 2 KiB of a response to scripts only when they are full. */
  protected override readonly prelude = `${'h'.repeat(2048)}\n`;

  static readonly handle: Handler = (exchange) =>
    new XhrStreamingTransport(exchange, exchange.mount.options.responseLimit).receive(exchange);

  protected override wrap(frame: string): string {
    return `${frame}\n`;
  }
}
