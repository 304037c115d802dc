/**
 * Messages from one node to the rooms of another: each arrives once and in order, or a gap is told in its place. Who has
 * asked whether one has arrived is told the truth.
 */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { IncomingBroadcasts } from '../../lib/cluster/incoming-broadcasts.ts';
import type { Link } from '../../lib/cluster/link.ts';
import type { LinkMessage, OwnerMessage, RequesterMessage } from '../../lib/cluster/messages.ts';
import { type Broadcast, lossOf, OutgoingBroadcasts } from '../../lib/cluster/outgoing-broadcasts.ts';
import { property, sequence } from '../support/property.ts';

/** Bytes of a long text: some of them are more than a node keeps. */
const LONG = 200_000;

/** A direction of a link, whose messages arrive when a step says so. */
class Wire<Sent extends LinkMessage> implements Link<Sent> {
  readonly peer = 'peer';
  isFull = false;
  readonly underWay: Sent[] = [];

  send(message: Sent): void {
    this.underWay.push(message);
  }

  delivered(): Promise<void> {
    return Promise.resolve();
  }

  end(): void {}
}

type Step =
  | {
      readonly kind: 'post';
      readonly isLong: boolean;
      readonly room: string | undefined;
      readonly isClose: boolean;
      readonly asks: boolean;
    }
  | { readonly kind: 'deliver' | 'ack' | 'full' | 'writable' | 'cut' | 'link' | 'gone' | 'acknowledge' };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('post' as const),
      isLong: fc.boolean(),
      room: fc.constantFrom('room', undefined),
      isClose: fc.integer({ max: 9, min: 0 }).map((number) => number === 0),
      asks: fc.boolean(),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constantFrom('deliver' as const, 'ack' as const) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'full' as const,
        'writable' as const,
        'cut' as const,
        'link' as const,
        'link' as const,
        'gone' as const,
        'acknowledge' as const,
      ),
    }),
  },
);

/** What the other node has seen: the number of a message, or a gap. */
type Seen = { readonly number: number } | { readonly gap: { readonly isForAll: boolean; readonly hasClose: boolean } };

/** Two nodes. */
class Pair {
  readonly posted: { readonly number: number; readonly isForAll: boolean; readonly isClose: boolean }[] = [];
  readonly seen: Seen[] = [];
  /** By number, whether a message is said to have arrived; undefined while that is not known. */
  readonly answers = new Map<number, boolean | undefined>();
  readonly #kept = { total: 0 };
  readonly #outgoing = new OutgoingBroadcasts(this.#kept);
  readonly #incoming = new IncomingBroadcasts((broadcast) => {
    if (broadcast.type === 'gap') {
      this.seen.push({ gap: broadcast });
    } else if (broadcast.type !== 'sync') {
      const text = broadcast.type === 'message' ? broadcast.text : broadcast.reason;
      this.seen.push({ number: Number.parseInt(text, 10) });
    }
  });
  #isGone = false;
  #forth: Wire<RequesterMessage> | undefined;
  #back: Wire<OwnerMessage> | undefined;

  get kept(): number {
    return this.#kept.total;
  }

  run(step: Step): void {
    switch (step.kind) {
      case 'post':
        this.#post(step);
        break;
      case 'deliver':
        this.#deliver();
        break;
      case 'ack':
        this.#deliverAck();
        break;
      case 'full':
      case 'writable':
        this.#setFull(step.kind === 'full');
        break;
      case 'cut':
        this.#cut();
        break;
      case 'link':
        this.#link();
        break;
      case 'gone':
        // A node without lease and link, which may come back.
        if (this.#forth === undefined) {
          this.#isGone = true;
          this.#outgoing.drop();
        }
        break;
      case 'acknowledge':
        this.#incoming.acknowledge();
        break;
    }
  }

  /** A link that lasts until all has arrived. */
  settle(): void {
    this.#link();
    while (this.#deliverAck() || this.#deliver()) {
      this.#incoming.acknowledge();
    }
  }

  /** The other node has neither lease nor link any more. */
  leaveForGood(): void {
    this.#cut();
    this.run({ kind: 'gone' });
  }

  #post({ isLong, room, isClose, asks }: Extract<Step, { kind: 'post' }>): void {
    const number = this.posted.length;
    this.posted.push({ number, isForAll: room === undefined, isClose });
    const text = `${number} ${'x'.repeat(isLong ? LONG : 0)}`;
    const broadcast: Broadcast = isClose
      ? { type: 'close', room, code: 3000, reason: String(number) }
      : { type: 'message', room, text };
    if (this.#isGone) {
      this.#outgoing.skip(lossOf(broadcast));
    } else if (asks) {
      this.answers.set(number, undefined);
      void this.#outgoing.confirm(broadcast).then((isConfirmed) => this.answers.set(number, isConfirmed));
    } else {
      this.#outgoing.post(broadcast);
    }
  }

  #deliver(): boolean {
    const message = this.#forth?.underWay.shift();
    if (message?.type === 'message' || message?.type === 'close' || message?.type === 'gap') {
      this.#incoming.onBroadcast(message);
    }
    return message !== undefined;
  }

  #deliverAck(): boolean {
    const message = this.#back?.underWay.shift();
    if (message?.type === 'ack') {
      this.#outgoing.onAck(message.seq);
    }
    return message !== undefined;
  }

  #setFull(isFull: boolean): void {
    if (this.#forth !== undefined) {
      this.#forth.isFull = isFull;
      if (!isFull) {
        this.#outgoing.pump();
      }
    }
  }

  #cut(): void {
    if (this.#forth !== undefined && this.#back !== undefined) {
      this.#outgoing.onLinkEnd(this.#forth);
      this.#incoming.onLinkEnd();
    }
    this.#forth = undefined;
    this.#back = undefined;
  }

  #link(): void {
    this.#cut();
    this.#isGone = false;
    this.#forth = new Wire();
    this.#back = new Wire();
    this.#outgoing.onLink(this.#forth);
    this.#incoming.onTold(this.#back);
  }
}

/** Checks the answers against what was seen: all are there, and none says that a lost message has arrived. */
function checkAnswers({ answers, seen }: Pair): void {
  const arrived = new Set(seen.map((event) => ('number' in event ? event.number : undefined)));
  for (const [number, answer] of answers) {
    assert.notEqual(answer, undefined, `whether message ${number} has arrived is never told`);
    assert.ok(answer === false || arrived.has(number), `message ${number} was lost, and is said to have arrived`);
  }
}

/** Checks what was seen against what was posted. */
function check({ posted, seen }: Pair): void {
  let next = 0;
  let gaps: { readonly isForAll: boolean; readonly hasClose: boolean }[] = [];
  const expectTold = (before: number) => {
    for (const { number, isForAll, isClose } of posted.slice(next, before)) {
      assert.ok(
        gaps.some((gap) => (gap.isForAll || !isForAll) && (gap.hasClose || !isClose)),
        `message ${number} was lost, and no gap says so`,
      );
    }
  };
  for (const event of seen) {
    if ('gap' in event) {
      gaps.push(event.gap);
    } else {
      assert.ok(event.number >= next, `message ${event.number} came behind ${next - 1}`);
      expectTold(event.number);
      next = event.number + 1;
      gaps = [];
    }
  }
  expectTold(posted.length);
}

describe('Messages to the rooms of another node', () => {
  property('arrive once and in order, or a gap is told', 3000, sequence(STEP, 60), async (steps) => {
    const pair = new Pair();
    for (const step of steps) {
      pair.run(step);
    }
    pair.settle();
    await setImmediate();
    check(pair);
    checkAnswers(pair);
    assert.equal(pair.kept, 0, 'all that was confirmed is forgotten');
  });

  property(
    'are answered for, and forgotten, where the node never comes back',
    1000,
    sequence(STEP, 60),
    async (steps) => {
      const pair = new Pair();
      for (const step of steps) {
        pair.run(step);
      }
      pair.leaveForGood();
      await setImmediate();
      checkAnswers(pair);
      assert.equal(pair.kept, 0);
    },
  );

  property('are not kept beyond 1 MiB and one message', 300, sequence(STEP, 60), (steps) => {
    const pair = new Pair();
    for (const step of steps) {
      pair.run(step);
      // The last one is kept, also beyond that.
      assert.ok(pair.kept <= 1024 * 1024 + 2 * LONG + 1000);
    }
  });
});
