// Tests how often an isolate reads the same entry of the key-value store. The tests set the time of an emulated clock.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isQuarantined } from "../src/quarantine";
import { NO_REVOCATIONS } from "../src/revocations";
import { entitlementOf, type Sources } from "../src/tokens";

const REQUESTS = 32;

/** Emulates a key-value store, and counts the reads of each entry. Each read takes one turn of the event loop. */
function emulated(entries: Map<string, string>) {
  const reads = new Map<string, number>();
  const state = { fails: false };
  const running: Promise<unknown>[] = [];
  const get = async (name: string): Promise<string | null> => {
    reads.set(name, (reads.get(name) ?? 0) + 1);
    await new Promise((done) => setImmediate(done));
    if (state.fails) throw new Error("500");
    return entries.get(name) ?? null;
  };
  const sources: Sources = {
    store: { get } as unknown as KVNamespace,
    api: undefined,
    revocations: Promise.resolve(NO_REVOCATIONS),
    waitUntil: (work) => void running.push(work),
  };
  const settled = async (): Promise<void> => void (await Promise.all(running.splice(0)));
  return { reads, state, sources, settled };
}

function entry(principal: string): string {
  return JSON.stringify({ version: 1, principal, expires: 4_000_000_000, grants: ["npm:*:pull"] });
}

test("when a token's entry must be read again, one of many requests reads it", async () => {
  const entries = new Map([["token:a", entry("alice")]]);
  const { reads, sources, settled } = emulated(entries);
  await entitlementOf("a", sources, 0);
  for (let now = 100; now <= 30_000; now += 100) {
    const found = await Promise.all(Array.from({ length: REQUESTS }, () => entitlementOf("a", sources, now)));
    assert.deepEqual(new Set(found.map((each) => each?.principal)), new Set(["alice"]));
    await settled();
  }
  assert.equal(reads.get("token:a"), 1 + 30_000 / 1_500);
});

test("a removed token is refused after 2 s, whether requests come all the time or not", async () => {
  for (const pause of [100, 1_900, 2_000]) {
    const entries = new Map([[`token:${pause}`, entry("alice")]]);
    const { sources, settled } = emulated(entries);
    assert.notEqual(await entitlementOf(String(pause), sources, 0), undefined);
    entries.clear();
    for (let now = pause; now < 2_000; now += pause) {
      await entitlementOf(String(pause), sources, now);
      await settled();
    }
    assert.equal(await entitlementOf(String(pause), sources, 2_000), undefined);
  }
});

test("a token that is issued just after a client has tried it works within 2 s, also if requests come all the time", async (t) => {
  const issued = new Set<string>();
  t.mock.method(globalThis, "fetch", async (_: string, { body }: RequestInit) => {
    const { digest } = JSON.parse(String(body)) as { digest: string };
    return issued.has(digest) ? new Response(entry("alice")) : new Response("", { status: 404 });
  });
  for (const pause of [100, 1_900, 2_000]) {
    const digest = `new-${pause}`;
    // The emulated store never shows the token. Workers KV can behave in this way: when a read finds no entry, reads in
    // the next 30 s may not see a new entry.
    const { sources, settled } = emulated(new Map());
    const asking = { ...sources, api: { url: "https://api.test/", key: "k" } };
    assert.equal(await entitlementOf(digest, asking, 0), undefined);
    issued.add(digest);
    for (let now = pause; now < 2_000; now += pause) {
      await entitlementOf(digest, asking, now);
      await settled();
    }
    assert.equal((await entitlementOf(digest, asking, 2_000))?.principal, "alice");
  }
});

test("while the store fails, an entry is used for 2 s and no longer", async () => {
  const { sources, state, settled } = emulated(new Map([["token:b", entry("alice")]]));
  await entitlementOf("b", sources, 0);
  state.fails = true;
  for (let now = 100; now < 2_000; now += 100) {
    assert.notEqual(await entitlementOf("b", sources, now), undefined);
    await settled();
  }
  await assert.rejects(entitlementOf("b", sources, 2_000), /entitlements cannot be checked/);
});

test("when the list of withdrawals must be read again, one of many requests reads it, and all apply it within 2 s", async () => {
  const entries = new Map<string, string>();
  const { reads, sources, settled } = emulated(entries);
  await isQuarantined("npm/a", sources, 0);
  for (let now = 100; now <= 30_000; now += 100) {
    if (now === 15_000) entries.set("quarantine", JSON.stringify({ version: 1, keys: ["npm/a"] }));
    const found = await Promise.all(Array.from({ length: REQUESTS }, () => isQuarantined("npm/a", sources, now)));
    if (now < 15_000 || now >= 17_000) assert.deepEqual(new Set(found), new Set([now > 15_000]));
    await settled();
  }
  assert.equal(reads.get("quarantine"), 1 + 30_000 / 1_500);
});
