/** The EventSource transport: one response of server-sent events. */
import type { Handler } from '../../context.ts';
import { HttpTransport } from './http-transport.ts';

export class EventSourceTransport extends HttpTransport {
  readonly name = 'eventsource';
  protected readonly contentType = 'text/event-stream';

  static readonly handle: Handler = (context) =>
    new EventSourceTransport(context, context.endpoint.options.responseLimit).receive(context);

  protected override prelude(): string {
    return '\r\n';
  }

  /** The browser client runs `decodeURI` over the data; JSON encoding keeps CR, LF and NUL out of a frame already. */
  protected override wrap(frame: string): string {
    return `data: ${frame.replaceAll('%', '%25')}\r\n\r\n`;
  }
}
