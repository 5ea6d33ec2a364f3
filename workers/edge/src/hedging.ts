// Sends a request to one server, and the same request to further servers until one answers. The next request starts
// when the previous one fails or takes longer than usual (a hedged request). The function returns the first answer and
// aborts the other requests.
//
// Source: Dean and Barroso, "The Tail at Scale", Communications of the ACM 56 (2), "Hedged requests".

import type { SharedLimit } from "./shared_limit";

/** An attempt to get an answer from one server. Each attempt is started at most once. */
export interface Attempt<T> {
  /**
   * A function that sends a request to the server. The promise resolves to the answer. If the server returns no usable
   * answer, the promise resolves to undefined or rejects.
   */
  start: (signal: AbortSignal) => Promise<T | undefined>;
  hedgeAfter: number; // milliseconds without an answer after which the next attempt starts
  limit: number; // milliseconds without an answer after which the attempt fails
  /**
   * A function that is called when the attempt ends. Its arguments are the attempt's outcome and the duration in
   * milliseconds.
   */
  ended: (outcome: Outcome, milliseconds: number) => void;
}

/** The outcome of an attempt. `lost` means that the server of another attempt answered first. */
export type Outcome = "answered" | "failed" | "lost";

export interface Clock {
  now: () => number;
  /** Calls `act` after a number of milliseconds. The returned function cancels this call. */
  after: (milliseconds: number, act: () => void) => () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (milliseconds, act) => {
    const timer = setTimeout(act, milliseconds);
    return () => clearTimeout(timer);
  },
};

/**
 * Returns the answer to a request. Returns undefined if the request fails, or if no answer arrives within the time
 * limit. The function passes an answer that arrives later to `discard`. It does not abort the request, because an abort
 * needs an AbortSignal for each request. An AbortSignal takes much processor time even if the answer arrives in time.
 */
export function answerWithin<T>(
  limit: SharedLimit,
  start: () => Promise<T | undefined>,
  discard: (answer: T) => void,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    let isLate = false;
    const cancel = limit.start(() => {
      isLate = true;
      resolve(undefined);
    });
    const end = (answer: T | undefined): void => {
      if (isLate) {
        if (answer !== undefined) discard(answer);
        return;
      }
      cancel();
      resolve(answer);
    };
    start().then(end, () => end(undefined));
  });
}

/**
 * Runs the attempts and returns the first answer, or undefined when all attempts fail. `discard` is called with each
 * later answer.
 */
export function firstAnswer<T>(
  attempts: readonly Attempt<T>[],
  discard: (answer: T) => void,
  clock: Clock,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    const waiting = [...attempts];
    const running = new Set<(outcome: Outcome) => void>();
    let cancelHedge = (): void => undefined;

    const finish = (answer: T | undefined): void => {
      waiting.length = 0;
      cancelHedge();
      for (const end of [...running]) end("lost");
      resolve(answer);
    };
    const startNext = (): void => {
      cancelHedge();
      const attempt = waiting.shift();
      if (attempt === undefined) return running.size === 0 ? finish(undefined) : undefined;
      const end = run(attempt);
      running.add(end);
      if (waiting.length > 0) cancelHedge = clock.after(attempt.hedgeAfter, startNext);
    };
    const run = (attempt: Attempt<T>): ((outcome: Outcome) => void) => {
      const controller = new AbortController();
      const started = clock.now();
      const end = (outcome: Outcome): void => {
        if (!running.delete(end)) return;
        cancelLimit();
        if (outcome !== "answered") controller.abort();
        attempt.ended(outcome, clock.now() - started);
        if (outcome === "failed") startNext();
      };
      const cancelLimit = clock.after(attempt.limit, () => end("failed"));
      const take = (answer: T | undefined): void => {
        if (!running.has(end)) {
          if (answer !== undefined) discard(answer);
        } else if (answer === undefined) {
          end("failed");
        } else {
          end("answered");
          finish(answer);
        }
      };
      attempt.start(controller.signal).then(take, () => end("failed"));
      return end;
    };
    startNext();
  });
}
