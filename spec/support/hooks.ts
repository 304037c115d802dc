/** Root hooks: every test depends on its programs, and cleans up behind itself. */

import { cleanUp } from './cleanup.ts';
import { endOpenSessions, trackSessions } from './session-cleanup.ts';
import { guardTest, showOutput } from './test-guard.ts';

trackSessions();

// Mocha lets a rejection pass without a handler; Node would end a user's process with it.
process.on('unhandledRejection', (reason) => {
  throw reason;
});

export const mochaHooks = {
  beforeEach(this: Mocha.Context): void {
    guardTest(this.currentTest);
  },

  async afterEach(this: Mocha.Context): Promise<void> {
    showOutput(this.currentTest);
    try {
      await cleanUp();
    } catch (error) {
      // Fails the test. Thrown, it would fail this hook, and with it all tests that have not run yet.
      (this.test as Mocha.Hook).error(error);
    }
    endOpenSessions();
  },
};
