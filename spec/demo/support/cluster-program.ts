/** The demo of many processes as `npm run demo:cluster` runs it. */
import type { Child } from '../../support/child-process.ts';
import { afterTest } from '../../support/cleanup.ts';
import { originOf, type Program, startProgram, startScript } from '../../support/npm-script.ts';

/** Starts it on a free port, and ends it after the test. */
export async function startClusterDemo(): Promise<Program> {
  const program = await startProgram('demo:cluster');
  afterTest(async () => {
    // A primary that is killed leaves the sockets of its workers behind.
    await program.stop('SIGTERM');
  });
  return program;
}

/**
 * Starts it on a free port before the tests of the suite, and ends it after them.
 *
 * @param envOf returns environment variables, such as `REDIS_URL`
 */
export function useClusterDemo(envOf: () => Readonly<NodeJS.ProcessEnv> = () => ({})): { readonly origin: string } {
  let child: Child | undefined;
  let origin = '';
  before('starts npm run demo:cluster', async () => {
    child = await startScript('demo:cluster', envOf());
    origin = await originOf(child);
  });
  after('ends npm run demo:cluster', async () => {
    await child?.stop('SIGTERM');
    await child?.kill();
  });
  return {
    get origin() {
      return origin;
    },
  };
}
