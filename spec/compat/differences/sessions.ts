/** What differs in how sessions open, live and end. */
import { once } from 'node:events';
import { fetchText, post, Stream } from '../../support/http.ts';
import { catchesInPipe } from '../support/catches-in-pipe.ts';
import {
  command,
  type Difference,
  eventsBefore,
  eventsUntil,
  isPinged,
  opened,
  openedRaw,
} from '../support/difference.ts';

/** By the titles in the README of `compat/`. */
export const SESSIONS: readonly Difference[] = [
  {
    title: 'After `close()` over HTTP the events come once the client was told',
    settings: { options: { disconnect_delay: 60_000 }, after: true },
    observe: async (server) => {
      const stream = new Stream(`${server.origin}/echo/000/aaaa/xhr_streaming`, 'POST');
      await stream.until('o\n');
      await post(`${server.origin}/echo/000/aaaa/xhr_send`, command('close'));
      await stream.ended;
      await fetchText(`${server.origin}/echo/info`);
      return (await eventsUntil(server, '/echo/info')).includes('close,3') ? 'closed' : 'open';
    },
    ours: 'closed',
    theirs: 'open',
  },
  {
    title: 'A session that has ended stays ended',
    observe: async (server) => {
      const stream = new Stream(`${server.origin}/echo/000/aaaa/xhr_streaming`, 'POST');
      await stream.until('o\n');
      await post(`${server.origin}/echo/000/aaaa/xhr_send`, command('hasten'));
      await post(`${server.origin}/echo/000/aaaa/xhr_send`, command('close'));
      await server.events(5);
      return (await post(`${server.origin}/echo/000/aaaa/xhr`)).body;
    },
    ours: 'c[1000,"Normal closure"]\n',
    theirs: 'o\n',
  },
  {
    title: 'A session belongs to its prefix',
    settings: { install: [{ prefix: '/echo' }, { prefix: '/other' }] },
    observe: async (server) => {
      await post(`${server.origin}/echo/000/aaaa/xhr`);
      return (await post(`${server.origin}/other/000/aaaa/xhr_send`, '["x"]')).status;
    },
    ours: 404,
    theirs: 204,
  },
  {
    title: 'Heartbeats of a WebSocket are frames',
    settings: { options: { heartbeat_delay: 50 } },
    observe: async (server) => {
      const client = server.webSocket('/echo/000/aaaa/websocket');
      await client.next();
      let frame = 'none';
      client.next().then(
        (text) => {
          frame = text;
        },
        () => {},
      );
      await once(client.socket, 'ping');
      await once(client.socket, 'ping');
      return frame;
    },
    ours: 'h',
    theirs: 'none',
  },
  {
    title: 'Raw WebSockets are pinged',
    settings: { options: { heartbeat_delay: 50 } },
    observe: async (server) => {
      const raw = await openedRaw(server);
      let pings = 0;
      raw.socket.on('ping', () => {
        pings += 1;
      });
      const other = server.webSocket('/echo/000/aaaa/websocket');
      await other.opened;
      await once(other.socket, 'ping');
      await once(other.socket, 'ping');
      await once(other.socket, 'ping');
      return pings > 0;
    },
    ours: true,
    theirs: false,
  },
  {
    title: '`heartbeat_delay: 0` means no heartbeats',
    settings: { options: { heartbeat_delay: 0 } },
    observe: async (server) => isPinged(await opened(server)),
    ours: false,
    theirs: true,
  },
  {
    title: 'What a listener throws on a WebSocket reaches `uncaughtException` in every version of Node',
    observe: async (server) => {
      const client = await opened(server);
      client.send(command('throw'));
      const events = await eventsBefore(server, 'bbbb');
      client.send('["on"]');
      return [...events, ...(await eventsBefore(server, 'cccc'))];
    },
    ours: ['uncaught,of the listener', 'data,on'],
    theirs: catchesInPipe() ? [] : ['uncaught,of the listener', 'data,on'],
  },
  {
    title: 'A raw WebSocket stays open where `close()` throws',
    observe: async (server) => {
      const client = await openedRaw(server);
      client.send('["close",1001]');
      await eventsBefore(server, 'aaaa');
      client.send('["state"]');
      return (await eventsBefore(server, 'bbbb')).includes('state,1,true,true,1');
    },
    ours: true,
    theirs: false,
  },
  {
    title: 'A code that is no number throws for a raw WebSocket',
    observe: async (server) => {
      const client = await openedRaw(server);
      client.socket.on('error', () => {});
      client.send('["close","text"]');
      const events = await eventsBefore(server, 'aaaa');
      return events.some((event) => event.startsWith('uncaught')) ? 'throws' : (await client.closed).code;
    },
    ours: 'throws',
    theirs: 1006,
  },
  {
    title: 'A session is closed where a replaced `decorateConnection` throws',
    settings: { hook: 'failingDecoration' },
    observe: async (server) => {
      const client = server.webSocket('/echo/websocket');
      await client.opened;
      await eventsBefore(server, 'aaaa');
      client.socket.ping();
      const pong = once(client.socket, 'pong').then(
        () => 'open',
        () => 'closed',
      );
      return Promise.race([pong, client.closed.then(({ code }) => code)]);
    },
    ours: 1011,
    theirs: 'open',
  },
  {
    title: 'A reason too long for a raw WebSocket is cut',
    observe: async (server) => {
      const client = await openedRaw(server);
      client.socket.on('error', () => {});
      client.send(JSON.stringify(['close', 3000, 'é'.repeat(80)]));
      return client.closed;
    },
    ours: { code: 3000, reason: 'é'.repeat(61) },
    theirs: { code: 1006, reason: '' },
  },
];
