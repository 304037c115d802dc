/** The load on one server: what it opens, does in a round, and closes. */
import type { Port } from './protocol.ts';

export interface Load {
  open(): Promise<void>;
  /**
   * Does about `units` units of work.
   *
   * @returns how many it did
   */
  round(units: number): Promise<number>;
  close(): Promise<void>;
  /** ms of each unit of the last round, where they are timed. */
  readonly times?: readonly number[];
}

/** Returns the port of a session: the processes take turns. */
export function portOf(ports: readonly Port[], number: number): Port {
  const port = ports[number % ports.length];
  if (port === undefined) {
    throw new RangeError('a server without ports');
  }
  return port;
}

/** Connections that open at the same time. */
const RAMP = 50;

/** Makes `count` things, {@link RAMP} at a time. */
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

/** Closes all connections, {@link RAMP} at a time. */
export async function closeAll(opened: readonly { close(): unknown }[]): Promise<void> {
  await ramp(opened.length, async (i) => {
    await opened[i]?.close();
  });
}

/** Returns a text of `size` bytes that differs for each number and needs no escapes in JSON. */
export function textOf(number: number, size: number): string {
  const text = `${number}:`;
  if (text.length > size) {
    throw new RangeError(`${size} bytes are too few for ${text}`);
  }
  return text.padEnd(size, 'abcdefghijklmnopqrstuvwxyz');
}

/** ms after which a load gives up. The benchmark itself does after a minute, and cannot tell what is missing. */
const LIMIT = 45_000;

/** Throws after some time, with a description of what is missing, unless the timer is cleared. */
export function limit(describe: () => string): NodeJS.Timeout {
  return setTimeout(() => {
    throw new Error(`${LIMIT / 1000} s are over: ${describe()}`);
  }, LIMIT);
}

/** The first 300 bytes, for an error message. */
export function show(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1', 0, 300));
}
