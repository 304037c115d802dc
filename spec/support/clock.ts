/** A clock that only the test advances. Sockets are not affected. */
import { type Clock, install } from '@sinonjs/fake-timers';
import { afterTest } from './cleanup.ts';

/** Stops the clock for the rest of the test. Only timers that are set afterwards use it. */
export function stopClock(): Clock {
  const clock = install({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
    // Sessions of earlier tests may end while the clock is stopped. They must still be able to clear their real timers.
    shouldClearNativeTimers: true,
  });
  afterTest(() => clock.uninstall());
  return clock;
}
