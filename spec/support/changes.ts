/** Waits for a condition over what a test records. Recorders call `notify()`; nothing is polled. */

/** ms against hanging. The timer is that of Node: a test's clock does not stop it. */
const LIMIT = 30_000;

const { setTimeout, clearTimeout } = globalThis;

export class Changes {
  readonly #checks = new Set<() => void>();

  /** Something was recorded. */
  notify(): void {
    for (const check of [...this.#checks]) {
      check();
    }
  }

  /**
   * Settles once the condition holds.
   *
   * @param what what is waited for, as a function where it says how things stand; for the error after 30 s
   */
  until(holds: () => boolean, what: string | (() => string)): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#checks.delete(check);
      };
      const check = () => {
        if (holds()) {
          end();
          resolve();
        }
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`waited in vain for ${typeof what === 'string' ? what : what()}`));
      }, LIMIT);
      this.#checks.add(check);
      check();
    });
  }
}
