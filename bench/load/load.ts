/** A load on one server: what it opens, what it does in a round, and what closes it again. */
export interface Load {
  open(): Promise<void>;
  /**
   * Does about this much work.
   *
   * @returns how much it was
   */
  round(units: number): Promise<number>;
  close(): Promise<void>;
}

/** Connections that are being opened at a time. */
const RAMP = 50;

/** Makes so many, some at a time. */
export async function ramp<T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next++;
      made[index] = await make(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(RAMP, count) }, worker));
  return made;
}

/** Closes what was opened, some at a time. */
export async function closeAll(opened: readonly { close(): unknown }[]): Promise<void> {
  await ramp(opened.length, async (i) => {
    await opened[i]?.close();
  });
}

/** Text of this size that differs for each number, and needs no escapes in JSON. */
export function textOf(number: number, size: number): string {
  const text = `${number}:`;
  if (text.length > size) {
    throw new RangeError(`${size} bytes are too few for ${text}`);
  }
  return text.padEnd(size, 'abcdefghijklmnopqrstuvwxyz');
}

/** The start of what came, for an error. */
export function show(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1', 0, 300));
}
