// Tests the install ids that the edge worker sends to shields (regional caches). An install id is a pseudonym of a
// client. Some tests call the function that makes the ids, and others run the deployed bundle. In all tests, the stack
// logs installs, and prefetching is off.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { beforeEach, test } from "node:test";

import type { Bindings } from "../src/bindings";
import { installFlag, prefetchFlag } from "../src/installs";
import { bearer, edge, grant, l1Requests, moreBindings, shieldRequests, SIGNING_KEY } from "./edge";

declare global {
  // The test declares these types, because bindings.ts uses them. They belong to workerd, but TypeScript cannot load
  // workerd's type definitions together with those of Node.
  interface KVNamespace {
    get: (key: string) => Promise<string | null>;
  }
  interface RateLimit {
    limit: (options: { key: string }) => Promise<{ success: boolean }>;
  }
}

moreBindings.set("LOG_INSTALLS", "1");

const ON = { LOG_INSTALLS: "1", TOKEN_SIGNING_KEY: SIGNING_KEY } as unknown as Bindings;
const MINUTE = 60_000;
const NOON = Date.UTC(2026, 10, 27, 12);

beforeEach(() => {
  grant("reader", ["npm:*:pull"], 4_000_000_000, "alice@example.com");
  grant("second", ["npm:*:pull"], 4_000_000_000, "alice@example.com");
  grant("other", ["npm:*:pull"], 4_000_000_000, "bob");
});

const idOf = (principal: string, now: number, bindings = ON): string | undefined => installFlag(bindings, principal, now).install;

/**
 * Requests a new object with each token. Returns all install ids (pseudonyms of clients) that shields have received.
 */
async function idsOf(...tokens: string[]): Promise<unknown[]> {
  for (const [number, token] of tokens.entries()) {
    await (await fetch(`${edge}/npm/web/-/web-${number}.0.0.tgz`, { headers: bearer(token) })).arrayBuffer();
  }
  return shieldRequests.map(({ headers }) => headers["x-artifact-edge-install"]);
}

test("a principal has one id for ten minutes, with all its tokens", async () => {
  assert.match(idOf("alice", NOON) ?? "", /^[0-9a-f]{32}$/);
  assert.equal(idOf("alice", NOON), idOf("alice", NOON + 10 * MINUTE - 1));
  const slot = (): number => Math.floor(Date.now() / (10 * MINUTE));
  const begun = slot();
  let ids = await idsOf("reader", "second", "other");
  // An install id changes with each time slot of ten minutes. If a new slot has begun, all ids have changed.
  if (begun !== slot()) ids = (await idsOf("reader", "second", "other")).slice(-3);
  const [first, second, other] = ids;
  assert.match(String(first), /^[0-9a-f]{32}$/);
  assert.equal(first, second);
  assert.notEqual(first, other);
});

test("a principal's id differs between time slots, and two principals' ids differ", () => {
  const ids = Array.from({ length: 6 * 24 * 7 }, (_, slot) => idOf("alice", NOON + slot * 10 * MINUTE));
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(!ids.includes(idOf("bob", NOON)));
});

test("the id is secret without the key of the edge", () => {
  const here = idOf("alice", NOON);
  idOf("alice", NOON - 10 * MINUTE); // this call makes the worker forget all install ids
  assert.notEqual(here, idOf("alice", NOON, { ...ON, TOKEN_SIGNING_KEY: "another" }));
});

test("a shield gets no token, digest of one, name or address of the client", async () => {
  const address = "192.0.2.77";
  const headers = { ...bearer("reader"), "cf-connecting-ip": address, "x-forwarded-for": address };
  await (await fetch(`${edge}/npm/web/-/web-1.0.0.tgz`, { headers })).arrayBuffer();
  const [sent] = shieldRequests;
  assert.ok(sent?.headers["x-artifact-edge-install"] !== undefined);
  for (const secret of ["reader", "alice", address, createHash("sha256").update("reader").digest("hex").slice(0, 16)]) {
    assert.ok(!JSON.stringify([sent.path, sent.headers]).includes(secret), secret);
  }
});

test("the id is not part of L1's cache key", async () => {
  await idsOf("reader", "other");
  assert.deepEqual(l1Requests.map(({ path }) => path), ["/edge/1/Objects/objects/npm/web/-/web-0.0.0.tgz", "/edge/1/Objects/objects/npm/web/-/web-1.0.0.tgz"]);
});

test("without the binding, requests have neither an id nor the mark of a prefetch", () => {
  const off = { TOKEN_SIGNING_KEY: SIGNING_KEY } as unknown as Bindings;
  assert.deepEqual([installFlag(off, "alice", NOON), prefetchFlag(off)], [{}, {}]);
});
