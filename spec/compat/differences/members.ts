/** What differs in members, in options, and in the lines of `log`. */
import { handshake, post, RawSocket } from '../../support/http.ts';
import { command, type Difference, isPinged, opened, openedRaw } from '../support/difference.ts';

const REQUEST_KEYS = [
  'query',
  'href',
  'session',
  'server',
  'cookies',
  'path',
  'search',
  'hash',
  'auth',
  'host',
  'hostname',
  'port',
  'protocol',
  'slashes',
  'start_date',
  'last_fun',
  'next_filter',
];

/** By the titles in the README of `compat/`. */
export const MEMBERS: readonly Difference[] = [
  {
    title: 'Connections have `pause()` and `resume()`',
    observe: async (server) => {
      const client = await opened(server);
      client.send(command('pauses'));
      const [first] = await server.events(1);
      return Array.isArray(first) && first[1];
    },
    ours: ['function', 'function'],
    theirs: ['undefined', 'undefined'],
  },
  {
    title: 'Of `faye_server_options`, `headers` and `ping` have no effect',
    aspect: 'headers',
    settings: { options: { faye_server_options: { headers: { 'X-Own': 'yes' } } } },
    observe: async (server) => {
      const socket = new RawSocket(server.port).send(...handshake('/echo/000/aaaa/websocket'));
      return /^x-own: yes\r$/im.test(await socket.until('\r\n\r\n'));
    },
    ours: false,
    theirs: true,
  },
  {
    title: 'Of `faye_server_options`, `headers` and `ping` have no effect',
    aspect: 'ping',
    settings: { options: { faye_server_options: { ping: 0.02 } } },
    observe: async (server) => isPinged(await openedRaw(server)),
    ours: false,
    theirs: true,
  },
  {
    title: 'A request lacks what npm `sockjs` sets for itself',
    settings: { requestKeys: REQUEST_KEYS },
    observe: async (server) => {
      await post(`${server.origin}/echo/000/aaaa/xhr`);
      const events = await server.events(2);
      return events.filter((event) => Array.isArray(event) && event[0] === 'request').at(0);
    },
    ours: ['request', []],
    theirs: ['request', REQUEST_KEYS],
  },
  {
    title: 'The line of `log` about a poll or a stream comes after the event `connection`',
    settings: { log: true },
    observe: async (server) => {
      await post(`${server.origin}/echo/000/aaaa/xhr`);
      return (await server.events(2)).map((event) => Array.isArray(event) && event[0]);
    },
    ours: ['connection', 'log'],
    theirs: ['log', 'connection'],
  },
];
