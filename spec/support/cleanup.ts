/** Cleanups of tests. The root hook runs them, the last registered first. */

type Cleanup = () => void | Promise<void>;

const cleanups: Cleanup[] = [];

/** Registers a cleanup for the end of the current test, whether it passes or fails. */
export function afterTest(cleanup: Cleanup): void {
  cleanups.push(cleanup);
}

/** Runs and removes all cleanups. Rejects with the first error, after all others have run as well. */
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
