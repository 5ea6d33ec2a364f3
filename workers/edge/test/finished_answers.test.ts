// Tests which objects L1, the cache at the edge, stores together with the headers that clients get. Also tests that a
// hit and a miss have the same headers, except for the headers that name the tier.

import assert from "node:assert/strict";
import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { beforeEach, test } from "node:test";

import { headersOf } from "../src/client_headers";
import { finishedHeaders } from "../src/finished_answers";
import { type ObjectRoute, route } from "../src/routes";
import { bearer, edge, grant, origin, shieldRequests, stub } from "./edge";

const IMMUTABLE = "public, max-age=31536000, immutable";
const DIGEST = `sha256:${"a".repeat(64)}`;
const FILE = "/npm/a/-/a-1.0.0.tgz";
const ARTIFACTS = [FILE, "/pypi/files/a/a-1.whl", `/v2/a/blobs/${DIGEST}`, `/v2/a/manifests/${DIGEST}`];
// The headers of the response of a shield (a regional cache) to a request for an immutable object.
const GIVEN = {
  "cache-control": IMMUTABLE,
  "content-length": "4",
  "content-type": "application/octet-stream",
  date: "Sat, 28 Nov 2026 02:00:00 GMT",
  etag: '"1"',
  "last-modified": "Sat, 28 Nov 2026 01:00:00 GMT",
  "server-timing": "shield;dur=3",
  "x-cache": "shield; hit",
};
// Headers that only L1, the cache at the edge, needs. The emulated cache does not remove all of them, so clients in
// this test may see some.
const OF_L1 = ["cf-cache-status", "date", "x-artifact-edge-below", "x-artifact-edge-below-timing"];
const OF_THE_TIER = ["server-timing", "x-cache"];

const stored = new Map<string, { headers: IncomingMessage["headers"]; body: Buffer }>();

/** Emulates Workers Cache: keeps each 200 response, and removes the headers that only the cache reads. */
function cached({ url = "", headers, method }: IncomingMessage, response: ServerResponse): void {
  const found = stored.get(url);
  if (found !== undefined) {
    response.writeHead(200, { ...found.headers, "cf-cache-status": "HIT", age: "7" }).end(found.body);
    return;
  }
  request({ port: origin, host: "127.0.0.1", path: url, method, headers }, async (answer) => {
    const parts: Buffer[] = [];
    for await (const part of answer) parts.push(part as Buffer);
    const { "transfer-encoding": _, "cache-tag": __, "cloudflare-cdn-cache-control": ___, ...kept } = answer.headers;
    const body = Buffer.concat(parts);
    if (answer.statusCode === 200) stored.set(url, { headers: kept, body });
    response.writeHead(answer.statusCode ?? 0, { ...kept, "cf-cache-status": "MISS" }).end(body);
  }).end();
}

function routed(path: string): ObjectRoute {
  const found = route(new URL(path, "https://packages.test"), "");
  assert.ok(found.kind === "object");
  return found;
}

function without(headers: Record<string, string>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}

async function headersAt(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Record<string, string>> {
  const answer = await fetch(edge + path, { method, headers: { ...bearer("reader"), ...headers } });
  await answer.arrayBuffer();
  return { ...Object.fromEntries(answer.headers), status: String(answer.status) };
}

beforeEach(() => {
  stored.clear();
  grant("reader", ["npm:*:pull", "pypi:*:pull", "oci:*:pull"]);
  stub.l1 = cached;
  stub.shield = (_, response) => void response.writeHead(200, { ...GIVEN, "x-amz-request-id": "internal" }).end("body");
});

test("L1 stores artifacts with the headers that the worker would make for a hit", () => {
  for (const path of ARTIFACTS) {
    const wanted = routed(path);
    for (const isPrefetch of [false, true]) {
      const finished = finishedHeaders(wanted.key, 200, new Headers(GIVEN), isPrefetch);
      assert.ok(finished !== undefined, path);
      const given = { ...GIVEN, ...(isPrefetch ? { "x-artifact-edge-predicted": "1" } : {}), "cf-cache-status": "HIT" };
      const made = headersOf(wanted, { status: 200, headers: new Headers(given) }, 0);
      const internal = [...OF_L1, "cloudflare-cdn-cache-control", "x-artifact-edge-predicted"];
      assert.deepEqual(without(finished, [...internal, "server-timing"]), without(made, ["server-timing"]));
      assert.equal(finished["cloudflare-cdn-cache-control"], IMMUTABLE);
    }
  }
});

test("L1 stores documents, objects with metadata and objects that may change as the shield sends them", () => {
  const documents = ["npm/a/packument.json", "pypi/simple/a/index.json", "oci/taglists/a/list.json", "edge-policies/a.json"];
  for (const key of documents) assert.equal(finishedHeaders(key, 200, new Headers(GIVEN), false), undefined, key);
  const { key } = routed(FILE);
  for (const [name, value] of [["cache-control", "public, max-age=5"], ["x-amz-meta-next", "1"], ["x-amz-meta-revision", "1"]]) {
    assert.equal(finishedHeaders(key, 200, new Headers({ ...GIVEN, [name!]: value! }), false), undefined, name);
  }
});

test("a hit has the headers of the miss before, but for those of the tier", async () => {
  for (const path of ARTIFACTS) {
    const [miss, hit] = [await headersAt(path), await headersAt(path)];
    assert.equal(shieldRequests.length, 1, path);
    shieldRequests.length = 0;
    assert.deepEqual([miss["x-cache"], hit["x-cache"]], ["shield; hit", "edge; hit"]);
    assert.match(miss["server-timing"] ?? "", /^shield;dur=3, edge;dur=\d+$/);
    assert.deepEqual([hit["server-timing"], hit["age"]], ["edge;desc=hit", "7"]);
    assert.equal(hit["cache-control"], "private, max-age=31536000, immutable");
    assert.deepEqual(without(hit, [...OF_L1, ...OF_THE_TIER, "age"]), without(miss, [...OF_L1, ...OF_THE_TIER]));
  }
});

test("ranges, conditions and HEAD requests for a stored artifact get private caching", async () => {
  await headersAt(FILE);
  const range = await headersAt(FILE, { range: "bytes=1-2" });
  assert.deepEqual([range["status"], range["content-range"], range["x-cache"]], ["206", "bytes 1-2/4", "edge; hit"]);
  const [same, other] = [await headersAt(FILE, { "if-none-match": '"1"' }), await headersAt(FILE, { "if-none-match": '"2"' })];
  assert.deepEqual([same["status"], other["status"]], ["304", "200"]);
  const head = await headersAt(FILE, {}, "HEAD");
  assert.deepEqual([head["status"], head["content-length"]], ["200", "4"]);
  for (const answer of [range, same, other, head]) {
    assert.equal(answer["cache-control"], "private, max-age=31536000, immutable");
  }
});

test("a hit still requires a token and a grant", async () => {
  await headersAt(FILE);
  grant("stranger", ["npm:other:pull"]);
  assert.equal((await headersAt(FILE, bearer("stranger")))["status"], "403");
  assert.equal((await headersAt(FILE, bearer("never-issued")))["status"], "401");
});

test("a copy that an earlier version of the worker stored is made private", async () => {
  stub.l1 = (_, response) => void response.writeHead(200, { ...GIVEN, "cf-cache-status": "HIT" }).end("body");
  const hit = await headersAt(FILE);
  assert.deepEqual([hit["cache-control"], hit["x-cache"]], ["private, max-age=31536000, immutable", "edge; hit"]);
  assert.match(hit["server-timing"] ?? "", /^edge;dur=\d+$/);
});
