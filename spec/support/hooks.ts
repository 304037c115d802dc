/** Root hooks: every test cleans up behind itself. */

import { endLeftSessions, watchSessions } from './left-sessions.ts';
import { cleanUp } from './leftovers.ts';

watchSessions();

export const mochaHooks = {
  async afterEach(): Promise<void> {
    await cleanUp();
    endLeftSessions();
  },
};
