/** Tells whether the process of the clients could run. If not, a client may have been late for want of a processor. */

/** How often a timer looks whether the event loop runs, in ms, and from which gap on the process could not run. */
const TICK = 10;
const SHORTEST_GAP = 25;

/** A span of time by the clock of `performance.now()`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Watches the event loop of this process until `stop()`. */
export class LoopMonitor {
  readonly #timer: NodeJS.Timeout;
  readonly #gaps: Span[] = [];
  #last = performance.now();

  constructor() {
    this.#timer = setInterval(() => {
      const gap = { from: this.#last, to: performance.now() };
      this.#last = gap.to;
      if (gap.to - gap.from >= SHORTEST_GAP) {
        this.#gaps.push(gap);
      }
    }, TICK);
  }

  /** For how many ms of that span the process could not run. */
  gapsIn(span: Span): number {
    const present = { from: this.#last, to: performance.now() };
    return [...this.#gaps, present].reduce((sum, gap) => sum + overlap(gap, span), 0);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function overlap(a: Span, b: Span): number {
  return Math.max(0, Math.min(a.to, b.to) - Math.max(a.from, b.from));
}
