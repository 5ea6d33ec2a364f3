// Tests how the worker builds the headers for clients from the headers in the answer of L1, the cache at the edge.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { headersOf } from "../src/client_headers";
import { type ObjectRoute, route } from "../src/routes";

const IMMUTABLE = "public, max-age=31536000, immutable";

function routed(path: string, accept = ""): ObjectRoute {
  const found = route(new URL(path, "https://packages.test"), accept);
  assert.ok(found.kind === "object");
  return found;
}

/** Returns the headers of the response to a client when L1, the edge's cache, answers with the headers in `given`. */
function headersFor(wanted: ObjectRoute, given: Record<string, string>, milliseconds = 0, status = 200): Record<string, string> {
  return headersOf(wanted, { headers: new Headers(given), status }, milliseconds);
}

const HIT = { "cf-cache-status": "HIT", "cache-control": IMMUTABLE, "content-length": "7", "server-timing": "shield;dur=250", age: "3" };

test("the Server-Timing of a hit tells of the hit, and that of a miss tells of all tiers", () => {
  const wanted = routed("/npm/timed/-/timed-1.0.0.tgz");
  assert.equal(headersFor(wanted, { ...HIT, etag: '"1"' }, 2)["server-timing"], "edge;dur=2");
  const miss = { "cache-control": IMMUTABLE, "server-timing": "shield;dur=250", "x-cache": "shield; hit", etag: '"1"' };
  assert.equal(headersFor(wanted, miss, 251)["server-timing"], "shield;dur=250, edge;dur=251");
});

test("an answer has the headers of L1's answer, private caching, and the tier that answered", () => {
  const paths = ["/npm/a/-/a-1.0.0.tgz", "/npm/b/-/b-1.0.0.tgz", "/npm/a", "/pypi/files/a/a-1.whl", `/v2/a/blobs/sha256:${"a".repeat(64)}`];
  const answer = fc.record({
    path: fc.constantFrom(...paths),
    etag: fc.constantFrom(undefined, '"1"', '"2"'),
    verdict: fc.constantFrom("HIT", "STALE", "MISS"),
    caching: fc.constantFrom(IMMUTABLE, "public, max-age=5"),
    modified: fc.constantFrom("Fri, 27 Nov 2026 10:00:00 GMT", "Fri, 27 Nov 2026 10:00:01 GMT"),
    isPredicted: fc.boolean(),
    age: fc.constantFrom(undefined, "0", "1"),
    milliseconds: fc.nat(2),
    status: fc.constantFrom(200, 206),
  });
  fc.assert(fc.property(answer, ({ path, etag, verdict, caching, modified, isPredicted, age, milliseconds, status }) => {
    // In this test, an object's size and media type depend only on its version, as with real objects at the origin.
    const size = String(1_000 + (etag ?? "").length + Date.parse(modified) % 60_000);
    const type = `application/${modified.slice(-6, -4)}${etag?.slice(1, 2) ?? ""}`;
    const given: Record<string, string> = {
      "cf-cache-status": verdict,
      "cache-control": path === "/npm/a" ? caching : IMMUTABLE,
      "content-length": size,
      "content-type": type,
      "last-modified": modified,
      "x-cache": "shield; hit",
      ...(etag === undefined ? {} : { etag }),
      ...(isPredicted ? { "x-artifact-edge-predicted": "1" } : {}),
      ...(age === undefined ? {} : { age }),
    };
    const wanted = routed(path);
    const expected: Record<string, string> = {
      "accept-ranges": "bytes",
      "cache-control": given["cache-control"]!.replace("public", "private"),
      "content-length": size,
      "content-type": type,
      "last-modified": modified,
      "server-timing": `edge;dur=${milliseconds}`,
      "x-cache": { HIT: isPredicted ? "edge; hit; predicted" : "edge; hit", STALE: "edge; stale", MISS: "shield; hit" }[verdict]!,
      ...(etag === undefined ? {} : { etag }),
      ...(age === undefined ? {} : { age }),
      ...(wanted.negotiated ? { vary: "Accept" } : {}),
      ...(wanted.digest === undefined
        ? {}
        : { "docker-content-digest": wanted.digest, "docker-distribution-api-version": "registry/2.0" }),
    };
    assert.deepEqual(headersFor(wanted, given, milliseconds, status), expected);
  }));
});
