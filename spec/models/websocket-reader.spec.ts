/**
 * The reader against ws: the same frames in the same pieces have the same outcome (messages, answers, end), whether the
 * package reads them, leaves them to ws, or is not involved.
 */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { WebSocket, WebSocketServer } from 'ws';
import type { Session, SessionCloseEvent, SockjsOptions } from '../../lib/index.ts';
import { type FrameShape, frame, frameHead } from '../support/frame-peer.ts';
import { MemorySocket } from '../support/memory-socket.ts';
import { property, sequence } from '../support/property.ts';
import { pauseTracking } from '../support/session-cleanup.ts';
import { serve } from '../support/test-server.ts';
import { closePayload, parseAnswer } from '../support/upgrade-client.ts';
import { ALL_TRANSPORTS, type WireTransport } from '../support/wire-transports.ts';

const TEXT = 0x81;
const BINARY = 0x82;
const CLOSE = 0x88;
const PING = 0x89;
const PONG = 0x8a;
/** Fragments: the first, and the last. */
const FIRST = 0x01;
const LAST = 0x80;

const MAX_SIZE = 1500;

/** What a client sends. On a WebSocket with SockJS frames, the payload of a text is JSON. */
type Sent =
  | readonly [kind: 'text', text: string, shape: Shape]
  | readonly [kind: 'bytes', first: number, payload: string, shape: Shape]
  | readonly [kind: 'fragments', parts: readonly string[], ping: string | undefined, shape: Shape]
  | readonly [kind: 'enough', shape: Shape]
  | readonly [kind: 'close', code: number, reason: string]
  | readonly [kind: 'beginning', first: number, length: number | bigint]
  | readonly [kind: 'unmasked', first: number, text: string]
  | readonly [kind: 'garbage', hex: string];

/** `mask` in hexadecimal. */
interface Shape {
  readonly mask: string;
  readonly lengthBits: 7 | 16 | 64 | undefined;
}

const SHAPE: fc.Arbitrary<Shape> = fc.record({
  mask: fc.oneof(fc.constant('00000000'), hex(4, 4)),
  lengthBits: fc.constantFrom(undefined, undefined, undefined, 16, 64),
});

/** Sizes around the limits of lengths, and of unmasking by words. */
const WORDS = fc
  .tuple(
    fc.array(fc.constantFrom('a', 'Z', '"', '\\', '\n', 'é', '€', '😀', '\u2028'), { maxLength: 8 }),
    fc.constantFrom(0, 0, 0, 1, 110, 120, 125, 126, 240, 252, 256, 300, 1000, MAX_SIZE),
  )
  .map(([characters, more]) => characters.join('').padEnd(more, 'é.'));

/** Payloads that are no UTF-8, as latin1. */
const BAD_TEXT = fc.constantFrom(
  ...['\xff', 'a\xc3', '\xed\xa0\x80', '\xc0\xaf', '\xf4\x90\x80\x80', '\xf0\x9f\x98'],
  `${'.'.repeat(300)}\x80`,
);

/** Frames as most clients send them. */
const USUAL: fc.Arbitrary<Sent> = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(fc.constant('text' as const), WORDS, SHAPE) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constant('bytes' as const),
      fc.constantFrom(PING, PONG),
      fc.string({ maxLength: 125 }),
      SHAPE,
    ),
  },
);

/** Frames after which ws reads on, or the connection ends. */
const UNUSUAL: fc.Arbitrary<Sent> = fc.oneof(
  fc.tuple(
    fc.constant('fragments' as const),
    fc.array(WORDS, { minLength: 2, maxLength: 4 }),
    fc.option(fc.constant('between'), { nil: undefined }),
    SHAPE,
  ),
  fc.tuple(fc.constant('enough' as const), SHAPE),
  fc.tuple(fc.constant('bytes' as const), fc.constantFrom(TEXT, FIRST, PING, CLOSE), BAD_TEXT, SHAPE),
  fc.tuple(
    fc.constant('bytes' as const),
    fc.constantFrom(BINARY, BINARY, BINARY, LAST, PING & 0x7f, 0x83, 0xc1, 0xa1, 0x91),
    WORDS,
    SHAPE,
  ),
  fc.tuple(fc.constant('bytes' as const), fc.integer({ min: 0, max: 0xff }), WORDS, SHAPE),
  fc.tuple(fc.constant('bytes' as const), fc.constantFrom(PING, PONG, CLOSE), fc.constant('x'.repeat(126)), SHAPE),
  fc.tuple(
    fc.constant('bytes' as const),
    fc.constant(TEXT),
    fc.constantFrom('["broken', '{}', '[1]', '"one"', '[]'),
    SHAPE,
  ),
  fc.tuple(
    fc.constant('close' as const),
    fc.constantFrom(1000, 1005, 999, 3001, 5000),
    fc.constantFrom('', 'bye', '\xff'),
  ),
  fc.tuple(
    fc.constant('beginning' as const),
    fc.constantFrom(TEXT, TEXT, TEXT, PING, BINARY, FIRST),
    fc.constantFrom<number | bigint>(5, 200, MAX_SIZE + 1, 70_000, 2n ** 32n, 2n ** 53n, 2n ** 64n - 1n),
  ),
  fc.tuple(fc.constant('unmasked' as const), fc.constantFrom(TEXT, TEXT, PING, CLOSE), WORDS),
  fc.tuple(fc.constant('garbage' as const), hex(1, 12)),
);

const CASE = fc.record({
  /** Frames, of which one often returns the connection to ws, and often frames behind it. */
  frames: fc
    .tuple(sequence(USUAL, 6), fc.array(UNUSUAL, { minLength: 1, maxLength: 2, size: 'max' }), sequence(USUAL, 2))
    .map((parts) => parts.flat()),
  /** Sizes of the chunks, again and again. */
  sizes: fc.oneof(
    fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 4 }),
    fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 6 }),
    fc.constant([1_000_000]),
  ),
  /** Turns of the event loop between two chunks. */
  pause: fc.nat(1),
  /** Whether the first chunk comes with the handshake. */
  isEager: fc.boolean(),
  /** How the client ends, if it still can. */
  ending: fc.constantFrom('close', 'end', 'break', 'close and break'),
});

type Case = typeof CASE extends fc.Arbitrary<infer T> ? T : never;

function hex(minLength: number, maxLength: number): fc.Arbitrary<string> {
  return fc.uint8Array({ minLength, maxLength }).map((bytes) => Buffer.from(bytes).toString('hex'));
}

function shapeOf({ mask, lengthBits }: Shape, size: number): FrameShape {
  const fits = lengthBits !== undefined && (lengthBits !== 16 || size < 0x1_0000);
  return { mask: Buffer.from(mask, 'hex'), ...(fits ? { lengthBits } : {}) };
}

function bytesOf(transport: WireTransport, sent: Sent): Buffer {
  const isJson = transport.name === 'websocket';
  switch (sent[0]) {
    case 'text':
    case 'enough': {
      const [text, shape] = sent[0] === 'text' ? [sent[1], sent[2]] : ['enough', sent[1]];
      const payload = isJson && text !== '' ? JSON.stringify([text]) : text;
      return frame(TEXT, payload, shapeOf(shape, payload.length));
    }
    case 'bytes': {
      const payload = Buffer.from(sent[2], 'latin1');
      return frame(sent[1], payload, shapeOf(sent[3], payload.length));
    }
    case 'fragments': {
      const [, parts, ping, shape] = sent;
      const text = parts.join('');
      const payload = Buffer.from(isJson ? JSON.stringify(text) : text);
      const size = Math.ceil(payload.length / parts.length) || 1;
      const frames = parts.map((_, i) => {
        const first = (i === 0 ? 1 : 0) | (i === parts.length - 1 ? 0x80 : 0);
        return frame(first, payload.subarray(i * size, (i + 1) * size), shapeOf(shape, size));
      });
      return Buffer.concat(
        ping === undefined ? frames : [...frames.slice(0, 1), frame(PING, ping), ...frames.slice(1)],
      );
    }
    case 'close':
      return frame(CLOSE, Buffer.from(closePayload(sent[1], sent[2]), 'latin1'));
    case 'beginning':
      return Buffer.concat([frameHead(sent[1], sent[2]), Buffer.from('beginning')]);
    case 'unmasked':
      return frame(sent[1], sent[2], { mask: undefined });
    case 'garbage':
      return Buffer.from(sent[1], 'hex');
  }
}

function chunksOf(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = sizes[chunks.length % sizes.length] ?? 1;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

/** The outcome of a conversation. */
interface Outcome {
  messages: string[];
  /** The bytes that the client got after the handshake, as latin1. */
  received: string;
  /** The close event of the session; undefined for ws alone. */
  event: SessionCloseEvent | undefined;
}

/** A conversation while it lasts. */
class Conversation {
  readonly socket = new MemorySocket();
  readonly messages: string[] = [];
  isOpen = false;
  isOver = false;
  /** Whether the application has read all that it will. */
  isRead = false;
  event: SessionCloseEvent | undefined;

  /** Sends the frames of a case, and returns the outcome. */
  async hold(
    server: Server,
    transport: WireTransport,
    { frames, sizes, pause, isEager, ending }: Case,
  ): Promise<Outcome> {
    const { socket } = this;
    const chunks = chunksOf(Buffer.concat(frames.map((sent) => bytesOf(transport, sent))), sizes);
    const handshake = Buffer.from(transport.requestLines('session').join('\r\n'));
    server.emit('connection', socket);
    socket.bring(isEager ? Buffer.concat([handshake, ...chunks.splice(0, 1)]) : handshake);
    await this.#until(() => this.isOpen);
    for (const chunk of chunks) {
      // A copy, since frames are unmasked in place.
      socket.bring(Buffer.from(chunk));
      for (let i = 0; i < pause; i += 1) {
        await turn();
      }
    }
    if (ending.startsWith('close')) {
      socket.bring(frame(CLOSE, Buffer.from(closePayload(1000), 'latin1')));
    }
    if (ending.endsWith('break')) {
      socket.destroy();
    } else {
      socket.endClient();
    }
    await this.#until(() => this.isOver && this.isRead);
    const { messages, event } = this;
    return { messages, received: parseAnswer(socket.sent).rest, event };
  }

  async #until(holds: () => boolean): Promise<void> {
    for (let turns = 0; !holds(); turns += 1) {
      assert.ok(turns < MAX_TURNS, 'the connection hangs');
      await turn();
    }
  }
}

/** Turns of the event loop in which a conversation must have ended. */
const MAX_TURNS = 1000;

/** A server, and the conversation that its next WebSocket belongs to. */
class Side {
  readonly server: Server;
  readonly #current: { conversation: Conversation | undefined };

  private constructor(server: Server, current: { conversation: Conversation | undefined }) {
    this.server = server;
    this.#current = current;
  }

  converse(transport: WireTransport, drawn: Case): Promise<Outcome> {
    this.#current.conversation = new Conversation();
    return this.#current.conversation.hold(this.server, transport, drawn);
  }

  /** A server of this package. */
  static async ofPackage(options: SockjsOptions, read: typeof listen): Promise<Side> {
    const current: { conversation: Conversation | undefined } = { conversation: undefined };
    const { server } = await serve({ rawWebsocket: true, maxMessageSize: MAX_SIZE, ...options }, (session) => {
      const { conversation } = current;
      if (conversation !== undefined) {
        conversation.isOpen = true;
        session.on('close', (event) => {
          conversation.event = event;
          conversation.isOver = true;
        });
        return read(session, conversation);
      }
      return undefined;
    });
    return new Side(server, current);
  }

  /** A server with ws alone, which behaves like a raw endpoint. */
  static ofWs(): Side {
    const current: { conversation: Conversation | undefined } = { conversation: undefined };
    const server = createServer();
    const engine = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_SIZE });
    server.on('upgrade', (req, socket, head) => {
      engine.handleUpgrade(req, socket, head, (webSocket) => {
        const { conversation } = current;
        if (conversation === undefined) {
          return;
        }
        conversation.isOpen = true;
        conversation.isRead = true;
        webSocket.on('error', () => {});
        webSocket.on('close', () => {
          conversation.isOver = true;
        });
        webSocket.on('message', (data, isBinary) => {
          if (webSocket.readyState !== WebSocket.OPEN) {
            return;
          }
          if (isBinary) {
            webSocket.close(1003, 'Text messages only.');
            return;
          }
          conversation.messages.push(String(data));
          if (String(data) === 'enough') {
            webSocket.close(3001, 'bye');
          }
        });
      });
    });
    return new Side(server, current);
  }
}

/** An application that reads at once, and closes at some message. */
function listen(session: Session, conversation: Conversation): unknown {
  session.on('message', (text) => {
    conversation.messages.push(text);
    if (text === 'enough') {
      session.close(3001, 'bye');
    }
  });
  conversation.isRead = true;
  return undefined;
}

/** An application that reads so slowly that the client has to be paused again and again. */
async function readSlowly(session: Session, conversation: Conversation): Promise<void> {
  for await (const text of session) {
    conversation.messages.push(text);
    await turn();
    await turn();
  }
  // Messages that came before the end can be read after it.
  conversation.isRead = true;
}

/** WebSockets with a class of the application, so that ws reads all messages. */
const LEFT_TO_WS: SockjsOptions = { websocketServer: { WebSocket: class extends WebSocket {} } };

describe('any frames in any pieces', () => {
  const sides: Side[] = [];

  beforeEach(() => {
    pauseTracking();
  });

  for (const transport of ALL_TRANSPORTS.filter(({ family }) => family === 'websocket')) {
    const isRaw = transport.name === 'websocket-raw';

    describe(`on ${transport.name}`, () => {
      for (const [how, read, limits] of [
        ['is quick', listen, {}],
        ['is slow', readSlowly, { maxReceiveBuffer: 60 }],
      ] as const) {
        describe(`where the application ${how}`, () => {
          beforeEach(async () => {
            sides.length = 0;
            sides.push(await Side.ofPackage(limits, read), await Side.ofPackage({ ...limits, ...LEFT_TO_WS }, read));
            if (isRaw && read === listen) {
              sides.push(Side.ofWs());
            }
          });

          property('have the same outcome as with ws', 250, CASE, async (drawn) => {
            const [mine, left, bare] = await Promise.all(sides.map((side) => side.converse(transport, drawn)));
            assert.deepEqual(mine, left);
            if (bare !== undefined) {
              assert.deepEqual({ ...mine, event: undefined }, bare);
            }
          });
        });
      }
    });
  }
});
