/** The stream of a session, driven by a receiver that stands in for a WebSocket. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { Duplex, PassThrough, Readable, Transform, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { ReadableStream } from 'node:stream/web';
import { setImmediate as turn } from 'node:timers/promises';
import { SessionNotOpenError } from '../../../lib/index.ts';
import type { SessionCloseEvent } from '../../../lib/session/events.ts';
import type { SessionEnvironment } from '../../../lib/session/lifecycle.ts';
import type { Session } from '../../../lib/session/session.ts';
import { afterTest } from '../../support/cleanup.ts';
import { EDGE_CASE_TEXTS } from '../../support/edge-case-texts.ts';
import { environmentWith, FakeReceiver, identity, makeSession, portOf } from '../../support/fake-receiver.ts';

const NORMAL: SessionCloseEvent = { code: 1000, reason: 'Normal closure', wasClean: true };
const LEFT: SessionCloseEvent = { code: 1001, reason: 'bye', wasClean: true };
const VANISHED: SessionCloseEvent = { code: 1006, reason: '', wasClean: false };

/** An active session and its client. */
function open(hooks: Partial<SessionEnvironment<Session>> = {}) {
  const errors: unknown[] = [];
  const closes: SessionCloseEvent[] = [];
  const environment = environmentWith({ onError: (error) => errors.push(error), ...hooks });
  const request = new IncomingMessage(new Socket());
  const session = makeSession('id', request, 'websocket', identity('websocket'), undefined, environment);
  session.on('close', (event) => closes.push(event));
  const port = portOf(session);
  const receiver = new FakeReceiver(port, 'socket');
  port.attach(receiver);
  const end = (event: SessionCloseEvent) => port.receiverAborted(receiver, event);
  const client = {
    sends: (...messages: string[]) => port.receive(messages, messages.length),
    /** Closes the WebSocket, or answers the close frame. */
    leaves: () => end(LEFT),
    vanishes: () => end(VANISHED),
    /** The messages that have left. */
    get got(): string[] {
      return receiver.frames
        .filter((frame) => frame.startsWith('a'))
        .flatMap((frame): string[] => JSON.parse(frame.slice(1)));
    },
    get closeFrame(): string | undefined {
      return receiver.frames.find((frame) => frame.startsWith('c'));
    },
    /** Reads nothing: so many bytes stay in the connection. */
    stalls: (bytes: number) => {
      receiver.bufferedAmount = bytes;
    },
    readsOn: () => {
      receiver.bufferedAmount = 0;
      port.receiverDrained();
    },
  };
  return { session, port, client, errors, closes };
}

/** Lets promises settle, and Node's streams emit what they have to. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i += 1) {
    await turn();
  }
}

/** What a stream has emitted. */
function record(stream: Duplex) {
  const messages: unknown[] = [];
  const events: string[] = [];
  const errors: unknown[] = [];
  stream.on('data', (message) => messages.push(message));
  for (const event of ['end', 'finish', 'close']) {
    stream.on(event, () => events.push(event));
  }
  stream.on('error', (error) => {
    events.push('error');
    errors.push(error);
  });
  return { messages, events, errors };
}

/** The error of a session that has ended with this event. */
function notOpen(event: Partial<SessionCloseEvent>): (error: unknown) => true {
  return (error) => {
    assert.equal(error instanceof SessionNotOpenError, true, String(error));
    assert.deepEqual((error as Error).cause, event);
    return true;
  };
}

/** A source that has nothing to say. */
function idle(): Readable {
  return new Readable({ objectMode: true, read() {} });
}

/** A sink that takes the next message when told to. */
function slowSink() {
  const taken: string[] = [];
  let next = () => {};
  const sink = new Writable({
    objectMode: true,
    highWaterMark: 1,
    write: (message: string, _, callback) => {
      taken.push(message);
      next = callback;
    },
  });
  return { sink, taken, takeNext: () => next() };
}

async function readAll(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const messages: unknown[] = [];
  for await (const message of stream) {
    messages.push(message);
  }
  return messages;
}

describe('session.stream()', () => {
  it('is the same Duplex at each call, in object mode, and another for each session', () => {
    const { session } = open();
    const stream = session.stream();
    assert.equal(stream instanceof Duplex, true);
    assert.equal(session.stream(), stream);
    assert.notEqual(open().session.stream(), stream);
    assert.equal(stream.readableObjectMode && stream.writableObjectMode && stream.allowHalfOpen, true);
  });

  it('adds no property to the session', () => {
    const { session } = open();
    const before = Reflect.ownKeys(session);
    session.stream();
    assert.deepEqual(Reflect.ownKeys(session), before);
  });

  describe('reading', () => {
    it('gives the messages as they came, those before the call as well', async () => {
      const { session, client } = open();
      client.sends('', 'one', ...EDGE_CASE_TEXTS);
      const { messages } = record(session.stream());
      client.sends('two', 'three');
      await settle();
      client.sends('four');
      await settle();
      assert.deepEqual(messages, ['', 'one', ...EDGE_CASE_TEXTS, 'two', 'three', 'four']);
    });

    it('takes one message ahead of the application, so that the client is slowed as with recv()', async () => {
      const { session, port, client } = open({ maxReceiveBuffer: 4 });
      const { sink, taken, takeNext } = slowSink();
      void pipeline(session.stream(), sink).catch(() => {});
      await settle();
      client.sends('1', '2', '3', '4', '5', '6', '7', '8');
      await settle();
      // One in the sink, one in the stream, six in the inbox.
      assert.deepEqual(taken, ['1']);
      assert.equal(session.stream().readableLength, 1);
      assert.equal(port.canReceive, false);
      takeNext();
      await settle();
      assert.equal(port.canReceive, false);
      takeNext();
      await settle();
      assert.equal(port.canReceive, true);
      assert.deepEqual(taken, ['1', '2', '3']);
    });

    it('takes none before the application reads', async () => {
      const { session, client } = open();
      const stream = session.stream();
      client.sends('1');
      await settle();
      assert.equal(stream.readableLength, 0);
    });

    for (const when of ['within onSession', 'later']) {
      it(`counts from the call on, ${when}: no message is dropped though none has been read yet`, async () => {
        const { session, client } = open({
          maxReceiveBuffer: 1,
          onSession: (given) => {
            if (when === 'within onSession') {
              given.stream();
            }
          },
        });
        await settle();
        session.stream();
        client.sends('one', 'two', 'three');
        await settle();
        const { messages } = record(session.stream());
        await settle();
        assert.deepEqual(messages, ['one', 'two', 'three']);
      });
    }

    describe('beside another way to take the messages', () => {
      it('fails where there is a message listener', async () => {
        const { session, client, errors } = open();
        session.on('message', () => {});
        session.stream().resume();
        await settle();
        const [error] = errors;
        assert.match(String(error), /session\.stream\(\) cannot be read while a "message" listener takes the messages/);
        assert.equal(client.closeFrame, 'c[1011,"Internal error"]');
      });

      it('fails where recv() waits, or a loop', async () => {
        for (const take of [(of: Session) => of.recv(), (of: Session) => of[Symbol.asyncIterator]().next()]) {
          const { session, errors } = open();
          const taking = take(session);
          taking.catch(() => {});
          session.stream().resume();
          await settle();
          assert.match(String(errors[0]), /cannot be read while recv\(\) or a for-await loop takes the messages/);
        }
      });

      it('makes the others fail from its first read on', async () => {
        const { session, client } = open();
        const { messages } = record(session.stream());
        await settle();
        const message = (what: string) => ({ message: `sockjs: ${what} while session.stream() takes the messages` });
        assert.throws(() => session.on('message', () => {}), message('a "message" listener cannot be added'));
        assert.throws(() => session.once('message', () => {}), /cannot be added/);
        assert.throws(() => session.prependListener('message', () => {}), /cannot be added/);
        await assert.rejects(session.recv(), message('recv() cannot be used'));
        await assert.rejects(session[Symbol.asyncIterator]().next(), /recv\(\) cannot be used/);
        client.sends('one');
        await settle();
        assert.deepEqual(messages, ['one']);
        assert.equal(session.state, 'active');
      });

      it('goes on where another way fails', async () => {
        const { session, client } = open();
        const stream = session.stream();
        stream.read();
        client.sends('one', 'two');
        await settle();
        const loop = session[Symbol.asyncIterator]().next();
        assert.equal(stream.read(), 'one');
        await assert.rejects(loop, /recv\(\) cannot be used/);
        await settle();
        assert.equal(stream.read(), 'two');
      });

      it('may be written to beside a message listener, and beside recv()', async () => {
        const { session, client, errors, closes } = open();
        const heard: string[] = [];
        session.on('message', (message) => heard.push(message));
        const sent = pipeline(Readable.from(['out']), session.stream());
        client.sends('in');
        await settle();
        client.leaves();
        await sent;
        assert.deepEqual([heard, client.got, errors, closes], [['in'], ['out'], [], [NORMAL]]);

        const other = open();
        other.session.stream().write('out');
        other.client.sends('1', '2');
        assert.equal(await other.session.recv(), '1');
        other.client.leaves();
        await settle();
        assert.equal(await other.session.recv(), '2');
      });
    });
  });

  describe('the end of the session', () => {
    it('ends the readable side after all that was received, where the client has closed', async () => {
      const { session, client } = open();
      const { sink, taken, takeNext } = slowSink();
      const piped = pipeline(session.stream(), sink);
      client.sends('1', '2', '3');
      await settle();
      client.leaves();
      for (let i = 1; i < 3; i += 1) {
        await settle();
        assert.equal(taken.length, i);
        takeNext();
      }
      await settle();
      takeNext();
      await piped;
      assert.deepEqual(taken, ['1', '2', '3']);
    });

    it('ends it when close() has been answered, not before', async () => {
      const { session, client } = open();
      const { messages, events } = record(session.stream());
      client.sends('1');
      session.close();
      await settle();
      assert.deepEqual([messages, events], [['1'], []]);
      client.leaves();
      await settle();
      assert.deepEqual(events, ['end', 'close']);
    });

    for (const [what, event] of [
      ['the client has vanished', VANISHED],
      ['the application has failed', { code: 1011, reason: '', wasClean: true }],
      ['a side was too slow', { code: 1013, reason: '', wasClean: true }],
    ] as const) {
      it(`breaks it off after all that was received, where ${what}`, async () => {
        const { session, port, client, errors } = open();
        const { sink, taken, takeNext } = slowSink();
        const piped = pipeline(session.stream(), sink);
        piped.catch(() => {});
        // One in the sink, one in the stream.
        client.sends('1', '2');
        await settle();
        if (event.wasClean) {
          session.close(event.code, event.reason);
          client.leaves();
        } else {
          client.vanishes();
        }
        assert.equal(port.closing.wasClean, event.wasClean);
        await settle();
        assert.deepEqual(taken, ['1']);
        assert.equal(session.stream().destroyed, false);
        takeNext();
        await assert.rejects(piped, notOpen(event));
        assert.deepEqual(taken, ['1', '2']);
        assert.deepEqual(errors, []);
      });
    }

    it('ends a loop quietly, or with the error, and closes the stream', async () => {
      for (const way of ['leaves', 'vanishes'] as const) {
        const { session, client, errors } = open();
        const { events } = record(session.stream().pause());
        const all = readAll(session.stream());
        client.sends('1', '2');
        client[way]();
        if (way === 'leaves') {
          assert.deepEqual(await all, ['1', '2']);
        } else {
          await assert.rejects(all, notOpen(VANISHED));
        }
        await settle();
        assert.deepEqual(events, way === 'leaves' ? ['end', 'close'] : ['error', 'close']);
        assert.deepEqual(errors, []);
      }
    });

    it('is no error of the application: onSession may await a pipeline', async () => {
      const { client, errors, closes } = open({
        onSession: (given) => pipeline(given.stream(), new PassThrough({ objectMode: true }), given.stream()),
      });
      client.sends('1');
      await settle();
      client.vanishes();
      await settle();
      assert.deepEqual([client.got, errors, closes], [['1'], [], [VANISHED]]);
    });

    it('lets messages that no code has begun to read wait for it', async () => {
      for (const way of ['leaves', 'vanishes'] as const) {
        const { session, client } = open();
        const stream = session.stream();
        client.sends('1', '2');
        client[way]();
        await settle();
        assert.equal(stream.destroyed, false);
        const { messages, events } = record(stream);
        await settle();
        assert.deepEqual(messages, ['1', '2']);
        assert.deepEqual(events, way === 'leaves' ? ['end', 'close'] : ['error', 'close']);
      }
    });

    it('closes a stream that no code reads or pipes to, without an event for the process', async () => {
      for (const way of ['leaves', 'vanishes'] as const) {
        const { session, client, errors } = open();
        const stream = session.stream();
        stream.write('out');
        client[way]();
        await new Promise((resolve) => stream.on('close', resolve));
        assert.equal(stream.readableEnded, way === 'leaves');
        assert.deepEqual(errors, []);
        assert.equal(stream.write('too late'), false);
        await settle();
        if (way === 'leaves') {
          assert.deepEqual(await readAll(stream), []);
        } else {
          await assert.rejects(readAll(stream), notOpen(VANISHED));
        }
        assert.deepEqual(errors, []);
      }
    });

    describe('before stream() is called', () => {
      it('leaves what was received, then the end or the error', async () => {
        for (const way of ['leaves', 'vanishes'] as const) {
          const { session, client } = open();
          client.sends('1', '2');
          client[way]();
          await settle();
          const { messages, events } = record(session.stream());
          await settle();
          assert.deepEqual(messages, ['1', '2']);
          assert.deepEqual(events, way === 'leaves' ? ['end', 'close'] : ['error', 'close']);
        }
      });

      it('fails what is piped into it', async () => {
        const { session, client } = open();
        client.leaves();
        await settle();
        await assert.rejects(pipeline(idle(), session.stream()), notOpen(LEFT));
      });

      it('is noticed within the same tick, too', async () => {
        const { session, client } = open();
        client.leaves();
        const stream = session.stream();
        const { events } = record(stream);
        await settle();
        assert.deepEqual(events, ['end', 'close']);
      });
    });
  });

  describe('writing', () => {
    it('sends strings as they are', async () => {
      const { session, client } = open();
      const stream = session.stream();
      for (const text of ['', 'one', ...EDGE_CASE_TEXTS]) {
        stream.write(text);
      }
      await settle();
      assert.deepEqual(client.got, ['', 'one', ...EDGE_CASE_TEXTS]);
    });

    it('does not wait while the client reads', () => {
      const { session } = open();
      for (let i = 0; i < 100; i += 1) {
        assert.equal(session.stream().write('x'), true);
      }
      assert.equal(session.stream().writableLength, 0);
    });

    it('waits from the high-water mark on until it is left', async () => {
      const { session, client } = open({ sendHighWaterMark: 10 });
      const written: string[] = [];
      client.stalls(8);
      for (const text of ['one', 'two', 'three']) {
        session.stream().write(text, () => written.push(text));
      }
      assert.equal(session.stream().writableNeedDrain, true);
      await settle();
      assert.deepEqual([client.got, written, session.stream().writableLength], [['one'], [], 3]);
      client.readsOn();
      await settle();
      assert.deepEqual(
        [client.got, written],
        [
          ['one', 'two', 'three'],
          ['one', 'two', 'three'],
        ],
      );
    });

    it('holds less than the high-water mark and one message, however much a source has', async () => {
      const { session, client } = open({ sendHighWaterMark: 100 });
      let count = 0;
      const source = new Readable({
        objectMode: true,
        read() {
          count += 1;
          this.push(count > 1000 ? null : String(count).padStart(10));
        },
      });
      let most = 0;
      session.on('drain', () => client.stalls(90));
      client.stalls(90);
      const sent = pipeline(source, session.stream());
      while (client.got.length < 1000) {
        await turn();
        most = Math.max(most, session.bufferedAmount);
        client.readsOn();
      }
      await turn();
      client.leaves();
      await sent;
      assert.equal(most >= 100 && most < 110, true, `${most} bytes were queued`);
      assert.deepEqual(
        client.got.map(Number),
        Array.from({ length: 1000 }, (_, i) => i + 1),
      );
    });

    for (const [what, value, message] of [
      ['an object', {}, /session\.stream\(\)\.write\(\) takes a string, not object; .*JSON\.stringify/],
      ['a number', 1, /takes a string, not number/],
      ['undefined', undefined, /takes a string, not undefined/],
      ['a Buffer', Buffer.from('x'), /takes strings, not bytes; call setEncoding\('utf8'\)/],
      ['a Uint8Array', new Uint8Array(1), /takes strings, not bytes/],
    ] as const) {
      it(`refuses ${what}, and closes the session with 1011`, async () => {
        const { session, client, errors } = open();
        const sent = pipeline(Readable.from(['one', value, 'two']), session.stream());
        await assert.rejects(sent, { name: 'TypeError', message });
        assert.deepEqual(client.got, ['one']);
        assert.equal(client.closeFrame, 'c[1011,"Internal error"]');
        // The pipeline has told the application.
        assert.deepEqual(errors, []);
      });
    }

    describe('end()', () => {
      it('closes the session after all that was written, and finishes when it has ended', async () => {
        const { session, client, closes } = open({ sendHighWaterMark: 2 });
        const stream = session.stream();
        const { events, errors } = record(stream);
        client.stalls(5);
        for (const text of ['one', 'two', 'three']) {
          stream.write(text);
        }
        stream.end('four');
        await settle();
        assert.equal(session.state, 'active');
        while (session.state === 'active') {
          client.readsOn();
          await turn();
        }
        await settle();
        assert.deepEqual(client.got, ['one', 'two', 'three', 'four']);
        assert.equal(client.closeFrame, 'c[1000,"Normal closure"]');
        assert.equal(session.state, 'closing');
        assert.deepEqual(events, []);
        client.leaves();
        await settle();
        assert.deepEqual(events, ['finish', 'end', 'close']);
        assert.deepEqual([closes, errors], [[NORMAL], []]);
      });

      it('succeeds for a source that is no stream, too', async () => {
        const { session, client } = open();
        const sent = pipeline(['one', 'two'], session.stream());
        await settle();
        client.leaves();
        await sent;
        assert.deepEqual(client.got, ['one', 'two']);
      });

      it('fails where the client vanishes before it has everything', async () => {
        const { session, client } = open();
        const sent = pipeline(Readable.from(['one']), session.stream());
        sent.catch(() => {});
        await settle();
        client.vanishes();
        await assert.rejects(sent, notOpen({ ...NORMAL, wasClean: false }));
      });

      it('fails where the client has closed, unless the application has read that', async () => {
        const { session, client } = open();
        const stream = session.stream();
        client.sends('unread');
        client.leaves();
        await settle();
        await assert.rejects(pipeline(Readable.from([]), stream), notOpen(LEFT));

        const other = open();
        const { events } = record(other.session.stream());
        other.session.stream().on('end', () => other.session.stream().end());
        other.client.leaves();
        await settle();
        assert.deepEqual(events, ['end', 'finish', 'close']);
      });

      it('called while the session is closing succeeds only where all was read', async () => {
        for (const reads of [true, false]) {
          const { session, client } = open();
          const stream = session.stream();
          if (reads) {
            stream.resume();
          }
          session.close();
          await settle();
          const sent = pipeline(Readable.from([]), stream);
          sent.catch(() => {});
          await settle();
          client.leaves();
          await (reads ? sent : assert.rejects(sent, notOpen(NORMAL)));
        }
      });
    });

    describe('to a session that ends', () => {
      it('fails while it waits to drain', async () => {
        const { session, client } = open({ sendHighWaterMark: 1 });
        const stream = session.stream();
        client.stalls(10);
        const alone = open({ sendHighWaterMark: 1 });
        alone.client.stalls(10);
        const written = new Promise((resolve) => alone.session.stream().write('one', resolve));
        alone.client.vanishes();
        notOpen(VANISHED)(await written);

        const sent = pipeline(Readable.from(['one', 'two', 'three']), stream);
        sent.catch(() => {});
        await settle();
        session.close(1001, 'Server shutting down');
        await assert.rejects(sent, notOpen({ code: 1001, reason: 'Server shutting down' }));
        assert.deepEqual(client.got, ['one']);
        client.leaves();
        await settle();
      });

      it('fails at the next message', async () => {
        const { session, client, errors } = open();
        const source = idle();
        session.stream().resume();
        const sent = pipeline(source, session.stream());
        sent.catch(() => {});
        client.leaves();
        await settle();
        source.push('one');
        await assert.rejects(sent, notOpen(LEFT));
        assert.deepEqual(errors, []);
      });

      it('fails where the message is more than maxSendBuffer', async () => {
        const { session, client } = open({ maxSendBuffer: 5 });
        await assert.rejects(
          pipeline(Readable.from(['four', 'too long']), session.stream()),
          notOpen({ code: 1013, reason: 'Slow consumer' }),
        );
        client.leaves();
      });

      it('does not wait where a subscriber of the message has closed it', async () => {
        const { session, client } = open({ sendHighWaterMark: 1 });
        const close = () => session.close();
        subscribe('sockjs:message:out', close);
        afterTest(() => {
          unsubscribe('sockjs:message:out', close);
        });
        await assert.rejects(
          pipeline(Readable.from(['one', 'two']), session.stream()),
          notOpen({ code: 1000, reason: 'Normal closure' }),
        );
        client.leaves();
      });

      for (const way of ['leaves', 'vanishes'] as const) {
        const event = way === 'leaves' ? LEFT : VANISHED;

        it(`fails at once where the source is idle: the client ${way}`, async () => {
          const unchanged = async function* (messages: AsyncIterable<string>) {
            yield* messages;
          };
          for (const send of [(to: Duplex) => pipeline(idle(), to), (to: Duplex) => pipeline(idle(), unchanged, to)]) {
            const { session, client, errors } = open();
            const sent = send(session.stream());
            sent.catch(() => {});
            // What the client has sent does not matter: this application only sends.
            client.sends('unread');
            await settle();
            client[way]();
            await assert.rejects(sent, notOpen(event));
            assert.deepEqual(errors, []);
          }
        });

        it(`unpipes an idle source, though no code listens to errors: the client ${way}`, async () => {
          const { session, client, errors } = open();
          const source = idle();
          source.pipe(session.stream());
          await settle();
          client[way]();
          await new Promise((resolve) => session.stream().on('close', resolve));
          assert.equal(source.listenerCount('data'), 0);
          assert.deepEqual(errors, []);
        });
      }
    });
  });

  describe('pipeline(stream, transform, stream)', () => {
    it('answers, and ends when the client has closed', async () => {
      const { session, client, closes } = open();
      const stream = session.stream();
      const upperCase = new Transform({
        objectMode: true,
        transform: (message: string, _, callback) => callback(null, message.toUpperCase()),
      });
      const piped = pipeline(stream, upperCase, session.stream());
      client.sends('a', 'b');
      await settle();
      client.sends('c');
      await settle();
      assert.deepEqual(client.got, ['A', 'B', 'C']);
      client.leaves();
      await piped;
      await settle();
      assert.equal(stream.destroyed, true);
      assert.equal(stream.errored, null);
      assert.deepEqual(closes, [LEFT]);
    });

    it('may still be busy with the last message when the client has closed', async () => {
      const { session, client } = open();
      const done: string[] = [];
      const piped = pipeline(
        session.stream(),
        async function* (source: AsyncIterable<string>) {
          for await (const message of source) {
            await settle();
            done.push(message);
          }
          await settle();
          yield* [];
        },
        session.stream(),
      );
      client.sends('1', '2');
      client.leaves();
      await piped;
      assert.deepEqual(done, ['1', '2']);
    });

    it('may stop reading before it has sent everything', async () => {
      const { session, client } = open();
      const piped = pipeline(
        session.stream(),
        async function* (source: AsyncIterable<string>) {
          for await (const message of source) {
            if (message === 'quit') {
              break;
            }
            yield message;
          }
          await settle();
          yield 'bye';
        },
        session.stream(),
      );
      client.sends('1', 'quit', 'unread', 'unread');
      await settle();
      await settle();
      await settle();
      assert.deepEqual([client.got, client.closeFrame], [['1', 'bye'], 'c[1000,"Normal closure"]']);
      client.leaves();
      await piped;
    });

    it('fails where an answer comes too late, or the client has vanished', async () => {
      for (const way of ['leaves', 'vanishes'] as const) {
        const { session, client } = open();
        const slow = new Transform({
          objectMode: true,
          transform: (message: string, _, callback) => void settle().then(() => callback(null, message)),
        });
        const piped = pipeline(session.stream(), slow, session.stream());
        piped.catch(() => {});
        client.sends('1');
        await turn();
        client[way]();
        await assert.rejects(piped, notOpen(way === 'leaves' ? LEFT : VANISHED));
        await settle();
        assert.equal(slow.destroyed, true);
      }
    });

    it('closes the session with 1011 where the transform fails', async () => {
      const { session, client, errors } = open();
      const failing = new Transform({ objectMode: true, transform: (_, __, callback) => callback(new Error('bug')) });
      const piped = pipeline(session.stream(), failing, session.stream());
      client.sends('1');
      await assert.rejects(piped, /bug/);
      assert.equal(client.closeFrame, 'c[1011,"Internal error"]');
      assert.deepEqual(errors, []);
    });
  });

  describe('destroying', () => {
    it('closes the session with 1000, after what was sent', async () => {
      const { session, client, errors } = open();
      const { events } = record(session.stream());
      session.stream().write('one');
      session.stream().destroy();
      await settle();
      assert.deepEqual(events, ['close']);
      assert.deepEqual([client.got, client.closeFrame], [['one'], 'c[1000,"Normal closure"]']);
      assert.deepEqual(errors, []);
    });

    it('closes it with 1011 where there is an error, which goes to the listeners', async () => {
      const { session, client, errors } = open();
      const { events, errors: heard } = record(session.stream());
      const error = new Error('bug');
      session.stream().destroy(error);
      await settle();
      assert.deepEqual([events, heard], [['error', 'close'], [error]]);
      assert.equal(client.closeFrame, 'c[1011,"Internal error"]');
      assert.deepEqual(errors, []);
    });

    it('passes an error that no code listens to on to onError', async () => {
      const { session, client, errors } = open();
      const error = new Error('bug');
      session.stream().destroy(error);
      await settle();
      assert.deepEqual(errors, [error]);
      assert.equal(client.closeFrame, 'c[1011,"Internal error"]');
    });

    it('by leaving a loop closes it with 1000, and is no error', async () => {
      const { session, client, errors } = open();
      const { events } = record(session.stream().pause());
      client.sends('1', '2');
      for await (const message of session.stream()) {
        assert.equal(message, '1');
        break;
      }
      await settle();
      assert.equal(client.closeFrame, 'c[1000,"Normal closure"]');
      assert.deepEqual([events, errors], [['close'], []]);
    });

    it('by an error that leaves a loop closes it with 1011, where onSession rejects', async () => {
      const error = new Error('bug');
      const { client, errors } = open({
        onSession: async (given) => {
          for await (const _ of given.stream()) {
            throw error;
          }
        },
      });
      client.sends('1');
      await settle();
      assert.equal(client.closeFrame, 'c[1011,"Internal error"]');
      assert.deepEqual(errors, [error]);
    });

    it('by a signal closes it with 1011: the client has not got everything', async () => {
      const { session, client } = open();
      const sent = pipeline(idle(), session.stream(), { signal: AbortSignal.abort() });
      await assert.rejects(sent, { name: 'AbortError' });
      assert.equal(client.closeFrame, 'c[1011,"Internal error"]');
    });

    it('may come at any time, and then leaves nothing behind', async () => {
      const causes = {
        'while a read waits': (stream: Duplex) => void stream.resume(),
        'while a write waits': (stream: Duplex) => void (stream.write('x') && stream.write('y')),
        'while the end waits': (stream: Duplex) => void stream.end('x'),
        'while nothing happens': () => {},
      };
      for (const [when, act] of Object.entries(causes)) {
        for (const error of [undefined, new Error('bug')]) {
          const { session, port, client, errors } = open({ sendHighWaterMark: 1 });
          const stream = session.stream();
          client.stalls(10);
          act(stream);
          await settle();
          stream.destroy(error);
          client.sends('too late');
          await settle();
          client.vanishes();
          await settle();
          assert.equal(port.delivery.hasUnread, false, when);
          assert.deepEqual(errors, error === undefined ? [] : [error], when);
          assert.equal(session.listenerCount('close'), 1, when);
          await assert.rejects(session.recv());
        }
      }
    });
  });

  describe('a listener', () => {
    const error = new Error('bug');
    const fails = {
      'that throws': () => {
        throw error;
      },
      'whose promise rejects': () => Promise.reject(error),
    };
    for (const [how, listener] of Object.entries(fails)) {
      it(`${how} closes the session with 1011; the error goes to onError`, async () => {
        const { session, client, errors } = open();
        session.stream().on('data', listener);
        client.sends('1', '2');
        await settle();
        assert.deepEqual(errors, [error]);
        assert.equal(client.closeFrame, 'c[1011,"Internal error"]');
      });

      it(`${how} makes an error event, where code listens to that`, async () => {
        const { session, client, errors } = open();
        const { errors: heard } = record(session.stream());
        session.stream().on('data', listener);
        client.sends('1');
        await settle();
        assert.deepEqual([heard, errors], [[error], []]);
        assert.equal(client.closeFrame, 'c[1011,"Internal error"]');
      });

      it(`${how} has listened all the same`, () => {
        const { session } = open();
        assert.equal(session.stream().on('own', listener).emit('own'), true);
        assert.equal(session.stream().emit('other'), false);
      });

      it(`of the close event ${how} ends no process`, async () => {
        const { session, client, errors } = open();
        session.stream().on('close', listener).on('error', listener);
        client.vanishes();
        await settle();
        assert.deepEqual(errors, [error, error]);
      });
    }

    it('that throws no Error is told of by one that has it as its cause', async () => {
      const { session, client, errors } = open();
      session.stream().on('data', () => {
        throw null;
      });
      client.sends('1');
      await settle();
      const [error] = errors as [Error];
      assert.match(error.message, /a listener of session\.stream\(\) threw a value that is no Error/);
      assert.equal(error.cause, null);
      assert.equal(client.closeFrame, 'c[1011,"Internal error"]');
    });
  });

  describe('as web streams', () => {
    it('reads and writes', async () => {
      const { session, client } = open();
      const { readable, writable } = Duplex.toWeb(session.stream());
      const reader = readable.getReader();
      client.sends('1', '2');
      assert.deepEqual(await reader.read(), { done: false, value: '1' });
      assert.deepEqual(await reader.read(), { done: false, value: '2' });
      const writer = writable.getWriter();
      await writer.write('out');
      await turn();
      assert.deepEqual(client.got, ['out']);
      const end = reader.read();
      const closed = writer.close();
      await settle();
      client.leaves();
      await closed;
      assert.equal((await end).done, true);
    });

    it('end where the client has closed', async () => {
      // Before, Node waits for the writable side, too.
      const isFixed = Number(process.versions.node.split('.')[0]) >= 24;
      for (const webOf of [
        (session: Session) => ReadableStream.from(session),
        (session: Session) => ReadableStream.from(session.stream()),
        ...(isFixed ? [(session: Session) => Readable.toWeb(session.stream())] : []),
        ...(isFixed ? [(session: Session) => Duplex.toWeb(session.stream()).readable] : []),
      ]) {
        const { session, client } = open();
        const all = readAll(webOf(session));
        client.sends('1', '2');
        await settle();
        client.leaves();
        assert.deepEqual(await all, ['1', '2']);
      }
    });

    it('errors where the client vanishes', async () => {
      const { session, client, errors } = open();
      const readable = Readable.toWeb(session.stream());
      client.sends('1');
      client.vanishes();
      await assert.rejects(readAll(readable), SessionNotOpenError);
      assert.deepEqual(errors, []);
    });

    it('closes the session when it is cancelled', async () => {
      const { session, client, errors } = open();
      const heard: unknown[] = [];
      session.stream().on('error', (error) => heard.push(error));
      await Readable.toWeb(session.stream()).cancel();
      await settle();
      assert.equal(client.closeFrame, 'c[1000,"Normal closure"]');
      assert.deepEqual([heard, errors], [[], []]);
    });
  });

  it('tells finished() of the end', async () => {
    const { session, client } = open();
    const reading = finished(session.stream().resume(), { writable: false });
    client.leaves();
    await reading;

    const other = open();
    const vanished = finished(other.session.stream());
    other.client.vanishes();
    await assert.rejects(vanished, notOpen(VANISHED));
  });
});
