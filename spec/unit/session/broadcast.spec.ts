/** One message for many sessions: `router.broadcast`, rooms, and that it is encoded only once. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocketServer } from 'ws';
import { type Session, type SockjsOptions, sockjs } from '../../../lib/index.ts';
import { SharedMessage } from '../../../lib/protocol/shared-message.ts';
import { EDGE_CASE_TEXTS } from '../../support/edge-case-texts.ts';
import { portOf } from '../../support/fake-receiver.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';
import {
  ALL_TRANSPORTS,
  HTTP_TRANSPORTS,
  serveTransports,
  type TransportServer,
  type WireTransport,
} from '../../support/wire-transports.ts';

/** A client that has its session and reads what is written to it, over as many requests as that takes. */
async function client(on: TransportServer, transport: WireTransport, id = 'session') {
  const { raw, session } = await on.open(transport, id);
  const text = (frame: string) => (transport.name === 'websocket-raw' ? frame : `a[${frame}]`);
  return {
    session,
    /** Waits for these messages in one frame; on a raw WebSocket for each in its own. */
    gets: async (...messages: string[]) => {
      const reader = transport.isStreaming ? raw : on.ask(transport, id);
      const frames =
        transport.name === 'websocket-raw' ? messages : [text(messages.map((m) => JSON.stringify(m)).join())];
      await reader.until(frames.map((frame) => transport.wrap(frame)).join(''));
    },
  };
}

async function clients(on: TransportServer) {
  return Promise.all(ALL_TRANSPORTS.map((transport) => client(on, transport, transport.name)));
}

/** Opens WebSocket sessions and tells them apart. */
async function webSockets(on: TransportServer, ...ids: string[]) {
  const sessions: Session[] = [];
  const sockets: WebSocketClient[] = [];
  for (const id of ids) {
    const socket = new WebSocketClient(on.origin, `/echo/000/${id}/websocket`);
    sessions.push(await on.sessions.next());
    assert.equal(await socket.next(), 'o');
    sockets.push(socket);
  }
  return { sessions, sockets };
}

describe('router.broadcast()', () => {
  for (const transport of ALL_TRANSPORTS) {
    it(`reaches a session on ${transport.name}, alone in its frame`, async () => {
      const on = await serveTransports();
      const { gets } = await client(on, transport);
      assert.equal(on.router.broadcast('hello'), 1);
      await gets('hello');
    });

    it(`comes between what was sent before and after on ${transport.name}, in one frame`, async () => {
      const on = await serveTransports();
      const { session, gets } = await client(on, transport);
      session.send('before');
      on.router.broadcast('all');
      session.send('after');
      on.router.broadcast('all again');
      await gets('before', 'all', 'after', 'all again');
    });
  }

  it('reaches sessions on all transports at once', async () => {
    const on = await serveTransports();
    const all = await clients(on);
    assert.equal(on.router.broadcast('hello'), ALL_TRANSPORTS.length);
    await Promise.all(all.map(({ gets }) => gets('hello')));
  });

  it('carries edge-case texts as send() does', async () => {
    const on = await serveTransports();
    const { sessions, sockets } = await webSockets(on, 'a');
    for (const text of EDGE_CASE_TEXTS) {
      on.router.broadcast(text);
      const shared = await sockets[0]?.next();
      sessions[0]?.send(text);
      assert.equal(shared, await sockets[0]?.next());
      assert.deepEqual(JSON.parse(String(shared).slice(1)), [text]);
    }
  });

  for (const size of [121, 122, 125, 126, 65_530, 65_531, 65_532, 70_000]) {
    it(`carries ${size} bytes, with any size of the length field`, async () => {
      const on = await serveTransports();
      const { sessions, sockets } = await webSockets(on, 'a');
      const text = 'é'.repeat(size / 2);
      on.router.broadcast(text);
      assert.equal(await sockets[0]?.next(), `a["${text}"]`);
      sessions[0]?.send(text);
      assert.equal(await sockets[0]?.next(), `a["${text}"]`);
    });
  }

  it('counts for the response limit', async () => {
    const on = await serveTransports({ responseLimit: 10 });
    for (const transport of HTTP_TRANSPORTS.filter(({ isStreaming }) => isStreaming)) {
      const { raw } = await on.open(transport, transport.name);
      on.router.broadcast('0123456789');
      // It asked for the connection to be closed, so the end of the response shows.
      await raw.closed;
    }
  });

  it('leaves out the session that is excepted', async () => {
    const on = await serveTransports();
    const { sessions, sockets } = await webSockets(on, 'a', 'b', 'c');
    assert.equal(on.router.broadcast('from a', { except: sessions[0] }), 2);
    on.router.broadcast('to all');
    assert.equal(await sockets[0]?.next(), 'a["to all"]');
    assert.equal(await sockets[1]?.next(), 'a["from a","to all"]');
  });

  it('leaves out all sessions of a list', async () => {
    const on = await serveTransports();
    const { sessions, sockets } = await webSockets(on, 'a', 'b', 'c');
    assert.equal(on.router.broadcast('for c', { except: new Set(sessions.slice(0, 2)) }), 1);
    assert.equal(on.router.broadcast('for none', { except: sessions }), 0);
    assert.equal(on.router.broadcast('for all', { except: [] }), 3);
    assert.equal(on.router.broadcast('and', { except: null as never }), 3);
    assert.equal(on.router.broadcast('again', null as never), 3);
    assert.equal(await sockets[2]?.next(), 'a["for c","for all","and","again"]');
  });

  it('counts those that accept it: not one that is closing, not one that is too slow', async () => {
    const options: SockjsOptions = { maxSendBuffer: 10, sendHighWaterMark: 1 };
    const on = await serveTransports(options);
    const transport = HTTP_TRANSPORTS[0] as WireTransport;
    const slow = await on.open(transport, 'slow');
    const closing = await on.open(transport, 'closing');
    const { sockets } = await webSockets(on, 'a');
    // Between polls, so what is sent waits.
    assert.equal(slow.session.send('123456789'), true);
    closing.session.close();
    assert.equal(on.router.broadcast('hello'), 1);
    assert.equal(slow.session.state, 'closing');
    assert.equal(await sockets[0]?.next(), 'a["hello"]');
  });

  it('counts towards stats() once for each session', async () => {
    const on = await serveTransports();
    await webSockets(on, 'a', 'b');
    on.router.broadcast('grüße');
    const { messagesOut, bytesOut } = on.router.stats();
    assert.deepEqual({ messagesOut, bytesOut }, { messagesOut: 2, bytesOut: 14 });
  });

  it('reaches no session that is not open yet', async () => {
    const seen: number[] = [];
    const on = await serveTransports({
      authorize: () => {
        seen.push(on.router.broadcast('too early'));
        return true;
      },
    });
    const { sockets } = await webSockets(on, 'a');
    assert.deepEqual(seen, [0]);
    on.router.broadcast('hello');
    assert.equal(await sockets[0]?.next(), 'a["hello"]');
  });

  it('reaches a session whose onSession sends it', async () => {
    const on = await serveTransports({}, { onSession: () => on.router.broadcast('a session opened') });
    const { sockets } = await webSockets(on, 'a', 'b');
    assert.equal(await sockets[0]?.next(), 'a["a session opened"]');
    assert.equal(await sockets[0]?.next(), 'a["a session opened"]');
    assert.equal(await sockets[1]?.next(), 'a["a session opened"]');
  });

  it('is compressed where that was agreed on', async () => {
    const on = await serveTransports({ websocketServer: { perMessageDeflate: { threshold: 0 } } });
    const { sessions, sockets } = await webSockets(on, 'a');
    assert.equal(sockets[0]?.socket.extensions.startsWith('permessage-deflate'), true);
    on.router.broadcast('hello');
    assert.equal(await sockets[0]?.next(), 'a["hello"]');
    sessions[0]?.send('to you');
    assert.equal(await sockets[0]?.next(), 'a["to you"]');
  });

  it("goes through an engine's own way of sending", async () => {
    const sent: unknown[] = [];
    const engine = new WebSocketServer({ noServer: true });
    engine.on('connection', () => assert.fail('sockjs does not emit it'));
    const { handleUpgrade } = engine;
    engine.handleUpgrade = function (req, socket, head, callback) {
      handleUpgrade.call(this, req, socket, head, (webSocket, request) => {
        const { send } = webSocket;
        webSocket.send = (data: unknown, ...rest: unknown[]) => {
          sent.push(data);
          Reflect.apply(send, webSocket, [data, ...rest]);
        };
        callback(webSocket, request);
      });
    };
    const on = await serveTransports({ websocketServer: engine });
    const { sockets } = await webSockets(on, 'a');
    on.router.broadcast('hello');
    assert.equal(await sockets[0]?.next(), 'a["hello"]');
    assert.deepEqual(sent, ['o', 'a["hello"]']);
  });

  for (const wrong of [undefined, null, 1, {}, Buffer.from('x')]) {
    it(`throws for ${wrong === null ? 'null' : typeof wrong}, and shows the right call`, () => {
      const router = sockjs(() => {});
      const message = /router\.broadcast\(\) takes a string, .*; for anything else use router\.broadcast\(JSON/;
      assert.throws(() => router.broadcast(wrong as string), { name: 'TypeError', message });
      assert.throws(() => router.to('room').send(wrong as string), { name: 'TypeError', message: /takes a string/ });
    });
  }
});

describe('rooms', () => {
  it('get what is sent to them, in the order of all else that is sent', async () => {
    const on = await serveTransports();
    const { sessions, sockets } = await webSockets(on, 'a', 'b', 'c');
    assert.equal(sessions[0]?.join('red'), true);
    assert.equal(sessions[1]?.join('red'), true);
    sessions[0]?.send('first');
    assert.equal(on.router.to('red').send('second'), 2);
    on.router.broadcast('third');
    assert.equal(await sockets[0]?.next(), 'a["first","second","third"]');
    assert.equal(await sockets[1]?.next(), 'a["second","third"]');
    assert.equal(await sockets[2]?.next(), 'a["third"]');
  });

  it('leave out who is excepted', async () => {
    const on = await serveTransports();
    const { sessions } = await webSockets(on, 'a', 'b', 'c');
    for (const session of sessions) {
      session.join('red');
    }
    assert.equal(on.router.to('red').send('x', { except: sessions[1] }), 2);
    assert.equal(on.router.to('red').send('x', { except: sessions.slice(1) }), 1);
  });

  it('hold no session at first, and none twice', async () => {
    const on = await serveTransports();
    const { sessions } = await webSockets(on, 'a');
    assert.equal(on.router.to('red').send('x'), 0);
    sessions[0]?.join('red');
    assert.equal(sessions[0]?.join('red'), true);
    assert.equal(on.router.to('red').send('x'), 1);
  });

  it('of one router are not those of another', async () => {
    const [one, other] = [await serveTransports(), await serveTransports()];
    const { sessions } = await webSockets(one, 'a');
    sessions[0]?.join('red');
    assert.equal(other.router.to('red').send('x'), 0);
  });

  it('can have any name', async () => {
    const on = await serveTransports();
    const { sessions } = await webSockets(on, 'a', 'b');
    for (const room of ['', '__proto__', 'constructor', 'é\ud800']) {
      assert.equal(on.router.to(room).send('x'), 0);
      sessions[0]?.join(room);
      assert.equal(on.router.to(room).send('x'), 1);
    }
    assert.deepEqual([...(sessions[0]?.rooms ?? [])], ['', '__proto__', 'constructor', 'é\ud800']);
    assert.deepEqual([...(sessions[1]?.rooms ?? ['wrong'])], []);
  });

  it('are left one by one', async () => {
    const on = await serveTransports();
    const { sessions } = await webSockets(on, 'a');
    const [session] = sessions;
    session?.join('red');
    session?.join('blue');
    assert.equal(session?.leave('red'), true);
    assert.equal(session?.leave('red'), false);
    assert.equal(session?.leave('green'), false);
    assert.equal(on.router.to('red').send('x'), 0);
    assert.equal(on.router.to('blue').send('x'), 1);
    assert.deepEqual([...(session?.rooms ?? [])], ['blue']);
  });

  it('are left at the end of a session, which still shows those it was in', async () => {
    const on = await serveTransports();
    const { sessions, sockets } = await webSockets(on, 'a', 'b');
    const [session] = sessions as [Session];
    session.join('red');
    sessions[1]?.join('red');
    sockets[0]?.socket.terminate();
    await once(session, 'close');
    assert.equal(on.router.to('red').send('x'), 1);
    assert.deepEqual([...session.rooms], ['red']);
    assert.equal(session.join('blue'), false);
    assert.deepEqual([...session.rooms], ['red']);
    assert.equal(on.router.to('blue').send('x'), 0);
  });

  it('are shown as a copy, and changing it leaves no room', async () => {
    const on = await serveTransports();
    const { sessions } = await webSockets(on, 'a');
    const [session] = sessions as [Session];
    (session.rooms as Set<string>).add('blue');
    session.join('red');
    (session.rooms as Set<string>).delete('red');
    assert.deepEqual([...session.rooms], ['red']);
    portOf(session).terminate();
    assert.equal(session.leave('red'), false);
    assert.deepEqual([...session.rooms], ['red']);
  });

  it('have names that are strings', async () => {
    const on = await serveTransports();
    const { sessions } = await webSockets(on, 'a');
    assert.throws(() => sessions[0]?.join(undefined as never), {
      name: 'TypeError',
      message: /takes the name of a room/,
    });
  });

  it('can be entered by onSession', async () => {
    const on = await serveTransports({}, { onSession: (session) => session.join('red') });
    const { sockets } = await webSockets(on, 'a');
    assert.equal(on.router.to('red').send('x'), 1);
    assert.equal(await sockets[0]?.next(), 'a["x"]');
  });
});

describe('SharedMessage', () => {
  it('is encoded once for each transport', () => {
    const message = new SharedMessage('hello');
    let calls = 0;
    const encode = () => {
      calls += 1;
      return Buffer.from(message.frame);
    };
    assert.equal(message.encoded('websocket', encode), message.encoded('websocket', encode));
    assert.equal(calls, 1);
    assert.notEqual(message.encoded('eventsource', encode), message.encoded('websocket', encode));
    assert.equal(calls, 2);
    assert.equal(message.chunkCoded('eventsource', encode), message.chunkCoded('eventsource', encode));
    assert.notEqual(message.chunkCoded('eventsource', encode), message.encoded('eventsource', encode));
    assert.equal(calls, 3);
  });
});
