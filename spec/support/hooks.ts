/** Root hooks: every test depends on its programs, and cleans up behind itself. */

import { endLeftSessions, watchSessions } from './left-sessions.ts';
import { cleanUp } from './leftovers.ts';
import { guardTest, showOutput } from './test-guard.ts';

watchSessions();

// c8 tells Node to measure this process and its children. Measuring the children costs CPU time and covers no more.
delete process.env['NODE_V8_COVERAGE'];

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
    endLeftSessions();
  },
};
