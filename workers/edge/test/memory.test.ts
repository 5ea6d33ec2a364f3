// Tests that the worker answers requests for popular immutable objects from the memory of its isolate. The objects must
// not exceed the memory limits, and only clients with permission to read an object may get it.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { beforeEach, test } from "node:test";
import { gzipSync } from "node:zlib";

import fc from "fast-check";

import { Memory, memoryLimitsIn } from "../src/memory";
import { bearer, edge, grant, l1Requests, moreBindings, PURGE_KEY, revocations, stub } from "./edge";

const LIMITS = { bytes: 10_000, object_bytes: 3_000 };
moreBindings.set("MEMORY", JSON.stringify(LIMITS));

const fileOf = (name: string): string => `/npm/${name}/-/${name}-1.0.0.tgz`;
const IMMUTABLE = "public, max-age=31536000, immutable";

/**
 * Makes the stub of the shields (regional caches) answer each request with this body, this Cache-Control and the
 * headers in `more`.
 */
function serve(body: string | Buffer, caching: string, more: Record<string, string> = {}): void {
  const headers = { "cache-control": caching, "content-length": body.length, "x-cache": "shield; hit", "server-timing": "shield;dur=5", etag: '"1"' };
  stub.shield = (_, response) => void response.writeHead(200, { ...headers, ...more }).end(body);
}

async function get(path: string, token = "reader", headers: Record<string, string> = {}): Promise<[number, string | null, string]> {
  const answer = await fetch(edge + path, { headers: { ...bearer(token), ...headers } });
  return [answer.status, answer.headers.get("x-cache"), await answer.text()];
}

/** Requests a path until the isolate answers from memory. Returns the number of requests before this answer. */
async function warm(path: string): Promise<number> {
  const end = Date.now() + 120_000;
  for (let count = 0; ; count += 1) {
    const [, verdict, body] = await get(path);
    assert.equal(body, "tarball");
    if (verdict === "memory; hit") return count;
    assert.ok(Date.now() < end, `the object does not come from memory: ${verdict}`);
  }
}

beforeEach(() => {
  grant("reader", ["npm:*:pull"]);
  serve("tarball", IMMUTABLE);
});

test("a small immutable object that is requested often is answered from memory, with the same headers", async () => {
  const first = await fetch(edge + fileOf("a"), { headers: bearer("reader") });
  assert.equal(await first.text(), "tarball");
  await warm(fileOf("a"));
  assert.ok(l1Requests.length > 0);
  l1Requests.length = 0;
  const next = await fetch(edge + fileOf("a"), { headers: bearer("reader") });
  assert.deepEqual([await next.text(), next.headers.get("x-cache")], ["tarball", "memory; hit"]);
  for (const name of ["etag", "cache-control", "content-length", "accept-ranges"]) {
    assert.equal(next.headers.get(name), first.headers.get(name), name);
  }
  assert.match(next.headers.get("server-timing") ?? "", /^edge;dur=\d+$/);
  assert.deepEqual(l1Requests, []);
});

test("the first request for an object does not bring it into memory", async () => {
  assert.equal((await get(fileOf("g")))[1], "shield; hit");
  assert.equal((await get(fileOf("g")))[1], "shield; hit");
});

test("an object in memory still requires a token and a grant", async () => {
  await warm(fileOf("b"));
  grant("stranger", ["npm:other:pull"]);
  assert.equal((await get(fileOf("b"), "stranger"))[0], 403);
  assert.equal((await get(fileOf("b"), "never-issued"))[0], 401);
});

test("documents, large or encoded objects, and ranges are not answered from memory", async () => {
  serve('{"name":"c"}', "public, max-age=5");
  for (let turn = 0; turn < 4; turn += 1) assert.equal((await get("/npm/c"))[1], "shield; hit");
  serve("x".repeat(LIMITS.object_bytes + 1), IMMUTABLE);
  for (let turn = 0; turn < 4; turn += 1) assert.equal((await get(fileOf("large")))[1], "shield; hit");
  serve(gzipSync("tarball"), IMMUTABLE, { "content-encoding": "gzip" });
  for (let turn = 0; turn < 4; turn += 1) assert.deepEqual(await get(fileOf("encoded")), [200, "shield; hit", "tarball"]);
  serve("tarball", IMMUTABLE);
  await warm(fileOf("d"));
  assert.deepEqual(await get(fileOf("d"), "reader", { range: "bytes=0-2" }), [206, "shield; hit", "tar"]);
});

test("a withdrawn object is refused although it is in memory", async () => {
  await warm(fileOf("e"));
  revocations.objects.push("npm/e/-/e-1.0.0.tgz");
  const end = Date.now() + 120_000;
  for (let status = 200; status !== 410; [status] = await get(fileOf("e"))) {
    assert.ok(Date.now() < end, `the withdrawal has no effect: ${status}`);
    await new Promise((done) => setTimeout(done, 50));
  }
});

test("a purge empties the memory of the isolate that handles it", async () => {
  await warm(fileOf("f"));
  const body = JSON.stringify({ keys: ["npm/other"] });
  const time = Math.floor(Date.now() / 1000);
  const signature = `t=${time},v1=${createHmac("sha256", PURGE_KEY).update(`${time}.${body}`).digest("hex")}`;
  const purged = await fetch(`${edge}/-/purge`, { method: "POST", body, headers: { "x-artifact-edge-signature": signature } });
  assert.equal(purged.status, 200);
  assert.equal((await get(fileOf("f")))[1], "shield; hit");
});

test("whatever is kept, memory stays within its limit, and no object is used for longer than 4 s", () => {
  const limits = memoryLimitsIn(JSON.stringify({ bytes: 20_000, object_bytes: 9_000 }))!;
  const step = fc.record({ key: fc.constantFrom("a", "b", "c", "d", "e", "f"), size: fc.nat(9_000), wait: fc.nat(3_000) });
  fc.assert(fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
    const memory = new Memory();
    const kept = new Map<string, { at: number; size: number }>();
    let now = 0;
    for (const { key, size, wait } of steps) {
      now += wait;
      const found = memory.response(key, now);
      if (found !== undefined) {
        assert.ok(now - kept.get(key)!.at < 4_000);
        assert.equal(found.headers.get("content-length"), String(kept.get(key)!.size));
      }
      memory.keep(key, { "content-length": String(size) }, new ArrayBuffer(size), limits, now);
      kept.set(key, { at: now, size });
      assert.ok(memory.bytes <= limits.bytes);
    }
    memory.clear();
    assert.equal(memory.bytes, 0);
  }));
});

test("an object counts as often requested only if the requests are close together", () => {
  const memory = new Memory();
  assert.deepEqual([0, 20_000, 25_000, 30_000].map((time) => memory.isHot("a", time)), [false, false, true, true]);
});

test("the memory tier is off without a binding", () => {
  assert.equal(memoryLimitsIn(undefined), undefined);
});
