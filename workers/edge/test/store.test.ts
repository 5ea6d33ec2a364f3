// Unit tests of how the worker reads the key-value store, with a fake clock that the tests advance.

import assert from "node:assert/strict";
import { test } from "node:test";
import { StoreReader } from "../src/store";
import { FakeClock } from "./clock";

/**
 * Emulates a key-value store, and counts its reads. Depending on `mode`, the store answers, fails, or never answers.
 */
function emulatedStore() {
  const state = { mode: "works" as "works" | "fails" | "silent", reads: 0 };
  const get = (): Promise<string> => {
    state.reads += 1;
    if (state.mode === "silent") return new Promise(() => undefined);
    return state.mode === "fails" ? Promise.reject(new Error("500")) : Promise.resolve("text");
  };
  const clock = new FakeClock();
  const reader = new StoreReader(clock);
  const read = (): Promise<string | null> => reader.text({ get }, "name");
  const fails = async (): Promise<void> => {
    const refused = assert.rejects(read());
    await clock.advance(1_000);
    await refused;
  };
  return { state, clock, read, fails };
}

test("a read without an answer fails after a second, and no timer stays behind", async () => {
  const { state, clock, read } = emulatedStore();
  assert.equal(await read(), "text");
  assert.equal(clock.pending, 0);
  state.mode = "silent";
  const refused = assert.rejects(read(), /does not answer within 1000 ms/);
  await clock.advance(1_000);
  await refused;
  assert.equal(clock.pending, 0);
});

test("after three reads without an answer the store is left alone, and one read tries it again", async () => {
  const { state, clock, read, fails } = emulatedStore();
  state.mode = "silent";
  for (let count = 0; count < 3; count++) await fails();
  await assert.rejects(read(), /did not answer recently/);
  assert.equal(state.reads, 3);
  await clock.advance(5_000);
  const tries = Promise.allSettled([read(), read()]);
  await clock.advance(1_000);
  assert.deepEqual((await tries).map(({ status }) => status), ["rejected", "rejected"]);
  assert.equal(state.reads, 4);
  state.mode = "works";
  await clock.advance(10_000);
  assert.equal(await read(), "text");
  assert.equal(await read(), "text");
});

test("one slow read, and a store that answers with errors, are no reason to leave the store alone", async () => {
  const { state, read, fails } = emulatedStore();
  state.mode = "silent";
  await fails();
  await fails();
  state.mode = "works";
  assert.equal(await read(), "text");
  state.mode = "silent";
  await fails();
  await fails();
  state.mode = "fails";
  for (let count = 0; count < 10; count++) await assert.rejects(read(), /500/);
  assert.equal(state.reads, 15);
});
