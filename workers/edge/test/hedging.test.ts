// Unit tests of hedged requests, with a fake clock that the tests advance.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Attempt, firstAnswer, type Outcome } from "../src/hedging";
import { FakeClock } from "./clock";

/** Emulates servers that answer after some milliseconds, fail at once ("fails") or never answer ("silent"). */
function race(...places: (number | "fails" | "silent")[]) {
  const clock = new FakeClock();
  // each entry has the index of a server, and the time at which the request to this server started
  const started: [number, number][] = [];
  const ended: [number, Outcome, number][] = [];
  const aborted: number[] = [];
  const discarded: number[] = [];
  const attempts = places.map((place, index): Attempt<number> => ({
    start: (signal) => {
      started.push([index, clock.now()]);
      signal.addEventListener("abort", () => aborted.push(index));
      if (place === "fails") return Promise.reject(new Error("refused"));
      return new Promise((done) => place !== "silent" && clock.after(place, () => done(index)));
    },
    hedgeAfter: 300,
    limit: 2_000,
    ended: (outcome, milliseconds) => ended.push([index, outcome, milliseconds]),
  }));
  const result: { answer?: number | undefined } = {};
  void firstAnswer(attempts, (answer) => discarded.push(answer), clock).then((answer) => {
    result.answer = answer;
  });
  return { clock, started, ended, aborted, discarded, result };
}

test("a place that answers in time is the only one that gets a request", async () => {
  const { clock, started, ended, aborted, result } = race(299, 10);
  await clock.advance(10_000);
  assert.deepEqual([result, started, aborted], [{ answer: 0 }, [[0, 0]], []]);
  assert.deepEqual(ended, [[0, "answered", 299]]);
  assert.equal(clock.pending, 0);
});

test("a slow place gets a competitor, and the first answer aborts the slower request", async () => {
  const { clock, started, ended, aborted, discarded, result } = race(1_000, 50, 50);
  await clock.advance(350);
  assert.deepEqual([result, started], [{ answer: 1 }, [[0, 0], [1, 300]]]);
  assert.deepEqual(ended, [[1, "answered", 50], [0, "lost", 350]]);
  assert.deepEqual(aborted, [0]);
  await clock.advance(10_000);
  // Server 0 answers after the faster answer of server 1 was used. The late answer is discarded.
  assert.deepEqual([started.length, discarded], [2, [0]]);
});

test("a slow place that answers before its competitor wins", async () => {
  const { clock, ended, aborted, result } = race(310, 50);
  await clock.advance(10_000);
  assert.deepEqual([result, aborted], [{ answer: 0 }, [1]]);
  assert.deepEqual(ended, [[0, "answered", 310], [1, "lost", 10]]);
});

test("a place that fails gets a competitor at once", async () => {
  const { clock, started, ended, result } = race("fails", 50);
  await clock.advance(50);
  assert.deepEqual([result, started], [{ answer: 1 }, [[0, 0], [1, 0]]]);
  assert.deepEqual(ended, [[0, "failed", 0], [1, "answered", 50]]);
});

test("silent places are aborted at their limits, and nothing stays behind", async () => {
  const { clock, started, ended, aborted, result } = race("silent", "silent", "silent");
  await clock.advance(2_599);
  assert.deepEqual(started, [[0, 0], [1, 300], [2, 600]]);
  assert.deepEqual([aborted, "answer" in result], [[0, 1], false]);
  await clock.advance(1);
  assert.deepEqual([aborted, "answer" in result, result.answer], [[0, 1, 2], true, undefined]);
  assert.deepEqual(ended.map(([, outcome, milliseconds]) => [outcome, milliseconds]), Array(3).fill(["failed", 2_000]));
  assert.equal(clock.pending, 0);
});

test("without places there is no answer", async () => {
  const { clock, result } = race();
  await clock.advance(0);
  assert.deepEqual(Object.keys(result), ["answer"]);
});
