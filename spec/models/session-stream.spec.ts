/** The stream of a session under anything that its client and its application may do, in any order. */
import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { type Duplex, PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { SessionNotOpenError } from '../../lib/session/errors.ts';
import type { SessionCloseEvent } from '../../lib/session/events.ts';
import type { Session } from '../../lib/session/session.ts';
import { environmentWith, FakeReceiver, identity, makeSession, portOf } from '../support/fake-receiver.ts';
import { property, sequence } from '../support/property.ts';
import { catchUncaught } from '../support/uncaught.ts';

type Step =
  // The client
  | readonly [name: 'send', count: number]
  | readonly [name: 'end', wasClean: boolean]
  | readonly [name: 'stall' | 'read on']
  // The application
  | readonly [name: 'stream' | 'write' | 'finish' | 'close' | 'take' | 'resume' | 'pause' | 'pipe' | 'turn' | 'recv']
  | readonly [name: 'destroy', isFailure: boolean];

/** How many turns Node's streams need at most until all has happened. */
const TURNS = 8;

const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(fc.constant('send' as const), fc.integer({ min: 1, max: 3 })) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('end' as const), fc.boolean()) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('stall', 'read on')) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('stream' as const)) },
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom('write', 'take')) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('resume', 'pause')) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('finish', 'close', 'pipe', 'recv')) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('destroy' as const), fc.boolean()) },
  { weight: 8, arbitrary: fc.tuple(fc.constant('turn' as const)) },
);

const CASE = fc.record({
  listensToErrors: fc.boolean(),
  sendHighWaterMark: fc.constantFrom(1, 8, Number.MAX_SAFE_INTEGER),
  steps: sequence(STEP, 30),
});

class StreamModel {
  readonly #session: Session;
  readonly #receiver: FakeReceiver;
  readonly #listensToErrors: boolean;
  #stream: Duplex | undefined;
  readonly #source = new PassThrough({ objectMode: true });

  #sent = 0;
  #written = 0;
  /** Writes whose callbacks have not been called. */
  #pendingWrites = 0;
  readonly #read: string[] = [];
  readonly #recvd: string[] = [];
  readonly #events: string[] = [];
  readonly #streamErrors: unknown[] = [];
  readonly #reported: unknown[] = [];
  #ended: SessionCloseEvent | undefined;
  readonly #failure = new Error('the application has failed');
  /** Whether the application may have lost messages: it has destroyed the stream, or read in two ways. */
  #isCareless = false;

  constructor(listensToErrors: boolean, sendHighWaterMark: number) {
    this.#listensToErrors = listensToErrors;
    const environment = environmentWith({ sendHighWaterMark, onError: (error) => this.#reported.push(error) });
    const request = new IncomingMessage(new Socket());
    this.#session = makeSession('id', request, 'websocket', identity('websocket'), undefined, environment);
    this.#session.on('close', (event) => {
      this.#ended = event;
    });
    this.#receiver = new FakeReceiver(portOf(this.#session), 'socket');
    portOf(this.#session).attach(this.#receiver);
  }

  // ---- The client

  send(count: number): void {
    if (this.#session.state === 'active') {
      const messages = Array.from({ length: count }, (_, i) => `in ${this.#sent + i}`);
      this.#sent += count;
      portOf(this.#session).receive(messages, 1);
    }
  }

  end(wasClean: boolean): void {
    portOf(this.#session).receiverAborted(this.#receiver, { code: wasClean ? 1001 : 1006, reason: '', wasClean });
  }

  stall(): void {
    this.#receiver.bufferedAmount = 100;
  }

  readOn(): void {
    this.#receiver.bufferedAmount = 0;
    portOf(this.#session).receiverDrained();
  }

  // ---- The application

  stream(): Duplex {
    if (this.#stream !== undefined) {
      return this.#stream;
    }
    const stream = this.#session.stream();
    this.#stream = stream;
    stream.pause();
    stream.on('data', (message) => this.#read.push(message));
    for (const event of ['end', 'finish', 'close']) {
      stream.on(event, () => this.#events.push(event));
    }
    if (this.#listensToErrors) {
      stream.on('error', (error) => this.#streamErrors.push(error));
    }
    return stream;
  }

  write(): void {
    const stream = this.stream();
    if (stream.writableEnded) {
      return;
    }
    this.#pendingWrites += 1;
    stream.write(`out ${this.#written}`, () => {
      this.#pendingWrites -= 1;
    });
    this.#written += 1;
  }

  recv(): void {
    this.#isCareless = true;
    this.#session.recv({ signal: AbortSignal.timeout(1_000_000) }).then(
      (message) => this.#recvd.push(message),
      () => {},
    );
  }

  close(): void {
    this.#session.close();
  }

  pipe(): void {
    if (!this.stream().writableEnded) {
      this.#source.pipe(this.stream());
    }
  }

  destroy(isFailure: boolean): void {
    this.#isCareless = true;
    this.stream().destroy(isFailure ? this.#failure : undefined);
  }

  // ---- What must hold

  check(): void {
    const { frames } = this.#receiver;
    const out = frames.flatMap((frame): string[] => (frame.startsWith('a') ? JSON.parse(frame.slice(1)) : []));
    assert.deepEqual(
      out.filter((message) => message !== 'piped'),
      Array.from({ length: out.filter((message) => message !== 'piped').length }, (_, i) => `out ${i}`),
    );
    assert.equal(out.length <= this.#written + 1, true, 'more has left than was written');
    const taken = [...this.#read, ...this.#recvd].sort();
    assert.equal(new Set(taken).size, taken.length, 'a message was delivered twice');
    if (this.#recvd.length === 0) {
      assert.deepEqual(
        this.#read,
        this.#read.map((_, i) => `in ${i}`),
      );
    }
    assert.equal((this.#stream?.readableLength ?? 0) <= 1, true, 'the stream reads ahead');
    for (const event of this.#events) {
      assert.equal(this.#events.filter((other) => other === event).length, 1, `${event} more than once`);
    }
  }

  /** Ends everything, and checks that nothing is left. */
  async finish(): Promise<void> {
    await this.#settle();
    if (this.#ended === undefined) {
      this.end(true);
      await this.#settle();
    }
    const stream = this.stream();
    await this.#settle();
    const wasDestroyed = stream.destroyed;
    stream.resume();
    await this.#settle();
    if (!stream.destroyed) {
      // Only a source that is still piped keeps the writable side open.
      const isPiped = stream.listenerCount('unpipe') > 0 || stream.listenerCount('drain') > 0;
      assert.equal(isPiped, true, 'the stream is left open');
      this.#source.push('piped');
      await this.#settle();
    }
    this.check();
    assert.equal(stream.destroyed, true);
    assert.equal(this.#events.at(-1), 'close');
    assert.equal(this.#pendingWrites, 0);
    assert.equal(this.#session.listenerCount('close'), 1);
    assert.equal(portOf(this.#session).delivery.hasUnread && stream.readableEnded, false);
    if (!wasDestroyed && !this.#isCareless) {
      assert.equal(this.#read.length, this.#sent, 'messages were lost');
      const isNormal = this.#ended?.wasClean === true;
      assert.equal(stream.readableEnded, isNormal);
    }
    this.#checkErrors();
  }

  #checkErrors(): void {
    const isExpected = (error: unknown) =>
      error instanceof SessionNotOpenError ||
      error === this.#failure ||
      /cannot be read while recv/.test(String(error));
    assert.deepEqual(
      [...this.#streamErrors, ...this.#reported].filter((error) => !isExpected(error)),
      [],
    );
    assert.equal(
      this.#reported.some((error) => error instanceof SessionNotOpenError),
      false,
    );
    assert.equal(this.#streamErrors.length <= 1, true, 'more than one error');
    assert.equal(this.#listensToErrors && this.#reported.length > 0, false);
  }

  async #settle(): Promise<void> {
    for (let i = 0; i < TURNS; i += 1) {
      await turn();
    }
  }
}

function take(model: StreamModel, [name, argument]: Step): unknown {
  switch (name) {
    case 'send':
      return model.send(Number(argument));
    case 'end':
      return model.end(argument === true);
    case 'stall':
      return model.stall();
    case 'read on':
      return model.readOn();
    case 'stream':
      return void model.stream();
    case 'take':
      return void model.stream().read();
    case 'resume':
    case 'pause':
      return void model.stream()[name]();
    case 'finish':
      return void model.stream().end();
    case 'destroy':
      return model.destroy(argument === true);
    case 'turn':
      return turn();
    default:
      return model[name]();
  }
}

describe('The stream of a session', () => {
  const uncaught: unknown[] = [];

  beforeEach(() => catchUncaught((error) => uncaught.push(error)));

  property('loses nothing, ends once, and throws nothing into the process', 400, CASE, async (drawn) => {
    const model = new StreamModel(drawn.listensToErrors, drawn.sendHighWaterMark);
    for (const step of drawn.steps) {
      await take(model, step);
      model.check();
    }
    await model.finish();
    assert.deepEqual(uncaught.splice(0), []);
  });
});
