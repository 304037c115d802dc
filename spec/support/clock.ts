/** A clock that stands still until a test moves it; sockets go on as ever. */
import { type Clock, install } from '@sinonjs/fake-timers';
import { afterTest } from './cleanup.ts';

/** Stops the clock for the rest of the test. Install it before what it is to govern sets its timers. */
export function stopClock(): Clock {
  const clock = install({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
    // Sessions of earlier tests may end while the clock stands: their timers are real, and must not run on for ever.
    shouldClearNativeTimers: true,
  });
  afterTest(() => clock.uninstall());
  return clock;
}
