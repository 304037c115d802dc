/** Measures when the process of the clients could not run. A client may have been late because of that. */

/** ms between two checks of the event loop, and ms of a gap from which on the process could not run. */
const TICK = 10;
const SHORTEST_GAP = 25;

/** A span of time, as of `performance.now()`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Monitors the event loop of this process until `stop()`. */
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

  /** Returns for how many ms of a span the process could not run. */
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
