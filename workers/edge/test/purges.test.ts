// Tests purges of L1, the cache at the edge. The tests check who may request a purge, and which tags a purge request
// may name. They also check how the worker reports that a request exceeds a limit of Workers Cache.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import { bearer, edge, grant, miss, PURGE_KEY, purges, stub } from "./edge";

const now = (): number => Math.floor(Date.now() / 1000);

function signature(body: string, key = PURGE_KEY, time = now()): string {
  return `t=${time},v1=${createHmac("sha256", key).update(`${time}.${body}`).digest("hex")}`;
}

function purge(body: string, signed = signature(body)): Promise<Response> {
  return fetch(`${edge}/-/purge`, { method: "POST", body, headers: { "x-artifact-edge-signature": signed } });
}

const of = (...keys: string[]): string => JSON.stringify({ keys });

/** Requests an object, and returns the cache tags with which the cache stores it. */
async function tagsOf(path: string): Promise<string[]> {
  let tags = "";
  stub.l1 = (request, response) => miss(request, response, (answer) => { tags = String(answer.headers["cache-tag"]); });
  assert.equal((await fetch(edge + path, { headers: bearer("reader") })).status, 200);
  return tags.split(",");
}

test("a purge names the tag with which the cache stores the object", async () => {
  grant("reader", ["npm:*:pull"]);
  const [keyTag] = await tagsOf("/npm/@acme/web/-/web-1.0.0.tgz");
  const answer = await purge(of("npm/@acme/web/-/web-1.0.0.tgz"));
  assert.deepEqual([answer.status, await answer.text()], [200, "purged\n"]);
  assert.deepEqual(purges, [{ cache: "/edge/1/Objects", tags: [keyTag] }]);
});

test("each object has its own tag, and all objects of a package have one in common", async () => {
  grant("reader", ["npm:*:pull"]);
  const [[one, packageOfOne], [two, packageOfTwo], [, packageOfOther]] = [
    await tagsOf("/npm/@acme/web/-/web-1.0.0.tgz"),
    await tagsOf("/npm/@acme/web"),
    await tagsOf("/npm/@acme/web2"),
  ];
  assert.notEqual(one, two);
  assert.equal(packageOfOne, packageOfTwo);
  assert.notEqual(packageOfOne, packageOfOther);
  for (const tag of [one, packageOfOne]) assert.match(String(tag), /^[a-z]+-[0-9a-f]{64}$/);
});

test("a purge of a package or of a worker version names the tag that the objects have in common", async () => {
  grant("reader", ["npm:*:pull"]);
  const [, packageTag, versionTag] = await tagsOf("/npm/@acme/web/-/web-1.0.0.tgz");
  const [, otherPackage, sameVersion] = await tagsOf("/npm/left-pad");
  assert.notEqual(packageTag, otherPackage);
  assert.equal(versionTag, sameVersion);
  for (const [body, tag] of [
    [{ packages: ["npm:@acme/web"] }, packageTag],
    [{ versions: ["the-version"] }, versionTag],
  ] as const) {
    purges.length = 0;
    assert.equal((await purge(JSON.stringify(body))).status, 200);
    assert.deepEqual(purges.map(({ tags }) => tags), [[tag]]);
  }
});

test("a purge that the registry did not sign within a minute is 403", async () => {
  const body = of("npm/web/packument.json");
  for (const signed of [
    "",
    signature(body, "another-key"),
    signature(of("npm/web2/packument.json")),
    signature(body, PURGE_KEY, now() - 90),
    signature(body, PURGE_KEY, now() + 90),
    signature(body).toUpperCase(),
  ]) {
    assert.equal((await purge(body, signed)).status, 403, signed);
  }
  assert.equal((await fetch(`${edge}/-/purge`, { method: "POST", body })).status, 403);
  assert.deepEqual(purges, []);
});

test("a purge of no keys, of more than 100, or of anything else is 400", async () => {
  const many = Array.from({ length: 101 }, (_, number) => `npm/p${number}/packument.json`);
  for (const body of ["", "{}", "[]", "null", of(), of(...many), '{"keys": [1]}', '{"tags": ["a"]}', '{"keys": ["a"], "packages": ["npm:a"]}', '{"toString": ["a"]}', '{"keys": "npm/web"}']) {
    assert.equal((await purge(body)).status, 400, body);
  }
  assert.equal((await purge(of(...many.slice(1)))).status, 200);
  assert.equal(purges.length, 1);
});

test("a purge with more bytes than 100 keys have is 413 with any signature", async () => {
  const large = of("k".repeat(300_000));
  for (const signed of ["", signature(large)]) assert.equal((await purge(large, signed)).status, 413);
  const stream = new Blob([of("npm/web")]).stream();
  const unknown = await fetch(`${edge}/-/purge`, { method: "POST", body: stream, duplex: "half" } as RequestInit);
  assert.equal(unknown.status, 413);
  assert.deepEqual(purges, []);
});

test("a purge beyond the cache's rate is 429 with the time to wait", async () => {
  stub.purged = { success: false, errors: [{ code: 1134, message: "Unable to purge, rate limit reached." }] };
  const answer = await purge(of("npm/web/packument.json"));
  assert.deepEqual([answer.status, answer.headers.get("retry-after")], [429, "12"]);
});

test("a purge that the cache refuses is 502 with the cache's error code", async () => {
  stub.purged = { success: false, errors: [{ code: 1092, message: "invalid" }] };
  const answer = await purge(of("npm/web/packument.json"));
  assert.deepEqual([answer.status, await answer.text()], [502, "the cache refuses the purge: 1092\n"]);
});

test("purges are POST requests only", async () => {
  const answer = await fetch(`${edge}/-/purge`);
  assert.deepEqual([answer.status, answer.headers.get("allow")], [405, "POST"]);
});
