/** The shutdown of one endpoint: `router.close()`. */
import { promiseWithResolvers } from '../util/promises.ts';
import { DeadlineTimer, inContext, type TimerQueue } from '../util/timer-queue.ts';
import type { SessionCloseEvent } from './events.ts';

/** The result of `router.close()`. */
export interface CloseResult {
  /** Sessions that were live and have ended. */
  readonly closed: number;
  /** Those of them that got everything queued for them, and the close frame. */
  readonly flushed: number;
  /** Those that did not: no request came for it, the client broke off, or the time was up. */
  readonly dropped: number;
}

/** How to close all sessions. */
export interface CloseOptions {
  /**
   * Close code for every session, as for `session.close()`.
   * @default 1001
   */
  readonly code?: number | undefined;
  /**
   * Reason for every session, as for `session.close()`.
   * @default 'Server shutting down'
   */
  readonly reason?: string | undefined;
  /**
   * ms after which bytes that have not left are given up, and connections are cut; `Infinity` to wait until each
   * session has ended by itself.
   * @default 5_000 // 5 seconds
   */
  readonly timeout?: number | undefined;
}

/** A live session, as far as shutdown is concerned. */
interface Closable {
  close(code: number, reason: string): boolean;
  terminate(): void;
}

/**
 * Closes all sessions of an endpoint, once. In this order: requests that wait for `authorize` or `verifyClient` are
 * rejected; every session is closed; after `timeout` ms those that are left are cut.
 */
export class Shutdown {
  readonly #live: ReadonlySet<Closable>;
  readonly #timers: TimerQueue;
  /** Called when shutdown begins; each rejects a request that waits. */
  readonly whenClosing = new Set<() => void>();
  #isClosing = false;
  #result: Promise<CloseResult> | undefined;
  #onSessionEnd: ((event: SessionCloseEvent) => void) | undefined;

  constructor(live: ReadonlySet<Closable>, timers: TimerQueue) {
    this.#live = live;
    this.#timers = timers;
  }

  /** Whether `close()` was called: no more sessions, and no more kept-alive connections. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /**
   * Closes every session and lets no more in. Called again, it returns the first promise.
   *
   * @returns rejects as `session.close()` throws, for a code or reason that cannot be sent
   */
  close(code: number, reason: string, timeout: number): Promise<CloseResult> {
    this.#isClosing = true;
    for (const rejectAsClosing of this.whenClosing) {
      rejectAsClosing();
    }
    if (this.#result === undefined) {
      // Known before any session is closed: a listener of the application may call `router.close()`, too.
      const { promise, resolve, reject } = promiseWithResolvers<CloseResult>();
      this.#result = promise;
      try {
        this.#closeAll(code, reason, timeout, resolve);
      } catch (error) {
        reject(error);
      }
    }
    return this.#result;
  }

  /** A session has ended, and is no longer among the live ones. */
  sessionEnded(event: SessionCloseEvent): void {
    this.#onSessionEnd?.(event);
  }

  #closeAll(code: number, reason: string, timeout: number, settle: (result: CloseResult) => void): void {
    let closed = 0;
    let flushed = 0;
    const cutAll = () => {
      for (const session of this.#live) {
        session.terminate();
      }
    };
    const timer = new DeadlineTimer(this.#timers, inContext({ onTimer: cutAll }));
    timer.limit(timeout);
    const check = () => {
      if (this.#live.size === 0) {
        timer.clear();
        // After the close events, which are emitted in a tick of their own.
        process.nextTick(settle, { closed, flushed, dropped: closed - flushed });
      }
    };
    this.#onSessionEnd = ({ wasClean }) => {
      closed += 1;
      flushed += wasClean ? 1 : 0;
      check();
    };
    for (const session of this.#live) {
      session.close(code, reason);
    }
    check();
  }
}
