/** What differs in messages, and in the requests that bring them. */
import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { fetchText, post, Stream } from '../../support/http.ts';
import type { WebSocketClient } from '../../support/websocket-client.ts';
import { command, type Difference, eventsBefore, FORM, opened } from '../support/difference.ts';
import type { Driven } from '../support/driven.ts';

/** The connection below a WebSocket of ws. */
function tcpOf({ socket }: WebSocketClient): Socket {
  const tcp: unknown = Reflect.get(socket, '_socket');
  assert(tcp instanceof Socket);
  return tcp;
}

/** By the titles in the README of `compat/`. */
export const MESSAGES: readonly Difference[] = [
  {
    title: 'Only strings are messages',
    settings: { log: true },
    observe: async (server) => {
      await post(`${server.origin}/echo/000/aaaa/xhr`);
      const { status } = await post(`${server.origin}/echo/000/aaaa/xhr_send`, '[null]');
      return status === 204 ? 'reached data' : 'refused';
    },
    ours: 'refused',
    theirs: 'reached data',
  },
  {
    title: 'Text that is no JSON closes a WebSocket with 1007',
    observe: async (server) => {
      const client = await opened(server);
      client.send('no JSON');
      return (await client.closed).code;
    },
    ours: 1007,
    theirs: 3000,
  },
  {
    title: 'Writes of one turn travel as one frame',
    observe: async (server) => {
      const client = await opened(server);
      client.send(JSON.stringify(['["write","a"]', '["write","b"]']));
      return client.next();
    },
    ours: 'a["a","b"]',
    theirs: 'a["a"]',
  },
  {
    title: 'A send is answered with 204 although a listener throws',
    observe: async (server) => {
      await post(`${server.origin}/echo/000/aaaa/xhr`);
      return (await post(`${server.origin}/echo/000/aaaa/xhr_send`, command('throw'))).status;
    },
    ours: 204,
    theirs: 500,
  },
  {
    title: 'The messages behind one whose listener throws still come',
    aspect: 'over HTTP',
    observe: async (server) => {
      await post(`${server.origin}/echo/000/aaaa/xhr`);
      await server.events(1);
      await post(`${server.origin}/echo/000/aaaa/xhr_send`, JSON.stringify(['["throw"]', 'behind']));
      return (await eventsBefore(server, 'bbbb')).includes('data,behind');
    },
    ours: true,
    theirs: false,
  },
  {
    title: 'The messages behind one whose listener throws still come',
    aspect: 'on a WebSocket',
    observe: async (server) => {
      (await opened(server)).send(JSON.stringify(['["throw"]', 'behind']));
      return (await eventsBefore(server, 'bbbb')).includes('data,behind');
    },
    ours: true,
    theirs: false,
  },
  {
    title: 'Only strings are messages',
    aspect: 'in binary frames',
    observe: async (server) => {
      const client = await opened(server);
      client.socket.send(Buffer.from('["x"]'));
      const [event] = await server.events(1);
      return String(event) === 'end,3' ? (await client.closed).code : 'reached data';
    },
    ours: 1003,
    theirs: 'reached data',
  },
  ...['application/x-www-form-urlencoded', 'text/html', 'TEXT/PLAIN'].map((type) => ({
    title: 'A send may have any content type',
    aspect: `${type} to xhr_send`,
    observe: async (server: Driven) => {
      await post(`${server.origin}/echo/000/aaaa/xhr`);
      return (await post(`${server.origin}/echo/000/aaaa/xhr_send`, '["x"]', { 'content-type': type })).status;
    },
    ours: 204,
    theirs: 500,
  })),
  {
    title: 'A send may have any content type',
    aspect: 'JSON to jsonp_send',
    observe: async (server) => {
      await fetchText(`${server.origin}/echo/000/aaaa/jsonp?c=cb`);
      const type = { 'content-type': 'application/json' };
      return (await post(`${server.origin}/echo/000/aaaa/jsonp_send`, '["x"]', type)).status;
    },
    ours: 200,
    theirs: 500,
  },
  {
    title: 'Sessions of JSONP and sessions of other transports are apart',
    aspect: 'a send by jsonp_send',
    observe: async (server) => {
      await post(`${server.origin}/echo/000/aaaa/xhr`);
      return (await post(`${server.origin}/echo/000/aaaa/jsonp_send`, 'd=["x"]', FORM)).status;
    },
    ours: 404,
    theirs: 200,
  },
  {
    title: 'Sessions of JSONP and sessions of other transports are apart',
    aspect: 'a send by xhr_send',
    observe: async (server) => {
      await fetchText(`${server.origin}/echo/000/aaaa/jsonp?c=cb`);
      return (await post(`${server.origin}/echo/000/aaaa/xhr_send`, '["x"]')).status;
    },
    ours: 404,
    theirs: 204,
  },
  {
    title: 'Sessions of JSONP and sessions of other transports are apart',
    aspect: 'a poll',
    settings: { options: { heartbeat_delay: 50 } },
    observe: async (server) => {
      await post(`${server.origin}/echo/000/aaaa/xhr`);
      return (await fetchText(`${server.origin}/echo/000/aaaa/jsonp?c=cb`)).status;
    },
    ours: 404,
    theirs: 200,
  },
  {
    title: 'A send to a session that is closed is 404',
    settings: { options: { disconnect_delay: 60_000 } },
    observe: async (server) => {
      const stream = new Stream(`${server.origin}/echo/000/aaaa/xhr_streaming`, 'POST');
      await stream.until('o\n');
      await post(`${server.origin}/echo/000/aaaa/xhr_send`, command('close'));
      await stream.ended;
      return (await post(`${server.origin}/echo/000/aaaa/xhr_send`, '["x"]')).status;
    },
    ours: 404,
    theirs: 204,
  },
  {
    title: 'The session is looked up before the body is read',
    observe: async (server) => (await post(`${server.origin}/echo/000/aaaa/xhr_send`)).status,
    ours: 404,
    theirs: 500,
  },
  {
    title: 'A message on a WebSocket may be longer than 64 MiB',
    observe: async (server) => {
      const client = await opened(server);
      const head = Buffer.alloc(14);
      head[0] = 0x81;
      head[1] = 0xff;
      head.writeBigUInt64BE(BigInt(64 * 1024 * 1024), 2);
      tcpOf(client).write(head);
      await fetchText(`${server.origin}/echo/info`);
      tcpOf(client).end();
      return (await client.closed).code;
    },
    ours: 1006,
    theirs: 1009,
  },
  {
    title: '`maxLength` counts for sends over HTTP as well',
    settings: { options: { faye_server_options: { maxLength: 100 } } },
    observe: async (server) => {
      await post(`${server.origin}/echo/000/aaaa/xhr`);
      return (await post(`${server.origin}/echo/000/aaaa/xhr_send`, JSON.stringify(['x'.repeat(100)]))).status;
    },
    ours: 413,
    theirs: 204,
  },
];
