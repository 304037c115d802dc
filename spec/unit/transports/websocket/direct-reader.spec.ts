/**
 * Text messages that are read without ws. The same bytes sent where ws reads them show that the outcome is the same.
 * The messages that ws does not get show that ws is bypassed.
 */
import assert from 'node:assert/strict';
import { type EventEmitter, once } from 'node:events';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import type { Session, SessionCloseEvent, SockjsOptions } from '../../../../lib/index.ts';
import { WebSocketReader } from '../../../../lib/transports/websocket/direct-reader.ts';
import { Random } from '../../../hostile/random.ts';
import { AsyncQueue } from '../../../support/async-queue.ts';
import { afterTest } from '../../../support/cleanup.ts';
import { FramePeer, type FrameShape, frame, frameHead, type Outcome } from '../../../support/frame-peer.ts';
import { RawSocket } from '../../../support/http.ts';
import { closePayload, ServerSockets, serverFrame } from '../../../support/upgrade-client.ts';
import { WebSocketClient } from '../../../support/websocket-client.ts';
import {
  ALL_TRANSPORTS,
  serveTransports,
  type TransportServer,
  type WireTransport,
} from '../../../support/wire-transports.ts';

const TEXT = 0x81;
const BINARY = 0x82;
const CLOSE = 0x88;
const PING = 0x89;
const PONG = 0x8a;
/** Fragments: the first, one in the middle, and the last. */
const FIRST = 0x01;
const NEXT = 0x00;
const LAST = 0x80;

const WEBSOCKETS = ALL_TRANSPORTS.filter(({ family }) => family === 'websocket');
const RAW = WEBSOCKETS.find(({ name }) => name === 'websocket-raw') as WireTransport;

/** WebSockets with a class of the application, so that ws reads all messages. */
const OWN_CLASS: { readonly WebSocket?: typeof WebSocket } = { WebSocket: class extends WebSocket {} };
const LEFT_TO_WS: SockjsOptions = { websocketServer: OWN_CLASS };

const READERS: readonly [name: string, options: SockjsOptions, engine: typeof OWN_CLASS][] = [
  ['the reader', {}, {}],
  ['ws', LEFT_TO_WS, OWN_CLASS],
];

/** Characters of 1 to 4 bytes of UTF-8. */
const MIXED = 'aé€😀';

/** A message as text of this endpoint. */
function textOf({ name }: WireTransport, message: string): string {
  return name === 'websocket' ? JSON.stringify([message]) : message;
}

/** A message as one frame. */
function message(transport: WireTransport, text: string, shape: FrameShape = {}): Buffer {
  return frame(TEXT, textOf(transport, text), shape);
}

/** The bytes that the server sends first. */
function opening({ name }: WireTransport): string {
  return name === 'websocket' ? serverFrame(1, 'o') : '';
}

function closing(code: number, reason = ''): Buffer {
  return frame(CLOSE, Buffer.from(closePayload(code, reason), 'latin1'));
}

/** One chunk for each byte. */
function byteByByte(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.from([byte]));
}

/** A text of exactly so many bytes. */
function randomText(random: Random, bytes: number, alphabet: readonly string[]): string {
  let text = '';
  for (let left = bytes; left > 0; ) {
    const character = random.pick(alphabet);
    const size = Buffer.byteLength(character);
    text += size > left ? '.' : character;
    left -= size > left ? 1 : size;
  }
  return text;
}

/** Sends the chunks one by one, and returns the outcome. One of them ends the connection. */
async function converse(on: TransportServer, transport: WireTransport, chunks: readonly Buffer[]): Promise<Outcome> {
  const peer = await FramePeer.open(on, transport);
  for (const chunk of chunks) {
    await peer.send(chunk);
  }
  return peer.outcome();
}

/** An `onSession` that does not settle, so that the session keeps messages that are not read yet. */
const READING = { onSession: () => new Promise(() => {}) };

/** Members of a WebSocket that the types of ws leave out. */
interface Taking {
  setSocket(...args: unknown[]): void;
  readonly _receiver: EventEmitter;
}

/** The texts of messages that ws reads from now on, on the server's side. */
function seenByWs(): string[] {
  const texts: string[] = [];
  const prototype = WebSocket.prototype as unknown as Taking;
  const { setSocket } = prototype;
  // A wrapped `emit`, or a listener on the WebSocket, would have ws read all messages.
  prototype.setSocket = function (this: WebSocket & Taking, ...args) {
    Reflect.apply(setSocket, this, args);
    // Only clients, which run in this process as well, have a URL.
    if (!this.url) {
      this._receiver.on('message', (data) => texts.push(String(data)));
    }
  };
  afterTest(() => {
    prototype.setSocket = setSocket;
  });
  return texts;
}

describe('WebSocketReader', () => {
  /** A reader of a connection with chunks from the test; `left` has the chunks that ws gets. */
  function read(maxBytes = 1000) {
    const connection = new Readable({ read() {} });
    const texts: [string, number][] = [];
    const left: string[] = [];
    connection.on('data', (chunk: Buffer) => left.push(chunk.toString('hex')));
    const listener = {
      allowsDirectReads: () => true,
      onText(text: string, bytes: number) {
        texts.push([text, bytes]);
      },
    };
    WebSocketReader.attach(connection, listener, maxBytes);
    const bring = (chunk: Buffer) => connection.emit('data', chunk);
    return { connection, texts, left, bring };
  }

  it('does not touch a connection to which ws does not listen', () => {
    const connection = new Readable({ read() {} });
    WebSocketReader.attach(connection, { allowsDirectReads: () => true, onText() {} }, 1000);
    assert.equal(connection.listenerCount('data'), 0);
  });

  for (const [what, head] of [
    ['a close without a mask', Buffer.from([CLOSE, 0])],
    ['a fragment', Buffer.from([FIRST, 0x80])],
    ['a ping of 126 bytes', frameHead(PING, 126)],
    ['a ping of 70 000 bytes', frameHead(PING, 70_000)],
    ['a text that is too long, of 16 bits', frameHead(TEXT, 1001).subarray(0, 4)],
    ['a text that is too long, of 64 bits', frameHead(TEXT, 70_000).subarray(0, 10)],
  ] as const) {
    it(`gives ws ${what} as soon as its head has come, and all that follows`, () => {
      const { texts, left, bring } = read();
      bring(frame(TEXT, 'before'));
      bring(head);
      assert.deepEqual(left, [head.toString('hex')]);
      const next = frame(TEXT, 'behind');
      bring(next);
      assert.deepEqual(
        left,
        [head, next].map((bytes) => bytes.toString('hex')),
      );
      assert.deepEqual(texts, [['before', 6]]);
    });
  }

  it('reads a frame that comes in 1025 pieces, and gives ws one that comes in more', () => {
    const text = 'x'.repeat(2000);
    const bytes = frame(TEXT, text);
    for (const [pieces, isRead] of [
      [1024, true],
      [1025, true],
      [1026, false],
    ] as const) {
      const { texts, left, bring } = read(10_000);
      // The first piece holds length and mask, so that only the end is missing.
      const first = bytes.length - text.length;
      const last = first + pieces - 2;
      bring(bytes.subarray(0, first));
      for (const piece of byteByByte(bytes.subarray(first, last))) {
        bring(piece);
      }
      assert.deepEqual(texts, []);
      bring(bytes.subarray(last));
      assert.equal(texts[0]?.[0] === text, isRead, `${pieces} pieces`);
      assert.equal(left.join(''), isRead ? '' : bytes.toString('hex'), `${pieces} pieces`);
    }
  });
});

describe('text messages of one frame', () => {
  for (const transport of WEBSOCKETS) {
    describe(`on ${transport.name}`, () => {
      it('are read without ws', async () => {
        const seen = seenByWs();
        const peer = await FramePeer.open(await serveTransports(), transport);
        await peer.send(
          message(transport, 'a'),
          message(transport, MIXED),
          frame(PING, ''),
          message(transport, 'x'.repeat(70_000)),
        );
        while (peer.messages.length < 3) {
          await turn();
        }
        assert.deepEqual(peer.messages, ['a', MIXED, 'x'.repeat(70_000)]);
        assert.deepEqual(seen, []);
      });

      it('are read by ws where its engine has a class of the application', async () => {
        const seen = seenByWs();
        const peer = await FramePeer.open(await serveTransports(LEFT_TO_WS), transport);
        await peer.send(message(transport, 'a'));
        assert.deepEqual(peer.messages, ['a']);
        assert.deepEqual(seen, [textOf(transport, 'a')]);
      });

      it('are left to ws where another listener reads the connection as well', async () => {
        const seen = seenByWs();
        const on = await serveTransports();
        const heard: Buffer[] = [];
        on.server.on('connection', (socket) => socket.on('data', (chunk) => heard.push(Buffer.from(chunk))));
        const peer = await FramePeer.open(on, transport);
        heard.length = 0;
        await peer.send(message(transport, 'a'), message(transport, 'b'));
        assert.deepEqual(peer.messages, ['a', 'b']);
        assert.deepEqual(seen, [textOf(transport, 'a'), textOf(transport, 'b')]);
        assert.deepEqual(Buffer.concat(heard), Buffer.concat([message(transport, 'a'), message(transport, 'b')]));
      });

      it('arrive in order from one chunk of many', async () => {
        const peer = await FramePeer.open(await serveTransports(), transport);
        const texts = Array.from({ length: 2000 }, (_, i) => `${i} ${MIXED}`);
        await peer.send(...texts.map((text) => message(transport, text)));
        assert.deepEqual(peer.messages, texts);
      });

      for (const [title, lengthBits, text] of [
        ['a length of 7 bits', 7, MIXED],
        ['a length of 16 bits', 16, MIXED.repeat(30)],
        ['a length of 64 bits', 64, MIXED.repeat(30)],
      ] as const) {
        it(`arrive once and unchanged, cut at any byte: ${title}`, async () => {
          const peer = await FramePeer.open(await serveTransports(), transport);
          const bytes = message(transport, text, { lengthBits });
          for (let at = 1; at < bytes.length; at += 1) {
            // In the same chunks as the message before it and the one behind it.
            await peer.send(message(transport, 'before'), bytes.subarray(0, at));
            assert.deepEqual(peer.messages.splice(0), ['before'], `first half, cut at ${at}`);
            await peer.send(bytes.subarray(at), message(transport, 'behind'));
            assert.deepEqual(peer.messages.splice(0), [text, 'behind'], `cut at ${at}`);
          }
        });
      }

      it('arrive once and unchanged, cut at any two bytes of their beginning', async () => {
        const seen = seenByWs();
        const peer = await FramePeer.open(await serveTransports(), transport);
        const bytes = message(transport, MIXED.repeat(30), { lengthBits: 64 });
        for (let first = 1; first < 17; first += 1) {
          for (let second = first + 1; second < 18; second += 1) {
            await peer.send(bytes.subarray(0, first));
            await peer.send(bytes.subarray(first, second));
            assert.deepEqual(peer.messages, []);
            await peer.send(bytes.subarray(second));
            assert.deepEqual(peer.messages.splice(0), [MIXED.repeat(30)], `cut at ${first} and ${second}`);
          }
        }
        assert.deepEqual(seen, []);
      });

      it('arrive unchanged in all sizes, under any mask, at any alignment', async () => {
        const random = new Random(1);
        const peer = await FramePeer.open(await serveTransports({ maxMessageSize: 400_000 }), transport);
        const overhead = Buffer.byteLength(textOf(transport, ''));
        for (const size of [0, 1, 124, 125, 126, 127, 255, 256, 257, 65_535, 65_536, 300_000]) {
          for (const alphabet of [['a', 'Z', ' '], [...MIXED]]) {
            for (let shift = 0; shift < 4; shift += 1) {
              const before = 'x'.repeat(shift);
              const text = randomText(random, Math.max(0, size - overhead), alphabet);
              const mask = shift === 0 && size < 256 ? Buffer.alloc(4) : random.bytes(4);
              await peer.send(
                message(transport, before, { mask: random.bytes(4) }),
                message(transport, text, { mask }),
              );
              while (peer.messages.length < 2) {
                await turn();
              }
              const where = `${size} bytes, ${before.length} bytes on, mask ${mask.toString('hex')}`;
              assert.equal(peer.messages.length, 2, where);
              assert.equal(peer.messages[0], before, where);
              assert.equal(peer.messages[1] === text, true, where);
              peer.messages.length = 0;
            }
          }
        }
      });

      it('arrive unchanged with one character that is not ASCII, at any position', async () => {
        const peer = await FramePeer.open(await serveTransports(), transport);
        for (const size of [20, 255, 256, 261]) {
          const texts = Array.from({ length: size }, (_, i) => `${'.'.repeat(i)}é${'.'.repeat(size - i - 1)}`);
          await peer.send(...texts.map((text) => message(transport, text)));
          while (peer.messages.length < texts.length) {
            await turn();
          }
          assert.deepEqual(peer.messages.splice(0), texts);
        }
      });

      it('are read without ws in hundreds of pieces', async () => {
        const seen = seenByWs();
        const peer = await FramePeer.open(await serveTransports(), transport);
        const text = MIXED.repeat(80);
        for (const byte of byteByByte(message(transport, text))) {
          await peer.send(byte);
        }
        assert.deepEqual(peer.messages, [text]);
        assert.deepEqual(seen, []);
      });

      it('arrive unchanged in thousands of pieces, by way of ws', async () => {
        const seen = seenByWs();
        const peer = await FramePeer.open(await serveTransports(), transport);
        const text = MIXED.repeat(250);
        for (const byte of byteByByte(message(transport, text))) {
          assert.deepEqual(peer.messages, []);
          await peer.send(byte);
        }
        await peer.send(message(transport, 'behind'));
        assert.deepEqual(peer.messages, [text, 'behind']);
        assert.deepEqual(seen, [textOf(transport, text), textOf(transport, 'behind')]);
      });

      it('count as many bytes as where ws reads them', async () => {
        const counts: number[] = [];
        for (const [, options] of READERS) {
          const on = await serveTransports(options);
          const peer = await FramePeer.open(on, transport);
          await peer.send(message(transport, 'a'), message(transport, MIXED), message(transport, MIXED.repeat(30)));
          assert.equal(peer.messages.length, 3);
          counts.push(on.router.stats().bytesIn);
        }
        assert.equal(counts[0], counts[1]);
      });

      it('leave no listeners behind, however often they are cut', async () => {
        const peer = await FramePeer.open(await serveTransports(), transport);
        const count = () => ['data', 'close', 'end', 'error'].map((event) => peer.connection.listenerCount(event));
        const before = count();
        const bytes = message(transport, MIXED.repeat(30));
        for (let i = 0; i < 20; i += 1) {
          for (const [from, to] of [
            [0, 1],
            [1, 3],
            [3, 50],
            [50, bytes.length],
          ]) {
            await peer.send(bytes.subarray(from, to));
          }
          assert.deepEqual(peer.messages.splice(0), [MIXED.repeat(30)]);
        }
        assert.deepEqual(count(), before);
      });
    });
  }
});

describe('pings between text messages', () => {
  for (const transport of WEBSOCKETS) {
    it(`are answered in order, with their payload, and do not return the connection to ws: ${transport.name}`, async () => {
      const seen = seenByWs();
      const peer = await FramePeer.open(await serveTransports(), transport);
      const payloads = ['', 'x', MIXED, 'x'.repeat(125)];
      await peer.send(
        ...payloads.flatMap((payload, i) => [message(transport, `${i}`), frame(PING, payload)]),
        // A pong without a ping has no effect.
        frame(PONG, 'x'),
        message(transport, 'last'),
        closing(1000),
      );
      const pongs = payloads.map((payload) => serverFrame(0xa, Buffer.from(payload).toString('latin1')));
      assert.deepEqual(await peer.outcome(), {
        messages: ['0', '1', '2', '3', 'last'],
        received: `${opening(transport)}${pongs.join('')}${serverFrame(8, closePayload(1000))}`,
        event: { code: 1000, reason: '', wasClean: true },
      });
      assert.deepEqual(seen, []);
    });

    it(`are answered, cut at any byte: ${transport.name}`, async () => {
      const seen = seenByWs();
      const peer = await FramePeer.open(await serveTransports(), transport);
      const sent: string[] = [];
      for (const payload of ['', 'ping', 'x'.repeat(125)]) {
        const bytes = frame(PING, payload);
        for (let at = 1; at < bytes.length; at += 1) {
          await peer.send(message(transport, 'before'), bytes.subarray(0, at));
          await peer.send(bytes.subarray(at), message(transport, 'behind'));
          assert.deepEqual(peer.messages.splice(0), ['before', 'behind'], `${payload.length} bytes, cut at ${at}`);
          sent.push(serverFrame(0xa, payload));
        }
      }
      await peer.send(closing(1000));
      const { received } = await peer.outcome();
      assert.equal(received, `${opening(transport)}${sent.join('')}${serverFrame(8, closePayload(1000))}`);
      assert.deepEqual(seen, []);
    });
  }
});

/** Longer messages are too big. */
const MAX_SIZE = 400;

const CONTROL = [
  [CLOSE, 'close'],
  [PING, 'ping'],
  [PONG, 'pong'],
] as const;

const NORMAL: SessionCloseEvent = { code: 1000, reason: '', wasClean: true };
const BROKEN: SessionCloseEvent = { code: 1006, reason: '', wasClean: false };
const TOO_BIG: SessionCloseEvent = { code: 1009, reason: 'Message too big.', wasClean: false };

/** Frames between two messages, and their outcome. */
interface Case {
  readonly title: string;
  frames(transport: WireTransport): readonly Buffer[];
  /** The messages that are delivered of them; the message behind them follows where `event` is normal. */
  readonly messages: readonly string[];
  /** The bytes that the server sends, as latin1. */
  readonly sent: string;
  readonly event: SessionCloseEvent;
}

/** The connection stays open, and ws reads from the first of the frames on. */
function givenBack(title: string, frames: Case['frames'], messages: readonly string[], sent = ''): Case[] {
  return [{ title, frames, messages, sent: `${sent}${serverFrame(8, closePayload(1000))}`, event: NORMAL }];
}

/** The server closes with this code, and delivers nothing of the frames. */
function refused(title: string, code: number, frames: Case['frames'], event = BROKEN): Case[] {
  return [{ title, frames, messages: [], sent: serverFrame(8, closePayload(code)), event }];
}

/** The client closes. */
function closes(title: string, closeFrame: Buffer, code: number, reason: string, answer: string): Case[] {
  const event = { code, reason, wasClean: true };
  return [{ title, frames: () => [closeFrame], messages: [], sent: serverFrame(8, answer), event }];
}

const LONG = 'x'.repeat(300);

/** Positions in a text of 300 bytes, which is unmasked by words: at the beginning, among the words, and at the end. */
function inLong(bytes: Buffer, at: number): Buffer {
  const payload = Buffer.from(`["${'x'.repeat(296)}"]`);
  bytes.copy(payload, at);
  return payload;
}

/** The text of one message in pieces that are cut within characters. */
function pieces(transport: WireTransport): [Buffer, Buffer, Buffer] {
  const bytes = Buffer.from(textOf(transport, MIXED));
  const middle = bytes.indexOf('é') + 1;
  return [bytes.subarray(0, middle), bytes.subarray(middle, middle + 3), bytes.subarray(middle + 3)];
}

const CASES: readonly Case[] = [
  ...closes('a close', closing(3001, 'bye'), 3001, 'bye', closePayload(3001, 'bye')),
  ...closes('a close without a code', frame(CLOSE, ''), 1005, '', ''),
  ...refused('a close with a code that must not be sent', 1002, () => [closing(1006)]),
  ...refused('a close with half a code', 1002, () => [frame(CLOSE, '\x03')]),
  ...refused('a close whose reason is not UTF-8', 1007, () => [closing(3001, '\xff')]),

  ...givenBack(
    'a message in fragments, cut within characters, with control frames between',
    (transport) => {
      const [a, b, c] = pieces(transport);
      return [frame(FIRST, a), frame(PING, '1'), frame(NEXT, b), frame(PONG, ''), frame(PING, '2'), frame(LAST, c)];
    },
    [MIXED],
    `${serverFrame(0xa, '1')}${serverFrame(0xa, '2')}`,
  ),
  ...givenBack(
    'two messages in fragments, some empty',
    (transport) => {
      const [a, b, c] = pieces(transport);
      const last = frame(LAST, '');
      return [
        ...[frame(FIRST, ''), frame(NEXT, a), frame(NEXT, ''), frame(NEXT, b), frame(NEXT, c), last],
        ...[frame(FIRST, textOf(transport, 'x')), last],
      ];
    },
    [MIXED, 'x'],
  ),
  ...refused('a fragment of nothing', 1002, () => [frame(NEXT, 'x')]),
  ...refused('the last fragment of nothing', 1002, () => [frame(LAST, 'x')]),
  ...refused('a text among fragments', 1002, (transport) => [frame(FIRST, '"'), message(transport, 'x')]),
  ...refused('fragments that are not UTF-8', 1007, () => [
    frame(FIRST, '"\xe9'),
    frame(LAST, Buffer.from('ff22', 'hex')),
  ]),
  ...refused(
    'fragments that are too long',
    1009,
    () => [frame(FIRST, LONG), frame(LAST, 'x'.repeat(MAX_SIZE + 1 - LONG.length))],
    TOO_BIG,
  ),

  ...[BINARY, 0x02].map(
    (first): Case => ({
      title: `binary, ${first === BINARY ? 'whole' : 'in fragments'}`,
      frames: (transport) => [frame(first, textOf(transport, 'x')), ...(first === BINARY ? [] : [frame(LAST, 'y')])],
      messages: [],
      sent: serverFrame(8, closePayload(1003, 'Text messages only.')),
      event: { code: 1003, reason: 'Text messages only.', wasClean: false },
    }),
  ),

  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode) =>
    refused(`the reserved opcode ${opcode}`, 1002, (transport) => [frame(0x80 | opcode, textOf(transport, 'x'))]),
  ),
  ...[0x40, 0x20, 0x10, 0x70].flatMap((bits) => [
    ...refused(`a text with the reserved bits ${bits}`, 1002, (transport) => [
      frame(TEXT | bits, textOf(transport, 'x')),
    ]),
    ...refused(`a ping with the reserved bits ${bits}`, 1002, () => [frame(PING | bits, 'x')]),
  ]),
  ...[...CONTROL, [TEXT, 'text'] as const].flatMap(([first, name]) =>
    refused(`a ${name} without a mask`, 1002, (transport) => [
      frame(first, textOf(transport, 'x'), { mask: undefined }),
    ]),
  ),
  ...refused('an empty text without a mask', 1002, () => [frame(TEXT, '', { mask: undefined })]),
  ...refused('a long text without a mask', 1002, () => [frame(TEXT, LONG, { mask: undefined })]),
  ...CONTROL.flatMap(([first, name]) => [
    ...refused(`a ${name} in fragments`, 1002, () => [frame(first & 0x0f, 'xx')]),
    ...refused(`a ${name} of 126 bytes`, 1002, () => [frame(first, 'x'.repeat(126))]),
    ...refused(`a ${name} with a length of 16 bits`, 1002, () => [frame(first, 'xx', { lengthBits: 16 })]),
    ...refused(`a ${name} with a length of 64 bits`, 1002, () => [frame(first, 'xx', { lengthBits: 64 })]),
  ]),

  ...refused('a text one byte too long', 1009, () => [frame(TEXT, 'x'.repeat(MAX_SIZE + 1))], TOO_BIG),
  ...[2n ** 31n, 2n ** 32n + 5n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n + 5n, 2n ** 64n - 1n].flatMap((length) =>
    refused(`the beginning of a text of ${length} bytes`, 1009, () => [frameHead(TEXT, length)], TOO_BIG),
  ),

  ...[
    ['a byte that never stands in UTF-8', 'ff'],
    ['a byte that begins nothing', '80'],
    ['a character of two bytes where one would do', 'c1a1'],
    ['half a pair of surrogates', 'eda080'],
    ['a character beyond the last', 'f4908080'],
  ].flatMap(([what = '', hex = '']) => {
    const wrong = Buffer.from(hex, 'hex');
    return [
      ...refused(`a short text with ${what}`, 1007, () => [frame(TEXT, Buffer.concat([Buffer.from('"'), wrong]))]),
      ...[2, 77, 300 - 2 - wrong.length].flatMap((at) =>
        refused(`a long text with ${what} at ${at}`, 1007, () => [frame(TEXT, inLong(wrong, at))]),
      ),
    ];
  }),
  ...refused('a text of nothing but a byte that begins nothing', 1007, () => [frame(TEXT, Buffer.from('80', 'hex'))]),
  ...refused('a short text that ends within a character', 1007, () => [frame(TEXT, Buffer.from('22e282', 'hex'))]),
  ...refused('a long text that ends within a character', 1007, () => [
    frame(TEXT, inLong(Buffer.from('f09f98', 'hex'), 297)),
  ]),
];

/** Ways to cut frames into chunks. */
const MANNERS: readonly [name: string, cut: (frames: readonly Buffer[]) => readonly Buffer[]][] = [
  ['in one chunk', (frames) => [Buffer.concat(frames)]],
  ['frame by frame', (frames) => frames],
  ['byte by byte', (frames) => frames.flatMap(byteByByte)],
];

describe('a frame that is not a whole text message', () => {
  for (const transport of WEBSOCKETS) {
    for (const { title, frames, messages, sent, event } of CASES) {
      it(`has the same outcome as without the reader, on ${transport.name}: ${title}`, async () => {
        const all = [message(transport, 'before'), ...frames(transport), message(transport, 'behind'), closing(1000)];
        const expected: Outcome = {
          messages: ['before', ...messages, ...(event === NORMAL ? ['behind'] : [])],
          received: `${opening(transport)}${sent}`,
          event,
        };
        for (const [reader, options] of READERS) {
          const on = await serveTransports({ ...options, maxMessageSize: MAX_SIZE });
          // How ws reads chunks needs no proof here.
          for (const [manner, cut] of reader === 'ws' ? MANNERS.slice(0, 1) : MANNERS) {
            assert.deepEqual(await converse(on, transport, cut(all)), expected, `${manner}, read by ${reader}`);
          }
        }
      });
    }
  }
});

describe('a connection that was returned to ws', () => {
  for (const transport of WEBSOCKETS) {
    it(`stays with ws, which reads from the first frame on that the reader cannot read: ${transport.name}`, async () => {
      const seen = seenByWs();
      const peer = await FramePeer.open(await serveTransports(), transport);
      const [a, b, c] = pieces(transport);
      await peer.send(message(transport, 'read'), frame(FIRST, a), frame(NEXT, b));
      await peer.send(frame(LAST, c), message(transport, 'same chunk'));
      await peer.send(message(transport, 'later'));
      assert.deepEqual(peer.messages, ['read', MIXED, 'same chunk', 'later']);
      assert.deepEqual(
        seen,
        [MIXED, 'same chunk', 'later'].map((text) => textOf(transport, text)),
      );
    });
  }

  it('has no listeners but those of ws', async () => {
    const counts: number[][] = [];
    for (const [, options] of READERS) {
      const peer = await FramePeer.open(await serveTransports(options), RAW);
      const bytes = message(RAW, MIXED);
      await peer.send(bytes.subarray(0, 5));
      await peer.send(bytes.subarray(5), frame(FIRST, 'a'));
      await peer.send(frame(LAST, 'b'));
      assert.deepEqual(peer.messages, [MIXED, 'ab']);
      counts.push(['data', 'close', 'end'].map((event) => peer.connection.listenerCount(event)));
      assert.ok(peer.connection.listenerCount('error') > 0);
    }
    assert.deepEqual(counts[0], counts[1]);
  });
});

describe('messages behind the one at which the application closes', () => {
  /** An application that closes at that message, and the outcome. */
  async function closingAt(
    transport: WireTransport,
    options: SockjsOptions,
    chunks: readonly Buffer[],
  ): Promise<Outcome> {
    const peer = await FramePeer.open(await serveTransports({ ...options, maxMessageSize: MAX_SIZE }), transport);
    peer.session.on('message', (text) => {
      if (text === 'enough') {
        peer.session.close(3001, 'bye');
      }
    });
    for (const chunk of chunks) {
      await peer.send(chunk);
    }
    return peer.outcome();
  }

  const CLOSED: SessionCloseEvent = { code: 3001, reason: 'bye', wasClean: true };

  for (const transport of WEBSOCKETS) {
    const frameOfClose = transport.name === 'websocket' ? serverFrame(1, 'c[3001,"bye"]') : '';
    const closed: Outcome = {
      messages: ['before', 'enough'],
      received: `${opening(transport)}${frameOfClose}${serverFrame(8, closePayload(3001, 'bye'))}`,
      event: CLOSED,
    };
    for (const [reader, options] of READERS) {
      it(`are not delivered, and the client's close frame counts: ${transport.name}, read by ${reader}`, async () => {
        // The text that is no JSON does not close with 1007 any more.
        const late = [
          message(transport, 'late'),
          frame(PING, 'late'),
          frame(TEXT, '["broken'),
          message(transport, LONG),
        ];
        const all = [message(transport, 'before'), message(transport, 'enough'), ...late, closing(3001, 'bye')];
        for (const [manner, cut] of MANNERS) {
          assert.deepEqual(await closingAt(transport, options, cut(all)), closed, manner);
        }
      });

      it(`are not delivered where half of them had come: ${transport.name}, read by ${reader}`, async () => {
        const late = message(transport, LONG);
        for (const at of [1, 2, 4, 7, 8, 100]) {
          assert.deepEqual(
            await closingAt(transport, options, [
              Buffer.concat([message(transport, 'before'), message(transport, 'enough'), late.subarray(0, at)]),
              Buffer.concat([late.subarray(at), closing(3001, 'bye')]),
            ]),
            closed,
            `cut at ${at}`,
          );
        }
      });
    }
  }
});

describe('a connection that ends within a frame', () => {
  const LATE = [
    ['a text', (transport: WireTransport) => message(transport, MIXED.repeat(30))],
    ['a ping', () => frame(PING, 'ping')],
    ['a close', () => closing(3001, 'bye')],
  ] as const;
  const ENDS = [
    ['end', ({ raw }: FramePeer) => raw.socket.end()],
    ['reset', ({ raw }: FramePeer) => raw.socket.resetAndDestroy()],
    ['destroyed by the server', ({ connection }: FramePeer) => connection.destroy()],
  ] as const;

  for (const transport of WEBSOCKETS) {
    for (const [how, end] of ENDS) {
      it(`ends its session with 1006, and nothing is left (${how}): ${transport.name}`, async () => {
        for (const [reader, options] of READERS) {
          const on = await serveTransports(options);
          const sockets = new ServerSockets(on.server);
          for (const [what, bytesOf] of LATE) {
            const bytes = bytesOf(transport);
            for (const at of [1, 2, 3, 6, bytes.length - 1].filter((at) => at < bytes.length)) {
              const peer = await FramePeer.open(on, transport);
              await peer.send(message(transport, 'before'), bytes.subarray(0, at));
              end(peer);
              const { messages, event } = await peer.outcome();
              const where = `${at} bytes of ${what}, read by ${reader}`;
              assert.deepEqual({ messages, event }, { messages: ['before'], event: BROKEN }, where);
            }
          }
          await sockets.gone();
          assert.equal(on.router.sessions.size, 0);
        }
      });
    }
  }
});

describe('a frame of which half had come when the receive buffer was full', () => {
  const LIMITS: SockjsOptions = { maxReceiveBuffer: 10 };
  const FULL = 'x'.repeat(20);

  for (const transport of WEBSOCKETS) {
    for (const [reader, options] of READERS) {
      const late = message(transport, MIXED.repeat(30));

      const half = async (at: number) => {
        const peer = await FramePeer.open(await serveTransports({ ...options, ...LIMITS }, READING), transport, {
          listens: false,
        });
        await peer.send(message(transport, FULL), late.subarray(0, at));
        assert.equal(peer.connection.isPaused(), true);
        return peer;
      };

      it(`is delivered once the application has read: ${transport.name}, read by ${reader}`, async () => {
        for (const at of [1, 3, 5, 100]) {
          const peer = await half(at);
          await peer.send(late.subarray(at), message(transport, 'behind'));
          for (const text of [FULL, MIXED.repeat(30), 'behind']) {
            assert.equal(await peer.session.recv(), text);
          }
        }
      });

      for (const [how, end] of [
        ['reset', ({ raw }: FramePeer) => raw.socket.resetAndDestroy()],
        ['destroyed by the server', ({ connection }: FramePeer) => connection.destroy()],
      ] as const) {
        it(`does not hide the close behind it when the connection is ${how}: ${transport.name}, read by ${reader}`, async () => {
          for (const at of [1, 3, 5, 100]) {
            const peer = await half(at);
            await peer.send(late.subarray(at), closing(3001, 'bye'));
            assert.equal(peer.session.state, 'active');
            end(peer);
            const { event } = await peer.outcome();
            assert.deepEqual(event, { code: 3001, reason: 'bye', wasClean: true }, `cut at ${at}`);
            assert.equal(await peer.session.recv(), FULL);
            await assert.rejects(peer.session.recv(), { name: 'SessionNotOpenError' });
          }
        });

        it(`is given up where the rest is missing and the connection is ${how}: ${transport.name}, read by ${reader}`, async () => {
          for (const at of [1, 3, 5, 100]) {
            const peer = await half(at);
            await peer.send(late.subarray(at, at + 1));
            end(peer);
            assert.deepEqual((await peer.outcome()).event, BROKEN, `cut at ${at}`);
            assert.equal(await peer.session.recv(), FULL);
            await assert.rejects(peer.session.recv(), { name: 'SessionNotOpenError' });
          }
        });
      }
    }
  }
});

describe('bytes right behind the handshake', () => {
  /** Bytes in one chunk with the handshake, and bytes after that. */
  async function behindHandshake(
    transport: WireTransport,
    options: SockjsOptions,
    bytes: Buffer,
    at: number,
  ): Promise<Outcome> {
    const peers = new AsyncQueue<FramePeer>();
    const on = await serveTransports(options, { onSession: (session) => peers.push(new FramePeer(raw, session)) });
    const raw = new RawSocket(on.port);
    raw.socket.write(
      Buffer.concat([Buffer.from(transport.requestLines('session').join('\r\n')), bytes.subarray(0, at)]),
    );
    const peer = await peers.next();
    if (at < bytes.length) {
      await peer.send(bytes.subarray(at));
    }
    return peer.outcome();
  }

  for (const transport of WEBSOCKETS) {
    it(`are read as any, in a chunk that ends at any byte: ${transport.name}`, async () => {
      const bytes = Buffer.concat([
        message(transport, MIXED),
        frame(PING, 'x'),
        message(transport, 'b'),
        closing(3001, 'bye'),
      ]);
      const answers = `${serverFrame(0xa, 'x')}${serverFrame(8, closePayload(3001, 'bye'))}`;
      const expected: Outcome = {
        messages: [MIXED, 'b'],
        received: `${opening(transport)}${answers}`,
        event: { code: 3001, reason: 'bye', wasClean: true },
      };
      for (const [reader, options] of READERS) {
        for (let at = 0; at <= bytes.length; at += 1) {
          const outcome = await behindHandshake(transport, options, bytes, at);
          assert.deepEqual(outcome, expected, `${at} bytes behind the handshake, read by ${reader}`);
        }
      }
    });

    it(`are read without ws: ${transport.name}`, async () => {
      const seen = seenByWs();
      const bytes = Buffer.concat([message(transport, LONG), message(transport, MIXED), closing(1000)]);
      const { messages } = await behindHandshake(transport, {}, bytes, bytes.length);
      assert.deepEqual(messages, [LONG, MIXED]);
      assert.deepEqual(seen, []);
    });

    it(`may be a frame that the reader leaves to ws: ${transport.name}`, async () => {
      const [a, b, c] = pieces(transport);
      const bytes = Buffer.concat([
        frame(FIRST, a),
        frame(NEXT, b),
        frame(LAST, c),
        message(transport, 'b'),
        closing(1000),
      ]);
      for (const [reader, options] of READERS) {
        const { messages, event } = await behindHandshake(transport, options, bytes, bytes.length);
        assert.deepEqual({ messages, event }, { messages: [MIXED, 'b'], event: NORMAL }, `read by ${reader}`);
      }
    });
  }
});

describe('websocketServer', () => {
  const TEXTS = ['first', MIXED, 'x'.repeat(70_000), '', 'last'];

  for (const [title, engine, isReadByWs] of [
    ['no options', () => ({}), false],
    ['maxPayload', () => ({ maxPayload: 80_000 }), false],
    ['maxPayload: 0', () => ({ maxPayload: 0 }), false],
    ['allowSynchronousEvents: true', () => ({ allowSynchronousEvents: true }), false],
    ['allowSynchronousEvents: false', () => ({ allowSynchronousEvents: false }), true],
    ['perMessageDeflate, agreed on', () => ({ perMessageDeflate: { threshold: 0 } }), true],
    ['a class of its own', () => LEFT_TO_WS.websocketServer, true],
    ['an engine of its own', () => new WebSocketServer({ noServer: true }), true],
  ] as const) {
    for (const transport of WEBSOCKETS) {
      it(`${isReadByWs ? 'leaves' : 'does not leave'} it to ws to read, with ${title}: ${transport.name}`, async () => {
        const seen = seenByWs();
        const messages: string[] = [];
        const onSession = (session: Session) => {
          session.on('message', (text) => {
            messages.push(text);
            if (text === 'last') {
              session.close(3001, 'all there');
            }
          });
        };
        const on = await serveTransports({ websocketServer: engine() }, { onSession });
        const path = transport.name === 'websocket' ? '/echo/000/session/websocket' : '/echo/websocket';
        const client = new WebSocketClient(on.origin, path);
        await client.opened;
        const pong = once(client.socket, 'pong');
        client.socket.ping('ping');
        for (const text of TEXTS) {
          client.send(textOf(transport, text));
        }
        assert.deepEqual(await client.closed, { code: 3001, reason: 'all there' });
        assert.equal(String((await pong)[0]), 'ping');
        assert.deepEqual(messages, TEXTS);
        assert.deepEqual(seen, isReadByWs ? TEXTS.map((text) => textOf(transport, text)) : []);
      });
    }
  }

  for (const transport of WEBSOCKETS) {
    it(`does not leave it to ws to read where the client does not compress: ${transport.name}`, async () => {
      const seen = seenByWs();
      const peer = await FramePeer.open(
        await serveTransports({ websocketServer: { perMessageDeflate: true } }),
        transport,
      );
      await peer.send(message(transport, 'a'));
      assert.deepEqual(peer.messages, ['a']);
      assert.deepEqual(seen, []);
    });
  }

  for (const transport of WEBSOCKETS) {
    it(`leaves it to ws to read what is not compressed where it might be: ${transport.name}`, async () => {
      const seen = seenByWs();
      const on = await serveTransports({ websocketServer: { perMessageDeflate: true } });
      const client = new WebSocketClient(
        on.origin,
        transport.name === 'websocket' ? '/echo/000/session/websocket' : '/echo/websocket',
      );
      const session = await on.sessions.next();
      await client.opened;
      assert.equal(client.socket.extensions, 'permessage-deflate');
      const received = once(session, 'message');
      client.socket.send(textOf(transport, 'a'), { compress: false });
      assert.deepEqual(await received, ['a']);
      assert.deepEqual(seen, [textOf(transport, 'a')]);
    });
  }

  it('limits messages by maxPayload, with or without ws, but not pings', async () => {
    const seen = seenByWs();
    for (const [reader, , engine] of READERS) {
      for (const maxPayload of [10, 300]) {
        const options: SockjsOptions = { maxMessageSize: MAX_SIZE, websocketServer: { ...engine, maxPayload } };
        const fits = 'x'.repeat(maxPayload);
        const frames = [frame(TEXT, fits), frame(PING, 'ping'.repeat(10)), frame(TEXT, fits), frame(TEXT, `${fits}x`)];
        assert.deepEqual(
          await converse(await serveTransports(options), RAW, frames),
          {
            messages: [fits, fits],
            received: `${serverFrame(0xa, 'ping'.repeat(10))}${serverFrame(8, closePayload(1009))}`,
            event: TOO_BIG,
          },
          `read by ${reader}`,
        );
        // A ping that is longer than a message may be returns the connection to ws.
        const left = maxPayload === 10 ? [fits] : [];
        assert.deepEqual(seen.splice(0), reader === 'ws' ? [fits, fits] : left);
      }
    }
  });

  it('lets no message through that is longer than maxMessageSize, even where its own limit is higher', async () => {
    for (const maxPayload of [0, 1000]) {
      for (const [reader, , engine] of READERS) {
        const options: SockjsOptions = {
          maxMessageSize: MAX_SIZE,
          websocketServer: { ...engine, maxPayload },
        };
        const fits = 'x'.repeat(MAX_SIZE);
        const frames = [frame(TEXT, fits), frame(TEXT, `${fits}x`), frame(TEXT, 'behind'), closing(1009)];
        assert.deepEqual(
          await converse(await serveTransports(options), RAW, frames),
          {
            messages: [fits],
            received: serverFrame(8, closePayload(1009, 'Message too big.')),
            event: TOO_BIG,
          },
          `maxPayload ${maxPayload}, read by ${reader}`,
        );
      }
    }
  });

  it('may tell ws not to check UTF-8', async () => {
    for (const [reader, , engine] of READERS) {
      const on = await serveTransports({ websocketServer: { ...engine, skipUTF8Validation: true } });
      const long = Buffer.concat([Buffer.from(LONG), Buffer.from('ff', 'hex')]);
      const frames = [frame(TEXT, MIXED), frame(TEXT, Buffer.from('61ff62', 'hex')), frame(TEXT, long), closing(1000)];
      const { messages, event } = await converse(on, RAW, frames);
      assert.deepEqual({ messages, event }, { messages: [MIXED, 'a\ufffdb', `${LONG}\ufffd`], event: NORMAL }, reader);
    }
  });
});

describe('any frames in any pieces', () => {
  /** Frames as clients send them, and now and then one that ends the connection. */
  function randomFrames(random: Random, transport: WireTransport): Buffer[] {
    const shape = () => ({ mask: random.chance(0.1) ? Buffer.alloc(4) : random.bytes(4) });
    const text = (): string => {
      const size = random.pick([0, 1, 3, 20, 120, 126, 130, 252, 256, 300, 1000]) + random.below(4);
      const one = () => randomText(random, size, random.chance(0.5) ? ['a', 'Z', '"', '\\', '\n'] : [...MIXED]);
      if (transport.name === 'websocket-raw') {
        return one();
      }
      return random.chance(0.8)
        ? JSON.stringify([one()])
        : JSON.stringify(random.pick(['single', [], ['x', 'y', one()]]));
    };
    const kinds: readonly [weight: number, make: () => Buffer[]][] = [
      [50, () => [frame(TEXT, text(), shape())]],
      [3, () => [frame(TEXT, text(), { ...shape(), lengthBits: 64 })]],
      [10, () => [frame(random.pick([PING, PONG]), random.bytes(random.pick([0, 1, 124, 125])), shape())]],
      [
        5,
        () => {
          const bytes = Buffer.from(text());
          const at = random.below(bytes.length + 1);
          return [
            frame(FIRST, bytes.subarray(0, at), shape()),
            ...(random.chance(0.5) ? [frame(PING, 'between', shape())] : []),
            frame(LAST, bytes.subarray(at), shape()),
          ];
        },
      ],
      [2, () => [frame(TEXT, textOf(transport, 'enough'), shape())]],
      [1, () => [frame(TEXT, '["broken', shape())]],
      [1, () => [frame(TEXT, Buffer.concat([Buffer.from(text()), random.bytes(5)]), shape())]],
      [1, () => [frame(random.below(256), random.bytes(random.pick([0, 2, 20, 200])), shape())]],
      [1, () => [frame(TEXT, text(), { mask: undefined })]],
      [1, () => [frameHead(TEXT, 5000), random.bytes(20)]],
      [1, () => [random.bytes(10)]],
      [1, () => [closing(random.pick([1000, 1005, 3001, 4999]), 'bye')]],
    ];
    const all = kinds.flatMap(([weight, make]) => Array<() => Buffer[]>(weight).fill(make));
    return Array.from({ length: 1 + random.below(12) }, () => random.pick(all)()).flat();
  }

  function randomPieces(random: Random, bytes: Buffer): Buffer[] {
    const most = random.pick([3, 20, 200, 2000, 20_000]);
    const cut: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + random.below(most);
      cut.push(bytes.subarray(at, at + size));
      at += size;
    }
    return cut;
  }

  /** A listener that closes at some message. */
  const listen = (peer: FramePeer) => {
    peer.session.on('message', (text) => {
      peer.messages.push(text);
      if (text === 'enough') {
        peer.session.close(3001, 'bye');
      }
    });
  };

  /** Reads so slowly that the client has to be paused again and again. */
  const readSlowly = async (peer: FramePeer) => {
    for await (const text of peer.session) {
      peer.messages.push(text);
      await turn();
      await turn();
    }
  };

  for (const [seed, transport] of WEBSOCKETS.entries()) {
    for (const [how, read, limits] of [
      ['is quick', listen, {}],
      ['is slow', readSlowly, { maxReceiveBuffer: 60 }],
    ] as const) {
      it(`have the same outcome as without the reader, where the application ${how}: ${transport.name}`, async () => {
        const random = new Random(seed);
        const arenas = await Promise.all(
          READERS.map(([, options]) => serveTransports({ ...options, ...limits, maxMessageSize: 4000 }, READING)),
        );
        for (let i = 0; i < 60; i += 1) {
          const chunks = randomPieces(random, Buffer.concat(randomFrames(random, transport)));
          const outcomes = await Promise.all(
            arenas.map(async (on) => {
              const peer = await FramePeer.open(on, transport, { listens: false });
              const reading = read(peer);
              // Then the client closes, if the frames before have not closed, and ends.
              for (const chunk of [...chunks, closing(1000)]) {
                await peer.send(chunk);
              }
              peer.raw.socket.end();
              const outcome = await peer.outcome();
              await reading;
              return outcome;
            }),
          );
          const where = `seed ${seed}, case ${i}: ${chunks.map((chunk) => chunk.toString('hex'))}`;
          assert.deepEqual(outcomes[0], outcomes[1], where);
        }
      });
    }
  }
});
