// Limits how long requests wait for an answer. All requests of an isolate share a few timers, because a timer for each
// request takes a twentieth of the processor time of a hit in L1, the cache at the edge.
//
// The runtime cancels a timer when the request that started the timer ends. The next request that begins to wait then
// ends all waits that have reached the limit, and starts a new timer. If the isolate gets no further request, a request
// can therefore wait longer than the limit.

import type { Clock } from "./hedging";

interface Wait {
  until: number;
  expire: () => void;
}

export class SharedLimit {
  // All waits that have not ended, in the order in which they expire: a Set iterates in the order of insertion, and all
  // waits have the same time limit.
  readonly #waits = new Set<Wait>();
  #nextCheck = -Infinity;

  /**
   * `limit` is how long a request may wait, in milliseconds. While requests wait, the isolate checks every `period`
   * milliseconds which requests have reached the limit.
   */
  constructor(
    private readonly limit: number,
    private readonly period: number,
    private readonly clock: Clock,
  ) {}

  /**
   * Starts a wait for an answer. If the wait lasts longer than the limit, the next check for expired waits calls
   * `expire`. When the answer arrives, the caller must call the returned function, which ends the wait without a call
   * of `expire`.
   */
  start(expire: () => void): () => void {
    const now = this.clock.now();
    const wait = { until: now + this.limit, expire };
    this.#waits.add(wait);
    if (now >= this.#nextCheck) this.#check(now);
    return () => void this.#waits.delete(wait);
  }

  #check(now: number): void {
    for (const wait of this.#waits) {
      if (wait.until > now) break;
      this.#waits.delete(wait);
      wait.expire();
    }
    if (this.#waits.size === 0) return;
    this.#nextCheck = now + this.period;
    this.clock.after(this.period, () => {
      const then = this.clock.now();
      // Another request may already have made this check in the meantime, and started the next timer.
      if (then >= this.#nextCheck) this.#check(then);
    });
  }
}
