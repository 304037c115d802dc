/** What a test has opened and must not leave behind: closed by the root hook, last opened first. */

type Cleanup = () => void | Promise<void>;

const leftovers: Cleanup[] = [];

/** Has `cleanup` run when the current test is over, however it ends. */
export function afterTest(cleanup: Cleanup): void {
  leftovers.push(cleanup);
}

/** Runs everything registered and forgets it. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of leftovers.splice(0).reverse()) {
    await cleanup();
  }
}
