/** Root hooks: every test cleans up behind itself. */
import { cleanUp } from './leftovers.ts';

export const mochaHooks = {
  afterEach: cleanUp,
};
