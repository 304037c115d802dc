/** The xhr-polling transport: each request is answered with one frame. */
import type { Handler } from '../../context.ts';
import { HttpTransport, type ResponseContext } from './http-transport.ts';

export class XhrPollingTransport extends HttpTransport {
  readonly name = 'xhr-polling';
  protected readonly contentType = 'application/javascript; charset=UTF-8';

  static readonly handle: Handler = (context) => new XhrPollingTransport(context).receive(context);

  private constructor(context: ResponseContext) {
    super(context, 0);
  }

  protected override wrap(frame: string): string {
    return `${frame}\n`;
  }
}
