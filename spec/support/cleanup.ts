/** What a test has opened and must not leave behind: closed by the root hook, last opened first. */

type Cleanup = () => void | Promise<void>;

const cleanups: Cleanup[] = [];

/** Has `cleanup` run when the current test is over, however it ends. */
export function afterTest(cleanup: Cleanup): void {
  cleanups.push(cleanup);
}

/** Runs everything registered and forgets it. Rejects with the first error, when all the rest has run as well. */
export async function cleanUp(): Promise<void> {
  const errors: unknown[] = [];
  for (const cleanup of cleanups.splice(0).reverse()) {
    try {
      await cleanup();
    } catch (error) {
      errors.push(error);
    }
  }
  for (const error of errors) {
    throw error;
  }
}
