/** Clients of the transports with SockJS frames, in as few lines as the specs need. */
import { post, Stream } from '../../support/http.ts';
import type { Driven } from './driven.ts';

/** A client of one transport: opens a session, sends messages, and receives frames. */
export interface Client {
  /** The path of the requests that receive. */
  readonly path: string;
  send(...messages: string[]): Promise<unknown>;
  /** Settles with the next frame, without what the transport puts around it. */
  next(): Promise<string>;
  /** Breaks off what receives: of polls, the latest. */
  abort(): void;
}

/** How a stream wraps its frames. */
interface Wrapping {
  /** What ends the prelude, which comes before the frames. */
  readonly prelude: string;
  /** What ends each frame. */
  readonly end: string;
  unwrap(text: string): string;
}

/** A client that receives by responses with many frames, and sends by `xhr_send`. */
function streaming(
  server: Driven,
  path: string,
  query: string,
  method: string,
  { prelude, end, unwrap }: Wrapping,
): Client {
  const stream = new Stream(`${server.origin}${path}${query}`, method);
  let rest = '';
  const piece = async (mark: string) => {
    while (!rest.includes(mark)) {
      rest += await stream.next();
    }
    const at = rest.indexOf(mark);
    const text = rest.slice(0, at);
    rest = rest.slice(at + mark.length);
    return text;
  };
  let hasBegun: Promise<string> | undefined;
  return {
    path,
    send: sendingTo(server, path, 'xhr_send'),
    next: async () => {
      hasBegun ??= piece(prelude);
      await hasBegun;
      return unwrap(await piece(end));
    },
    abort: () => stream.abort(),
  };
}

function sendingTo(server: Driven, path: string, route: string): Client['send'] {
  const url = `${server.origin}${path.slice(0, path.lastIndexOf('/'))}/${route}`;
  return (...messages) =>
    route === 'jsonp_send'
      ? post(url, `d=${encodeURIComponent(JSON.stringify(messages))}`, {
          'content-type': 'application/x-www-form-urlencoded',
        })
      : post(url, JSON.stringify(messages));
}

/** The transports with SockJS frames, by name. */
export const CLIENTS: Readonly<Record<string, (server: Driven) => Client>> = {
  websocket: (server) => {
    const path = '/echo/000/aaaa/websocket';
    const client = server.webSocket(path);
    return {
      path,
      send: async (...messages) => client.send(JSON.stringify(messages)),
      next: () => client.next(),
      abort: () => client.socket.terminate(),
    };
  },
  'xhr-streaming': (server) =>
    streaming(server, '/echo/000/bbbb/xhr_streaming', '', 'POST', { prelude: '\n', end: '\n', unwrap: (text) => text }),
  eventsource: (server) =>
    streaming(server, '/echo/000/dddd/eventsource', '', 'GET', {
      prelude: '\r\n',
      end: '\r\n\r\n',
      unwrap: (text) => text.replace(/^data: /, ''),
    }),
  htmlfile: (server) =>
    streaming(server, '/echo/000/eeee/htmlfile', '?c=cb', 'GET', {
      prelude: '\r\n\r\n',
      end: ');\n</script>\r\n',
      unwrap: (text) => JSON.parse(text.replace('<script>\np(', '')),
    }),
  'xhr-polling': (server) => polling(server, '/echo/000/cccc/xhr', '', 'xhr_send', (body) => body.trimEnd()),
  'jsonp-polling': (server) =>
    polling(server, '/echo/000/ffff/jsonp', '?c=cb', 'jsonp_send', (body) =>
      JSON.parse(body.replace(/^\/\*\*\/cb\((.*)\);\r\n$/, '$1')),
    ),
};

/** Settles once the server has a receiver of the client, which may be a poll that waits. No event may come meanwhile. */
export async function untilReceived(server: Driven, client: Client): Promise<void> {
  for (let receiver: unknown = null; receiver === null; ) {
    await client.send('["receiver"]');
    const [event] = await server.events(1);
    receiver = Array.isArray(event) ? event[1] : null;
  }
}

/** A client that receives each frame by a request of its own. */
function polling(
  server: Driven,
  path: string,
  query: string,
  sendRoute: string,
  unwrap: (body: string) => string,
): Client {
  const url = `${server.origin}${path}${query}`;
  let poll: Stream | undefined;
  return {
    path,
    send: sendingTo(server, path, sendRoute),
    next: async () => {
      // Two polls may be under way at once.
      const own = new Stream(url, query === '' ? 'POST' : 'GET');
      poll = own;
      let body = '';
      for (;;) {
        const chunk = await own.next().catch(() => undefined);
        if (chunk === undefined) {
          return unwrap(body);
        }
        body += chunk;
      }
    },
    abort: () => poll?.abort(),
  };
}
