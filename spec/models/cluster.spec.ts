/** One session over several nodes, under anything that messages, commands, bytes, links and processes may do. */
import type { Clock } from '@sinonjs/fake-timers';
import fc from 'fast-check';
import { stopClock } from '../support/clock.ts';
import type { Fate } from '../support/cluster/plain-registry.ts';
import { property, sequence } from '../support/property.ts';
import { pauseTracking } from '../support/session-cleanup.ts';
import { ClusterModel } from './support/cluster-model.ts';

type Step =
  | readonly [name: 'poll', node: number, isStream: boolean]
  | readonly [name: 'post' | 'break off' | 'yield', node: number]
  | readonly [name: 'take' | 'deliver' | 'command', which: number]
  | readonly [name: 'answer leaves' | 'app reads' | 'app closes' | 'expire leases' | 'run']
  | readonly [name: 'app sends', length: number]
  | readonly [name: 'fate', fate: Fate]
  | readonly [name: 'cut', which: number, here: number, there: number]
  | readonly [name: 'fill', which: number, isFull: boolean]
  | readonly [name: 'kill', node: number, retryAt: number]
  | readonly [name: 'tick', ms: number];

const NODE = fc.nat(2);
const WHICH = fc.nat(5);

const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: fc.tuple(fc.constant('poll' as const), NODE, fc.boolean()) },
  { weight: 20, arbitrary: fc.tuple(fc.constant('post' as const), NODE) },
  { weight: 20, arbitrary: fc.tuple(fc.constant('take' as const), fc.integer({ min: 1, max: 5 })) },
  { weight: 60, arbitrary: fc.tuple(fc.constant('deliver' as const), WHICH) },
  { weight: 40, arbitrary: fc.tuple(fc.constant('command' as const), WHICH) },
  { weight: 15, arbitrary: fc.tuple(fc.constant('answer leaves' as const)) },
  { weight: 15, arbitrary: fc.tuple(fc.constant('app reads' as const)) },
  { weight: 30, arbitrary: fc.tuple(fc.constant('run' as const)) },
  {
    weight: 25,
    arbitrary: fc.tuple(
      fc.constant('app sends' as const),
      fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.constantFrom(60_000, 100_000)),
    ),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant('app closes' as const)) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('break off' as const), NODE) },
  {
    weight: 3,
    arbitrary: fc.tuple(
      fc.constant('fate' as const),
      fc.constantFrom<Fate>('answered', 'answered', 'answer lost', 'late', 'lost'),
    ),
  },
  { weight: 3, arbitrary: fc.tuple(fc.constant('cut' as const), WHICH, fc.nat(3), fc.nat(3)) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('fill' as const), WHICH, fc.boolean()) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('yield' as const), NODE) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('kill' as const), NODE, NODE) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('expire leases' as const)) },
  { weight: 10, arbitrary: fc.tuple(fc.constant('tick' as const), fc.constantFrom(1, 10, 100, 1000, 3000)) },
);

describe('any life of a session over three nodes', () => {
  let clock: Clock;

  beforeEach(() => {
    clock = stopClock();
    pauseTracking();
  });

  /** Lets timers and the ends of turns run. */
  const settle = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 100) {
      clock.tick(Math.min(100, ms - passed));
      await new Promise(setImmediate);
    }
    await new Promise(setImmediate);
    await new Promise(setImmediate);
  };

  const take = async (model: ClusterModel, step: Step): Promise<void> => {
    switch (step[0]) {
      case 'poll':
        model.poll(step[1], step[2]);
        break;
      case 'post':
        model.post(step[1]);
        break;
      case 'break off':
        model.breakOff(step[1]);
        break;
      case 'yield':
        model.yield(step[1]);
        break;
      case 'take':
        model.take(step[1]);
        break;
      case 'deliver':
        model.deliver(step[1]);
        break;
      case 'command':
        model.command(step[1]);
        break;
      case 'answer leaves':
        model.answerLeaves();
        break;
      case 'app reads':
        model.appReads();
        break;
      case 'app sends':
        model.appSends(step[1]);
        break;
      case 'app closes':
        model.appCloses();
        break;
      case 'fate':
        model.setFate(step[1]);
        break;
      case 'cut':
        model.cut(step[1], step[2], step[3]);
        break;
      case 'fill':
        model.fill(step[1], step[2]);
        break;
      case 'kill':
        model.kill(step[1], step[2]);
        break;
      case 'expire leases':
        model.expireLeases();
        break;
      case 'tick':
        await settle(step[1]);
        break;
      case 'run':
        await model.run(settle);
        break;
    }
    await settle(0);
  };

  property('has one owner, no gap, and an end for every request', 500, sequence(STEP, 120), async (steps) => {
    clock.reset();
    const model = new ClusterModel(3);
    for (const step of steps) {
      await take(model, step);
      model.check();
    }
    await model.end(settle);
  });
});
