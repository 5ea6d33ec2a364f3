// Tests how long L1, the cache at the edge, uses a prefetched document.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { prefetchedLifetime } from "../src/prefetched_lifetime";

test("a prefetched document is fresh for longer, and stale for as much less", () => {
  assert.equal(
    prefetchedLifetime("public, max-age=5, stale-while-revalidate=60, stale-if-error=86400"),
    "public, max-age=20, stale-while-revalidate=45, stale-if-error=86400",
  );
});

test("an object that never changes keeps its lifetime, as does one that a cache may not store or use while it is stale", () => {
  for (const caching of ["public, max-age=31536000, immutable", "public, max-age=5", "no-store", "", "stale-while-revalidate=60"]) {
    assert.equal(prefetchedLifetime(caching), caching);
  }
});

test("L1 never uses a copy for longer than the origin allows, fresh and stale together", () => {
  const seconds = (caching: string, name: string): number => Number(new RegExp(`${name}=(\\d+)`).exec(caching)?.[1] ?? 0);
  const directives = fc.record({ fresh: fc.nat(100), stale: fc.option(fc.nat(100), { nil: undefined }), onError: fc.nat(100) });
  fc.assert(fc.property(directives, ({ fresh, stale, onError }) => {
    const directive = stale === undefined ? "" : `, stale-while-revalidate=${stale}`;
    const longer = prefetchedLifetime(`public, max-age=${fresh}${directive}, stale-if-error=${onError}`);
    const [max, after] = [seconds(longer, "max-age"), seconds(longer, "stale-while-revalidate")];
    assert.equal(max + after, fresh + (stale ?? 0));
    assert.ok(max >= fresh && max <= Math.max(fresh, 20));
    assert.equal(seconds(longer, "stale-if-error"), onError);
  }));
});
