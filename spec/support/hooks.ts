/** Root hooks: each test fails when its programs end, and its cleanups run. */

import { cleanUp } from './cleanup.ts';
import { endOpenSessions, trackSessions } from './session-cleanup.ts';
import { guardTest, showOutput } from './test-guard.ts';

// c8 tells Node to measure this process and its children. Measuring the children costs CPU time and covers no more.
delete process.env['NODE_V8_COVERAGE'];

// Mocha ignores unhandled rejections. In an application, Node would end the process.
process.on('unhandledRejection', (reason) => {
  throw reason;
});

export const mochaHooks = {
  beforeAll: trackSessions,

  beforeEach(this: Mocha.Context): void {
    guardTest(this.currentTest);
  },

  async afterEach(this: Mocha.Context): Promise<void> {
    showOutput(this.currentTest);
    try {
      await cleanUp();
    } catch (error) {
      // Fails the test. An error that is thrown here would fail the hook, and all tests that have not run yet.
      (this.test as Mocha.Hook).error(error);
    }
    endOpenSessions();
  },
};
