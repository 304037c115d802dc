/** The time between a ping and its answer. */
import assert from 'node:assert/strict';
import type { Clock } from '@sinonjs/fake-timers';
import { RoundTrip } from '../../../lib/cluster/round-trip.ts';
import { stopClock } from '../../support/clock.ts';

const EMPTY = Buffer.alloc(0);

describe('RoundTrip', () => {
  let clock: Clock;
  let roundTrip: RoundTrip;

  beforeEach(() => {
    clock = stopClock();
    roundTrip = new RoundTrip();
  });

  it('is unknown until a first ping was answered', () => {
    assert.equal(roundTrip.ms, undefined);
    assert.equal(roundTrip.onPing(), undefined);
    clock.tick(7);
    assert.equal(roundTrip.ms, undefined);
    roundTrip.onPong(EMPTY);
    assert.equal(roundTrip.ms, 7);
  });

  it('is that of the last ping, or of the one under way once that has taken longer', () => {
    roundTrip.onPing();
    clock.tick(7);
    roundTrip.onPong(EMPTY);
    clock.tick(100);
    roundTrip.onPing();
    clock.tick(5);
    assert.equal(roundTrip.ms, 7);
    clock.tick(5);
    assert.equal(roundTrip.ms, 10);
    roundTrip.onPong(EMPTY);
    clock.tick(100);
    assert.equal(roundTrip.ms, 10);
  });

  it('takes no answer for that of another ping', () => {
    roundTrip.onPing();
    clock.tick(2);
    const untimed = roundTrip.onPing();
    clock.tick(2);
    roundTrip.onPong(untimed ?? EMPTY);
    assert.equal(roundTrip.ms, undefined);
    clock.tick(2);
    roundTrip.onPong(EMPTY);
    assert.equal(roundTrip.ms, 6);
    // One that was not asked for.
    clock.tick(2);
    roundTrip.onPong(EMPTY);
    assert.equal(roundTrip.ms, 6);
  });
});
