/** What must end with a run, whatever comes. */
const tasks = new Set<() => unknown>();

/** Registers something to do at the end; call what it returns when it is done already. */
export function onCleanup(task: () => unknown): () => void {
  tasks.add(task);
  return () => tasks.delete(task);
}

/** Does it all. */
export async function cleanUp(): Promise<void> {
  const all = [...tasks];
  tasks.clear();
  await Promise.all(all.map((task) => task()));
}

/** Rejects when something takes longer than it can in good health. */
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
