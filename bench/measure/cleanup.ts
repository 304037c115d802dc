/** Cleanup at the end of a run, after errors and signals as well. */
const tasks = new Set<() => unknown>();

/** Registers a cleanup. Call the returned function when it is not needed any more. */
export function onCleanup(task: () => unknown): () => void {
  tasks.add(task);
  return () => tasks.delete(task);
}

/** Runs all cleanups. */
export async function cleanUp(): Promise<void> {
  const all = [...tasks];
  tasks.clear();
  await Promise.all(all.map((task) => task()));
}

/** Settles as `promise` does, and rejects when that takes longer than `seconds`. */
export async function withTimeout<T>(seconds: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not done within ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
