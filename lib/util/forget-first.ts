/** Bounds for maps and sets that remember. */

/** What a map and a set have in common. */
interface Remembered<Key> {
  readonly size: number;
  keys(): Iterable<Key>;
  delete(key: Key): boolean;
}

/** Deletes those that came first, until at most `size` are left. */
export function forgetFirst<Key>(remembered: Remembered<Key>, size: number): void {
  for (const key of remembered.keys()) {
    if (remembered.size <= size) {
      return;
    }
    remembered.delete(key);
  }
}
