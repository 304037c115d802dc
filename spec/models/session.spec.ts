/** A session under anything that its transports, its application, time and a stalling event loop may do, in any order. */
import { mock } from 'node:test';
import type { Clock } from '@sinonjs/fake-timers';
import fc from 'fast-check';
import type { SessionCloseEvent } from '../../lib/session/events.ts';
import { afterTest } from '../support/cleanup.ts';
import { stopClock } from '../support/clock.ts';
import { fakeIdleTime, type Loop } from '../support/idle-time.ts';
import { property, sequence } from '../support/property.ts';
import { pauseTracking } from '../support/session-cleanup.ts';
import { catchUncaught } from '../support/uncaught.ts';
import type { ReceiverShape } from './support/model-receiver.ts';
import { type Reaction, SessionModel, type SessionModelOptions } from './support/session-model.ts';

type Step =
  | readonly [name: 'attach', shape: ReceiverShape]
  | readonly [name: 'receiverReleased' | 'receiverFlushed', receiver: number]
  | readonly [name: 'lost', receiver: number, event: SessionCloseEvent]
  | readonly [name: 'take', receiver: number, writes: number]
  | readonly [name: 'receive' | 'send', sizes: readonly number[]]
  | readonly [name: 'broadcast', size: number]
  | readonly [name: 'drained' | 'recv' | 'unlisten' | 'terminate' | 'settle' | 'turn']
  | readonly [name: 'abort' | 'iterate' | 'leave loop', which: number]
  | readonly [name: 'listen', reactions: readonly Reaction[], once: boolean]
  | readonly [name: 'join' | 'leave', room: string]
  | readonly [name: 'close', event: readonly [code?: number, reason?: string]]
  | readonly [name: 'set up', how: 'resolve' | 'reject']
  | readonly [name: 'tick' | 'jump', ms: number];

const MAX = Number.MAX_SAFE_INTEGER;

/** Mostly `nothing`. */
function reaction(...others: Reaction[]): fc.Arbitrary<Reaction> {
  return fc.oneof({ weight: 12, arbitrary: fc.constant('nothing' as const) }, fc.constantFrom(...others));
}

const OPTIONS: fc.Arbitrary<SessionModelOptions> = fc.record({
  family: fc.oneof({ weight: 3, arbitrary: fc.constant('xhr' as const) }, fc.constant('websocket' as const)),
  heartbeatDelay: fc.constantFrom(0, 1000, 2500),
  disconnectDelay: fc.constantFrom(0, 1000, 5000),
  maxSendBuffer: fc.constantFrom(MAX, MAX, 0, 30, 60, 150),
  sendHighWaterMark: fc.constantFrom(MAX, 0, 8, 20),
  maxReceiveBuffer: fc.constantFrom(MAX, 0, 12, 30),
  receiveStallTimeout: fc.constantFrom(0, 500, 3000),
  onSession: fc.oneof(
    { weight: 2, arbitrary: fc.constant('wait' as const) },
    { weight: 6, arbitrary: reaction('throw', 'reject', 'send', 'close', 'terminate', 'join') },
  ),
  onError: fc.constantFrom('nothing', 'throw', 'reject', 'close'),
  onDrain: reaction('throw', 'reject', 'send', 'close', 'terminate', 'receive'),
  onClose: reaction('throw', 'reject', 'send', 'close', 'join', 'terminate'),
  watchesSignal: fc.boolean(),
});

const SHAPE: fc.Arbitrary<ReceiverShape> = fc.record({
  kind: fc.constantFrom('poll', 'slow poll', 'stream', 'slow stream', 'short stream'),
  maxHeartbeatInterval: fc.constantFrom(Number.POSITIVE_INFINITY, 700),
  breaksAt: fc.oneof(
    { weight: 16, arbitrary: fc.constant(undefined) },
    fc.constantFrom('open', 'messages', 'messages', 'heartbeat', 'close'),
  ),
  isGuarded: fc.boolean(),
});

const EVENT: fc.Arbitrary<SessionCloseEvent> = fc.constantFrom(
  { code: 1006, reason: 'lost', wasClean: false },
  { code: 3001, reason: 'bye', wasClean: true },
);

/** The first that comes to mind, or another. */
const WHICH = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(3));
const SIZE = fc.nat(15);
const ms = (max: number) =>
  fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 300 }) }, fc.integer({ min: 1, max }));
const ROOM = fc.constantFrom('a', 'b');

const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 50, arbitrary: fc.tuple(fc.constant('attach' as const), SHAPE) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('receiverReleased' as const), WHICH) },
  { weight: 20, arbitrary: fc.tuple(fc.constant('receiverFlushed' as const), WHICH) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('lost' as const), WHICH, EVENT) },
  { weight: 25, arbitrary: fc.tuple(fc.constant('take' as const), WHICH, fc.integer({ min: 1, max: 3 })) },
  { weight: 30, arbitrary: fc.tuple(fc.constant('receive' as const), sequence(SIZE, 4)) },
  { weight: 40, arbitrary: fc.tuple(fc.constant('send' as const), sequence(SIZE, 4)) },
  { weight: 15, arbitrary: fc.tuple(fc.constant('broadcast' as const), SIZE) },
  { weight: 10, arbitrary: fc.tuple(fc.constant('drained' as const)) },
  { weight: 20, arbitrary: fc.tuple(fc.constant('recv' as const)) },
  { weight: 5, arbitrary: fc.tuple(fc.constant('abort' as const), WHICH) },
  { weight: 10, arbitrary: fc.tuple(fc.constant('iterate' as const), fc.nat(1)) },
  { weight: 5, arbitrary: fc.tuple(fc.constant('leave loop' as const), fc.nat(1)) },
  {
    weight: 15,
    arbitrary: fc.tuple(
      fc.constant('listen' as const),
      fc.array(reaction('throw', 'reject', 'send', 'close', 'receive', 'remove', 'join', 'terminate'), {
        maxLength: 3,
      }),
      fc.boolean(),
    ),
  },
  { weight: 5, arbitrary: fc.tuple(fc.constant('unlisten' as const)) },
  { weight: 10, arbitrary: fc.tuple(fc.constantFrom('join', 'join', 'leave'), ROOM) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constant('close' as const),
      fc.constantFrom<[code?: number, reason?: string]>([], [3000], [1000, 'done']),
    ),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant('terminate' as const)) },
  { weight: 5, arbitrary: fc.tuple(fc.constant('set up' as const), fc.constantFrom('resolve', 'reject')) },
  { weight: 15, arbitrary: fc.tuple(fc.constant('settle' as const)) },
  { weight: 30, arbitrary: fc.tuple(fc.constant('turn' as const)) },
  { weight: 20, arbitrary: fc.tuple(fc.constant('tick' as const), ms(6000)) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('jump' as const), ms(10_000)) },
);

const CASE = fc.record({
  options: OPTIONS,
  /** Nearly all sessions get past opening. */
  first: fc.oneof({ weight: 20, arbitrary: SHAPE }, fc.constant(undefined)),
  steps: sequence(STEP, 60),
  flushes: fc.boolean(),
});

function take(model: SessionModel, step: Step): void | Promise<void> {
  switch (step[0]) {
    case 'attach':
      return model.attach(step[1]);
    case 'receiverReleased':
      return model.withReceiver(step[1], (receiver) => receiver.kind !== 'socket' && model.receiverReleased(receiver));
    case 'receiverFlushed':
      return model.withReceiver(step[1], (receiver) => receiver.kind !== 'socket' && model.receiverFlushed(receiver));
    case 'lost':
      return model.withReceiver(step[1], (receiver) => model.abortReceiver(receiver, step[2]));
    case 'take':
      return model.withReceiver(step[1], (receiver) => model.take(receiver, step[2]));
    case 'receive':
      return model.receive(step[1]);
    case 'send':
      return model.send(step[1]);
    case 'broadcast':
      return model.broadcast(step[1]);
    case 'drained':
      return model.drained();
    case 'recv':
      return model.recv();
    case 'abort':
      return model.abort(step[1]);
    case 'iterate':
      return model.iterate(step[1]);
    case 'leave loop':
      return model.leaveLoop(step[1]);
    case 'listen':
      return model.listen(step[1], step[2]);
    case 'unlisten':
      return model.unlisten();
    case 'join':
      return model.join(step[1]);
    case 'leave':
      return model.leave(step[1]);
    case 'close':
      return model.close(...step[1]);
    case 'terminate':
      return model.terminate();
    case 'set up':
      return model.finishSetUp(step[1]);
    case 'settle':
      return model.settle();
    case 'turn':
      return model.turn();
    case 'tick':
      return model.tick(step[1]);
    case 'jump':
      return model.jump(step[1]);
  }
}

describe('any life of a session', () => {
  let clock: Clock;
  let loop: Loop;
  let model: SessionModel | undefined;

  beforeEach(() => {
    clock = stopClock();
    loop = fakeIdleTime();
    // It would keep all of them, and each ends by itself.
    pauseTracking();
    catchUncaught((error) => model?.onUncaught(error));
    const { mock: warn } = mock.method(process, 'emitWarning', () => {});
    afterTest(() => warn.restore());
  });

  property('tells the truth to both sides, and leaves nothing behind', 1000, CASE, async (life) => {
    clock.reset();
    model = new SessionModel(life.options, clock, loop);
    if (life.first !== undefined) {
      model.attach(life.first);
      model.check();
    }
    for (const step of life.steps) {
      await take(model, step);
      model.check();
    }
    await model.end(life.flushes);
  });
});
