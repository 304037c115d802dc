/** Which methods count as those of Node and ws. */
import assert from 'node:assert/strict';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { WebSocket } from 'ws';
import {
  isFlushPristine,
  isHeadPristine,
  isWriteHeadPristine,
  isWritePristine,
} from '../../../lib/http/pristine-response.ts';
import { isReceivePristine, isSendPristine } from '../../../lib/transports/websocket/pristine-websocket.ts';
import { pristine, REPLACED } from '../../../lib/util/pristine.ts';

type Method = (...args: never[]) => unknown;

const MARK = 'write_(this';

function wrapped(method: Method): Method {
  return function (this: unknown, ...args) {
    return Reflect.apply(method, this, args);
  };
}

describe('a method of which the source text is known', () => {
  const { write } = ServerResponse.prototype;

  it('is returned', () => {
    assert.equal(pristine(write, MARK), write);
  });

  for (const [title, replacement] of [
    ['a wrapper', wrapped(write)],
    ['a wrapper that shows the text of the original', Object.assign(wrapped(write), { toString: () => `${write}` })],
    ['a bound function', write.bind(new ServerResponse(new IncomingMessage(new Socket())))],
    ['a Proxy', new Proxy(write, {})],
    ['nothing', undefined],
  ] as const) {
    it(`counts as replaced where ${title} is in its place`, () => {
      assert.equal(pristine(replacement, MARK), REPLACED);
    });
  }
});

/** A WebSocket of a server, before it has a connection. */
function serverSide(): WebSocket {
  return Reflect.construct(WebSocket, [null, undefined, {}]);
}

// A new version of Node or of ws may need other marks: without, this package is right, but slower.
describe('the methods that this package bypasses', () => {
  it('are all recognised on a response of this version of Node', () => {
    const res = new ServerResponse(new IncomingMessage(new Socket()));
    assert.deepEqual(
      {
        write: isWritePristine(res),
        head: isHeadPristine(res),
        writeHead: isWriteHeadPristine(res.writeHead),
        flush: isFlushPristine(res),
      },
      { write: true, head: true, writeHead: true, flush: true },
    );
  });

  it('are all recognised on a WebSocket of this version of ws', () => {
    const webSocket = serverSide();
    assert.deepEqual(
      { send: isSendPristine(webSocket), receive: isReceivePristine(webSocket) },
      { send: true, receive: true },
    );
  });

  for (const [title, names, isPristine] of [
    ['direct writes', ['write', '_send', '_writeRaw'], isWritePristine],
    ['deferred headers', ['write', 'end', 'setHeader', 'removeHeader', '_implicitHeader', 'emit'], isHeadPristine],
    ['a deferred head', ['writeHead'], (res) => isWriteHeadPristine(res.writeHead)],
    ['an early head', ['write', 'end', 'flushHeaders'], isFlushPristine],
  ] as readonly [string, readonly string[], (res: ServerResponse) => boolean][]) {
    for (const name of names) {
      it(`forbid ${title} for a response that has its own ${name}`, () => {
        const res = new ServerResponse(new IncomingMessage(new Socket()));
        Reflect.set(res, name, wrapped(Reflect.get(res, name)));
        assert.equal(isPristine(res), false);
      });
    }
  }

  for (const [name, isPristine] of [
    ['send', isSendPristine],
    ['emit', isReceivePristine],
    ['on', isReceivePristine],
  ] as const) {
    it(`are not bypassed on a WebSocket that has its own ${name}`, () => {
      const webSocket = serverSide();
      Reflect.set(webSocket, name, wrapped(Reflect.get(webSocket, name)));
      assert.equal(isPristine(webSocket), false);
    });
  }
});
