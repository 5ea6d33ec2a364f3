// A clock for tests. Its time changes only when a test changes it.

import type { Clock } from "../src/hedging";

export class FakeClock implements Clock {
  #now = 0;
  readonly #timers: { at: number; act: () => void }[] = [];
  readonly now = (): number => this.#now;
  readonly after = (milliseconds: number, act: () => void): (() => void) => {
    const timer = { at: this.#now + milliseconds, act };
    this.#timers.push(timer);
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index >= 0) this.#timers.splice(index, 1);
    };
  };

  get pending(): number {
    return this.#timers.length;
  }

  /** Moves the clock forward, and runs all timers that are due, in order. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await settled();
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#now = next.at;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      next.act();
      await settled();
    }
    this.#now = end;
  }
}

const settled = (): Promise<void> => new Promise((done) => setImmediate(done));
