/** Commands of the registry on which no request waits, such as those for tombstones. */

/** Commands under way at a time. Registries refuse what is far above it. */
const MAX_UNDER_WAY = 1000;

/**
 * Commands that wait: 8 MiB at most. More than that are given up, for which the registry keeps what it had: an entry that
 * leads to this node, which knows better; or which others find dead, where it leaves.
 */
export const MAX_WAITING = 16_384;

/** Runs commands in the order in which they come. None that fails is repeated: what it was for is known without it. */
export class Background {
  readonly #waiting: (() => Promise<unknown>)[] = [];
  readonly #underWay = new Set<Promise<void>>();

  /** Runs a command as soon as fewer are under way; its rejection is ignored. */
  run(command: () => Promise<unknown>): void {
    if (this.#underWay.size < MAX_UNDER_WAY) {
      this.#start(command);
    } else if (this.#waiting.length < MAX_WAITING) {
      this.#waiting.push(command);
    }
  }

  /** Settles when no command waits or is under way. Never rejects. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) {
      await Promise.all(this.#underWay);
    }
  }

  #start(command: () => Promise<unknown>): void {
    const next = () => {
      this.#underWay.delete(settled);
      const waiting = this.#waiting.shift();
      if (waiting !== undefined) {
        this.#start(waiting);
      }
    };
    // A registry of the application may throw, though it should reject.
    const settled = (async () => command())().then(next, next);
    this.#underWay.add(settled);
  }
}
