/** The xhr-polling transport: each request is answered with one frame. */
import type { ServerResponse } from 'node:http';
import type { Handler } from '../mount.ts';
import { HttpTransport } from './http-transport.ts';

export class XhrPollingTransport extends HttpTransport {
  readonly name = 'xhr-polling';
  protected readonly contentType = 'application/javascript; charset=UTF-8';

  static readonly handle: Handler = (exchange) => new XhrPollingTransport(exchange.res).receive(exchange);

  private constructor(res: ServerResponse) {
    super(res, 0);
  }

  protected override wrap(frame: string): string {
    return `${frame}\n`;
  }
}
