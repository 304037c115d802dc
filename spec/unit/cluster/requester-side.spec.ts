/** What a node does with requests for sessions of another node: its answers, its reports, and its limits. */
import assert from 'node:assert/strict';
import type { Clock } from '@sinonjs/fake-timers';
import type { OwnerMessage, RequesterMessage } from '../../../lib/cluster/messages.ts';
import type { RemoteResponse } from '../../../lib/cluster/remote-response.ts';
import { type AttachOutcome, RequesterSide, type SendRequest } from '../../../lib/cluster/requester-side.ts';
import { RoomPeer } from '../../../lib/cluster/room-peer.ts';
import type { HttpReceiver } from '../../../lib/session/ports.ts';
import { TimerQueue } from '../../../lib/util/timer-queue.ts';
import { stopClock } from '../../support/clock.ts';
import { MemoryLink, Turns } from '../../support/cluster/memory-link.ts';

const NODE_TIMEOUT = 1000;
const ATTACH = { sessionId: 'session', client: 'me', transport: 'xhr-polling', callback: '' } as const;
const SEND: SendRequest = { sessionId: 'session', client: 'me', family: 'xhr', messages: ['1'], bytes: 5 };

/** A response that takes all bytes, unless the test says otherwise. */
class TestResponse implements HttpReceiver {
  readonly name = 'xhr-polling';
  readonly callback = '';
  readonly maxHeartbeatInterval = Number.POSITIVE_INFINITY;
  bufferedAmount = 0;
  readonly did: string[] = [];
  onFlushed: () => void = () => {};
  breaks = false;

  open(): void {}
  messages(): void {}
  heartbeat(): void {
    this.did.push('h');
  }
  close(code: number, reason: string): void {
    this.did.push(`close ${code} ${reason}`);
  }
  refuse(): void {}
  relay(bytes: Buffer, isLast: boolean, onFlushed: () => void): void {
    if (this.breaks) {
      throw new Error('middleware');
    }
    this.onFlushed = onFlushed;
    this.did.push(`${bytes.toString().trimEnd()}${isLast ? ' last' : ''}`);
  }
  gather(write: () => void): void {
    write();
  }
  abort(): void {
    this.did.push('abort');
  }
}

/** The side of a node on a link; the test is the owner at the other end. */
function make(maxQueuedBytes = 10, rooms?: RoomPeer) {
  const turns = new Turns();
  const { requester, owner } = MemoryLink.pair('requester', 'owner', turns.post);
  const settings = { nodeTimeout: NODE_TIMEOUT, maxQueuedBytes, timers: new TimerQueue() };
  const side = new RequesterSide(requester, settings, undefined, rooms);
  requester.handler = side;
  const outcomes: AttachOutcome[] = [];
  const attach = () => void side.attach(ATTACH).then((outcome) => outcomes.push(outcome));
  /** What was asked of the owner since the last call. */
  const asked = async (): Promise<RequesterMessage[]> => {
    await turns.settled();
    return requester.sent.splice(0);
  };
  const say = async (...messages: OwnerMessage[]) => {
    for (const message of messages) {
      owner.send(message);
    }
    await turns.settled();
  };
  /** Attaches a response. */
  const attached = async (...rest: OwnerMessage[]): Promise<{ port: RemoteResponse; receiver: TestResponse }> => {
    attach();
    await say({ type: 'attached', rid: 1 }, ...rest);
    await asked();
    const [outcome] = outcomes;
    assert.equal(outcome?.kind, 'attached');
    const receiver = new TestResponse();
    outcome.response.attach(receiver);
    return { port: outcome.response, receiver };
  };
  const answers: [accepted: boolean, isLost: boolean | undefined][] = [];
  let answered: (() => void) | undefined;
  const send = (request = SEND) =>
    side.send(request, (accepted, relayed) => {
      answers.push([accepted, relayed.isLost]);
      answered = relayed.answered;
    });
  return { side, requester, owner, outcomes, attach, attached, asked, say, send, answers, answer: () => answered?.() };
}

function frame(text: string, isLast = false): OwnerMessage {
  return { type: 'frame', rid: 1, bytes: Buffer.from(text), isLast };
}

describe('RequesterSide', () => {
  let clock: Clock;
  beforeEach(() => {
    clock = stopClock();
  });

  describe('attach()', () => {
    it('asks the owner, and settles with a response when it is attached', async () => {
      const { attach, asked, say, outcomes } = make();
      attach();
      assert.deepEqual(await asked(), [{ type: 'attach', rid: 1, ...ATTACH }]);
      assert.equal(outcomes.length, 0);
      await say({ type: 'attached', rid: 1 });
      assert.equal(outcomes[0]?.kind, 'attached');
      assert.equal(clock.countTimers(), 0);
    });

    it('settles with the reason of a refusal', async () => {
      const { attach, say, outcomes } = make();
      attach();
      await say({ type: 'refused', rid: 1, refusal: { kind: 'busy' } });
      assert.deepEqual(outcomes, [{ kind: 'busy' }]);
    });

    it('gives the owner up after twice nodeTimeout, and tells it', async () => {
      const { attach, asked, say, outcomes, side } = make();
      attach();
      await asked();
      clock.tick(2 * NODE_TIMEOUT);
      assert.deepEqual(await asked(), [{ type: 'lost', rid: 1 }]);
      assert.deepEqual(outcomes, [{ kind: 'late' }]);
      await say({ type: 'attached', rid: 1 }, frame('late'), { type: 'cut', rid: 1 });
      assert.deepEqual(await asked(), []);
      assert.equal(side.hasEnded, false);
      assert.equal(clock.countTimers(), 0);
    });

    it('is lost where the link ends before the answer, or has ended', async () => {
      const { attach, owner, asked, outcomes } = make();
      attach();
      owner.end();
      await asked();
      attach();
      await asked();
      assert.deepEqual(outcomes, [{ kind: 'lost' }, { kind: 'lost' }]);
      assert.equal(clock.countTimers(), 0);
    });
  });

  describe('a response', () => {
    it('gets the frames that came before its receiver', async () => {
      const { attached } = make();
      const { receiver } = await attached(frame('a["1"]\n'), frame('a["2"]\n', true));
      assert.deepEqual(receiver.did, ['a["1"]', 'a["2"] last']);
    });

    it('reports what the kernel has taken: at once, and when it takes the rest', async () => {
      const { attached, say, asked } = make();
      const { receiver } = await attached();
      receiver.bufferedAmount = 4;
      await say(frame('123456\n'));
      assert.deepEqual(await asked(), [{ type: 'written', rid: 1, bytes: 3 }]);
      receiver.bufferedAmount = 0;
      receiver.onFlushed();
      receiver.onFlushed();
      assert.deepEqual(await asked(), [{ type: 'written', rid: 1, bytes: 4 }]);
      assert.equal(clock.countTimers(), 0);
    });

    it('looks again a while later, since middleware may not tell that bytes were taken', async () => {
      const { attached, say, asked } = make();
      const { receiver } = await attached();
      receiver.bufferedAmount = 7;
      await say(frame('123456\n'));
      clock.tick(NODE_TIMEOUT / 4);
      assert.deepEqual(await asked(), []);
      receiver.bufferedAmount = 0;
      clock.tick(NODE_TIMEOUT / 4);
      assert.deepEqual(await asked(), [{ type: 'written', rid: 1, bytes: 7 }]);
      assert.equal(clock.countTimers(), 0);
    });

    it('never reports more than was written, though the response holds more than that', async () => {
      const { attached, say, asked } = make();
      const { receiver } = await attached();
      receiver.bufferedAmount = 1000;
      await say(frame('123456\n'));
      assert.deepEqual(await asked(), []);
    });

    it('reports that it has left, once, and no bytes of the last frame', async () => {
      const { attached, say, asked } = make();
      const { port } = await attached();
      await say(frame('a["1"]\n', true));
      assert.deepEqual(await asked(), []);
      port.receiverReleased();
      port.receiverFlushed();
      port.receiverAborted();
      assert.deepEqual(await asked(), [{ type: 'left', rid: 1 }]);
    });

    it('reports all bytes before it has left, where middleware has ended it', async () => {
      const { attached, say, asked } = make();
      const { port, receiver } = await attached();
      receiver.bufferedAmount = 7;
      await say(frame('a["1"]\n'));
      port.receiverFlushed();
      assert.deepEqual(await asked(), [
        { type: 'written', rid: 1, bytes: 7 },
        { type: 'left', rid: 1 },
      ]);
      assert.equal(clock.countTimers(), 0);
    });

    it('reports that its client broke off, or had gone before it was attached', async () => {
      const one = make();
      (await one.attached()).port.receiverAborted();
      assert.deepEqual(await one.asked(), [{ type: 'lost', rid: 1 }]);
      const other = make();
      (await other.attached()).port.release();
      assert.deepEqual(await other.asked(), [{ type: 'lost', rid: 1 }]);
    });

    it('is cut when the owner says so', async () => {
      const { attached, say } = make();
      const { receiver } = await attached();
      await say({ type: 'cut', rid: 1 });
      assert.deepEqual(receiver.did, ['abort']);
    });

    it('is cut where it cannot be written, and the link goes on', async () => {
      const { attached, say, asked, side } = make();
      const { receiver } = await attached();
      receiver.breaks = true;
      await say(frame('a["1"]\n'));
      assert.deepEqual(receiver.did, ['abort']);
      assert.deepEqual(await asked(), [{ type: 'lost', rid: 1 }]);
      assert.equal(side.hasEnded, false);
    });

    describe('at the end of the link', () => {
      for (const [title, frames, did] of [
        ['is told of the end of its session', [], ['close 1012 Session lost']],
        ['is told of it behind whole frames', [frame('1\n')], ['1', 'close 1012 Session lost']],
        ['is cut in the middle of a frame', [frame('1\n'), frame('2')], ['1', '2', 'abort']],
        ['is left alone behind its last frame', [frame('1\n', true)], ['1 last']],
      ] as const) {
        it(title, async () => {
          const { attached, owner, asked } = make();
          const { receiver } = await attached(...frames);
          owner.end();
          await asked();
          assert.deepEqual(receiver.did, did);
          assert.equal(clock.countTimers(), 0);
        });
      }

      it('is told of it though its receiver comes later', async () => {
        const { attach, say, owner, asked, outcomes } = make();
        attach();
        await say({ type: 'attached', rid: 1 });
        owner.end();
        await asked();
        const [outcome] = outcomes;
        assert.equal(outcome?.kind, 'attached');
        const receiver = new TestResponse();
        outcome.response.attach(receiver);
        assert.deepEqual(receiver.did, ['close 1012 Session lost']);
      });
    });
  });

  describe('yield()', () => {
    it('asks the owner to send no more, and ends a poll with a heartbeat', async () => {
      const { side, attached, say, asked } = make();
      const { receiver } = await attached();
      void side.yield();
      assert.deepEqual(await asked(), [{ type: 'yield', rid: 1 }]);
      await say({ type: 'yielded', rid: 1 });
      assert.deepEqual(receiver.did, ['h', ' last']);
    });

    it('ends a response with what has come meanwhile', async () => {
      const { side, attached, say, asked } = make();
      const { receiver } = await attached();
      void side.yield();
      await say(frame('1\n'), { type: 'yielded', rid: 1 });
      assert.deepEqual(receiver.did, ['1', ' last']);
      await asked();
    });

    it('settles at once where nothing is under way, and again', async () => {
      const { side } = make();
      await side.yield();
      await side.yield();
    });

    for (const last of ['response', 'send'] as const) {
      it(`settles when all is over, with a ${last} at last`, async () => {
        const { side, attached, say, send, answer } = make();
        const { port } = await attached();
        send();
        let isOver = false;
        void side.yield().then(() => {
          isOver = true;
        });
        const endResponse = async () => {
          port.receiverFlushed();
          await say();
        };
        const endSend = async () => {
          await say({ type: 'done', rid: 2, accepted: true });
          assert.equal(isOver, false, 'the answer to the send has not left');
          answer();
          await say();
        };
        const [first, second] = last === 'send' ? [endResponse, endSend] : [endSend, endResponse];
        await first();
        assert.equal(isOver, false);
        await second();
        assert.equal(isOver, true);
      });
    }

    it('waits for receiving requests without an answer', async () => {
      for (const answer of [{ type: 'refused', rid: 1, refusal: { kind: 'foreign' } }, undefined] satisfies (
        | OwnerMessage
        | undefined
      )[]) {
        const { side, attach, say } = make();
        attach();
        let isOver = false;
        void side.yield().then(() => {
          isOver = true;
        });
        await say();
        assert.equal(isOver, false);
        if (answer === undefined) {
          clock.tick(2 * NODE_TIMEOUT);
          await say();
          for (let checks = 0; checks < 20; checks += 1) {
            clock.tick(NODE_TIMEOUT);
            await say();
          }
        } else {
          await say(answer);
        }
        assert.equal(isOver, true);
      }
    });

    it('goes on relaying, since other links may not be over', async () => {
      const { side, attach, asked } = make();
      await side.yield();
      attach();
      assert.deepEqual(
        (await asked()).map(({ type }) => type),
        ['attach'],
      );
      assert.equal(side.isSendingFull, false);
    });

    it('settles when the link ends, and where it has ended', async () => {
      const { side, attached, requester, say } = make();
      await attached();
      const yielding = side.yield();
      requester.cut();
      await say();
      await yielding;
      const other = make();
      other.requester.cut();
      await other.say();
      await other.side.yield();
    });

    it('ends a response that is attached later', async () => {
      const { side, attach, say, asked, outcomes } = make();
      attach();
      void side.yield();
      await asked();
      await say({ type: 'attached', rid: 1 });
      assert.equal(outcomes[0]?.kind, 'attached');
      assert.deepEqual(await asked(), [{ type: 'yield', rid: 1 }]);
    });

    it('settles once the owner has heard that the answers to sends have left', async () => {
      const { side, send, say, answer, asked } = make();
      send();
      let isSettled = false;
      const yielded = side.yield().finally(() => {
        isSettled = true;
      });
      await say({ type: 'taken', rid: 1 }, { type: 'done', rid: 1, accepted: true });
      assert.equal(isSettled, false);
      answer();
      assert.equal(isSettled, false);
      await yielded;
      assert.deepEqual((await asked()).at(-1), { type: 'got', rid: 1 });
    });

    it('does nothing for a response that has its last frame', async () => {
      const { side, attached, asked } = make();
      await attached(frame('1\n', true));
      void side.yield();
      assert.deepEqual(await asked(), []);
    });
  });

  describe('retire()', () => {
    it('has nothing more relayed', async () => {
      const { side, attach, send, asked, outcomes, answers } = make();
      await side.retire();
      attach();
      send();
      assert.deepEqual(await asked(), []);
      assert.deepEqual(outcomes, [{ kind: 'late' }]);
      assert.deepEqual(answers, [[false, undefined]]);
      assert.equal(side.isSendingFull, true);
    });

    it('settles when what is under way is over, and the owner knows it', async () => {
      const { side, send, say, answer, asked } = make();
      send();
      let isOver = false;
      const retiring = side.retire().then(() => {
        isOver = true;
      });
      await say({ type: 'done', rid: 1, accepted: true });
      assert.equal(isOver, false);
      answer();
      assert.equal(isOver, false);
      await retiring;
      assert.deepEqual((await asked()).at(-1), { type: 'got', rid: 1 });
    });

    it('settles where the link ends', async () => {
      const { side, send, say, requester } = make();
      send();
      const retiring = side.retire();
      requester.cut();
      await say();
      await retiring;
    });
  });

  describe('send()', () => {
    it('settles with the answer of the owner, and says when it has left', async () => {
      const { send, asked, say, answers, answer } = make();
      send();
      assert.deepEqual(await asked(), [{ type: 'send', rid: 1, ...SEND }]);
      await say({ type: 'taken', rid: 1 });
      clock.tick(60_000);
      assert.deepEqual(answers, []);
      await say({ type: 'done', rid: 1, accepted: true });
      assert.deepEqual(answers, [[true, undefined]]);
      assert.deepEqual(await asked(), []);
      answer();
      assert.deepEqual(await asked(), [{ type: 'got', rid: 1 }]);
    });

    it('says nothing of the answer to one that was not accepted', async () => {
      const { send, asked, say, answers, answer } = make();
      send();
      await asked();
      await say({ type: 'done', rid: 1, accepted: false });
      answer();
      assert.deepEqual(answers, [[false, undefined]]);
      assert.deepEqual(await asked(), []);
      assert.equal(clock.countTimers(), 0);
    });

    it('is lost where the link ends, and refused where it has ended', async () => {
      const { send, owner, asked, answers } = make();
      send();
      await asked();
      owner.end();
      await asked();
      send();
      assert.deepEqual(answers, [
        [false, true],
        [false, undefined],
      ]);
    });

    it('ends the link where the owner does not take it within twice nodeTimeout', async () => {
      const { send, side, requester, asked, answers } = make();
      send();
      await asked();
      clock.tick(2 * NODE_TIMEOUT);
      assert.equal(side.hasEnded, true);
      await asked();
      assert.equal(requester.hasEnded, true);
      assert.deepEqual(answers, [[false, true]]);
      assert.equal(clock.countTimers(), 0);
    });

    it('is refused where it is too large for any link, and the next one goes on', async () => {
      const { send, requester, asked, answers } = make();
      const { send: sendOnLink } = requester;
      requester.send = () => {
        throw new RangeError('too large');
      };
      send();
      requester.send = sendOnLink;
      send();
      assert.deepEqual(answers, [[false, undefined]]);
      assert.deepEqual(await asked(), [{ type: 'send', rid: 1, ...SEND }]);
    });

    it('is full while more than maxQueuedBytes were not taken', async () => {
      const { send, side, say, asked } = make(10);
      send({ ...SEND, bytes: 10 });
      assert.equal(side.isSendingFull, false);
      send({ ...SEND, bytes: 1 });
      assert.equal(side.isSendingFull, true);
      await say({ type: 'taken', rid: 2 }, { type: 'taken', rid: 2 });
      assert.equal(side.isSendingFull, false);
      await say({ type: 'done', rid: 1, accepted: false }, { type: 'done', rid: 2, accepted: true });
      send({ ...SEND, bytes: 10 });
      assert.equal(side.isSendingFull, false);
      await asked();
    });
  });

  it('has the rooms of its node hear of the link, what comes on it, and its end', async () => {
    const rooms = new RoomPeer({ total: 0 }, () => {});
    const { requester, say, asked } = make(10, rooms);
    requester.isFull = true;
    await say({ type: 'rooms', room: 'a', count: 2 }, { type: 'ack', seq: 0 });
    assert.equal(rooms.countOf('a'), 2);
    rooms.outgoing.post({ type: 'message', room: 'a', text: '1' });
    assert.deepEqual(await asked(), []);
    requester.unblock();
    assert.deepEqual(await asked(), [{ type: 'message', seq: 1, room: 'a', text: '1' }]);
    requester.terminate();
    rooms.isAlive = false;
    assert.deepEqual([rooms.countRenewal(), rooms.countRenewal()], [false, true]);
  });

  it('ends a link whose owner answers what it was not asked', async () => {
    const { requester, say } = make();
    await say({ type: 'attached', rid: 1 });
    assert.equal(requester.hasEnded, true);
    assert.ok(requester.errors[0] instanceof RangeError);
  });
});
