// Runs the edge worker's bundle. Tests that prefetches store the objects of a client's next requests in L1, the cache at
// the edge. Also tests that prefetches keep to the client's grants, the edge policy and the limits of prefetches.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { request, type IncomingMessage, type ServerResponse } from "node:http";
import { beforeEach, test } from "node:test";

import fc from "fast-check";

import { bearer, edge, entries, grant, moreBindings, origin, policies, stub } from "./edge";

const BUDGET = { requests: 20, in_flight: 8, bytes: 1_000_000, object_bytes: 10_000, share: 100 };
moreBindings.set("PREDICTION", JSON.stringify(BUDGET));

interface Stored {
  body: string | Buffer;
  headers?: Record<string, string>;
}

const objects = new Map<string, Stored>(); // the objects that the emulated shields (regional caches) can return
const cache = new Map<string, { headers: IncomingMessage["headers"]; body: Buffer }>();
let requested: string[] = []; // the keys of the objects that the worker requested from the shields (regional caches)

const keyOf = (path: string): string => path.slice("/objects/".length).split("/").map(decodeURIComponent).join("/");

/** Emulates a Workers Cache that keeps each 200 response until the test ends. */
function l1({ url = "", headers, method }: IncomingMessage, response: ServerResponse): void {
  const found = cache.get(url);
  if (found !== undefined) {
    response.writeHead(200, { ...found.headers, "cf-cache-status": "HIT" }).end(found.body);
    return;
  }
  request({ port: origin, host: "127.0.0.1", path: url, method, headers }, async (answer) => {
    const parts: Buffer[] = [];
    for await (const part of answer) parts.push(part as Buffer);
    const { "transfer-encoding": _, "cache-tag": __, ...kept } = answer.headers;
    const body = Buffer.concat(parts);
    if (answer.statusCode === 200) cache.set(url, { headers: kept, body });
    response.writeHead(answer.statusCode ?? 0, { ...kept, "cf-cache-status": "MISS" }).end(body);
  }).end();
}

beforeEach(() => {
  objects.clear();
  cache.clear();
  policies.length = 0;
  grant("reader", ["npm:*:pull", "pypi:*:pull", "oci:*:pull"]);
  requested = [];
  stub.l1 = l1;
  stub.shield = (incoming, response) => {
    const key = keyOf(incoming.url ?? "");
    requested.push(key);
    const found = objects.get(key);
    if (found === undefined) {
      response.writeHead(404).end();
      return;
    }
    const headers = { "cache-control": "public, max-age=31536000", "content-length": Buffer.byteLength(found.body), etag: '"1"' };
    response.writeHead(200, { ...headers, ...found.headers }).end(found.body);
  };
});

/** Returns the copy in L1, the cache at the edge, of the object whose URL ends with `path`. */
const copyOf = (path: string) => [...cache].find(([url]) => url.endsWith(path))?.[1];

/** Publishes an npm package. Each entry in `list` names a version and the packages to prefetch with it. */
function npm(name: string, list: string, size = 10): void {
  const versions = list.split(";").map((each) => each.split(" ")[0]!.replace("!", ""));
  for (const version of versions) objects.set(`npm/${name}/-/${name.split("/").at(-1)}-${version}.tgz`, { body: Buffer.alloc(size) });
  const dist = (version: string) => ({ tarball: `https://packages.test/npm/${name}/-/${name}-${version}.tgz` });
  const body = JSON.stringify({ name, "dist-tags": { latest: versions[0] }, versions: Object.fromEntries(versions.map((each) => [each, { dist: dist(each) }])) });
  for (const form of ["packument.json", "packument.abbreviated.json"]) {
    objects.set(`npm/${name}/${form}`, { body, headers: { "x-amz-meta-next": list } });
  }
}

const INSTALL = { accept: "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8" };

async function get(path: string, token = "reader", headers: Record<string, string> = INSTALL): Promise<Response> {
  const answer = await fetch(edge + path, { headers: { ...bearer(token), ...headers } });
  await answer.arrayBuffer();
  return answer;
}

async function eventually(holds: () => boolean, what: () => string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, what());
    await new Promise((done) => setTimeout(done, 5));
  }
}

async function awaitKeys(...keys: string[]): Promise<void> {
  await eventually(() => keys.every((key) => requested.includes(key)), () => `${keys.join()} are not all in ${requested.join()}`);
  const path = (key: string): string => key.split("/").map(encodeURIComponent).join("/");
  const absent = (): string[] => requested.filter((key) => objects.has(key) && ![...cache.keys()].some((each) => each.endsWith(path(key))));
  await eventually(() => absent().length === 0, () => `${absent().join()} are not in L1`);
}

const document = (name: string): string => `npm/${name}/packument.abbreviated.json`;
const tarball = (name: string, version: string): string => `npm/${name}/-/${name.split("/").at(-1)}-${version}.tgz`;

test("the dependencies of an npm package and all tarballs are in L1 before the client requests them", async () => {
  npm("tree-a", "2.0.0 tree-b@^1.0.0 @tree/c@~1.1.0;1.0.0");
  npm("tree-b", "2.0.0 tree-e;1.5.0 tree-d@1.0.0;0.9.0");
  npm("@tree/c", "1.1.3");
  npm("tree-d", "3.0.0;1.0.0 tree-b@*");
  const first = await get("/npm/tree-a");
  assert.equal(first.headers.get("x-cache"), "origin; miss");
  const files = [tarball("tree-a", "2.0.0"), tarball("tree-b", "1.5.0"), tarball("@tree/c", "1.1.3"), tarball("tree-d", "1.0.0")];
  await awaitKeys(document("tree-b"), document("@tree/c"), document("tree-d"), ...files);
  assert.equal(requested.length, new Set(requested).size);
  // tree-d 1.0.0 depends on `tree-b@*`, and `*` selects tree-b 2.0.0
  await awaitKeys(document("tree-e"), tarball("tree-b", "2.0.0"));
  const before = requested.length;
  for (const path of ["/npm/tree-b", "/npm/@tree/c", "/npm/tree-d", ...files.map((key) => `/${key}`)]) {
    assert.equal((await get(path)).headers.get("x-cache"), "edge; hit; predicted", path);
  }
  assert.equal((await get("/npm/tree-a")).headers.get("x-cache"), "edge; hit");
  assert.deepEqual(requested.slice(before), []);
});

test("a prefetch reads a document from L1 once, whatever ranges of versions other packages need", async () => {
  const reads: string[] = [];
  stub.l1 = async (incoming, response) => {
    const key = keyOf(incoming.url!.slice(incoming.url!.indexOf("/objects/")));
    reads.push(key);
    // range-root needs version 1.0.0 of range-shared, and range-late needs version 2.0.0. The stub delays the document
    // of range-late until the worker has requested the tarball of version 1.0.0.
    if (key === document("range-late")) await awaitKeys(tarball("range-shared", "1.0.0"));
    l1(incoming, response);
  };
  npm("range-root", "1.0.0 range-shared@1.0.0 range-late");
  npm("range-late", "1.0.0 range-shared@2.0.0");
  npm("range-shared", "2.0.0 range-second;1.0.0 range-first");
  for (const name of ["range-first", "range-second"]) npm(name, "1.0.0");
  await get("/npm/range-root");
  await awaitKeys(tarball("range-first", "1.0.0"), tarball("range-second", "1.0.0"), tarball("range-shared", "2.0.0"));
  assert.equal(reads.filter((key) => key === document("range-shared")).length, 1);
});

test("L1 uses a prefetched document for longer than clients do", async () => {
  const mutable = "public, max-age=5, stale-while-revalidate=60, stale-if-error=86400";
  npm("lifetime-a", "1.0.0 lifetime-b");
  npm("lifetime-b", "1.0.0");
  for (const name of ["lifetime-a", "lifetime-b"]) objects.get(document(name))!.headers!["cache-control"] = mutable;
  await get("/npm/lifetime-a");
  await awaitKeys(document("lifetime-b"), tarball("lifetime-b", "1.0.0"));
  const inL1 = (key: string): string | undefined => copyOf(`/objects/${key}`)?.headers["cache-control"];
  assert.equal(inL1(document("lifetime-a")), mutable);
  assert.equal(inL1(document("lifetime-b")), "public, max-age=20, stale-while-revalidate=45, stale-if-error=86400");
  assert.equal(inL1(tarball("lifetime-b", "1.0.0")), "public, max-age=31536000");
  const answer = await get("/npm/lifetime-b");
  assert.equal(answer.headers.get("x-cache"), "edge; hit; predicted");
  assert.equal(answer.headers.get("cache-control"), mutable.replace("public", "private"));
});

test("a full packument makes the worker prefetch full packuments", async () => {
  npm("full-a", "1.0.0 full-b");
  npm("full-b", "1.0.0");
  await get("/npm/full-a", "reader", { accept: "application/json" });
  await awaitKeys("npm/full-b/packument.json", tarball("full-b", "1.0.0"));
  assert.ok(!requested.includes(document("full-b")));
});

test("a page of a Python project brings the metadata and the wheel for the client, and the pages of dependencies", async () => {
  const wheels = ["cp313-cp313-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_17_x86_64"].map((tags) => `page-1.0-${tags}.whl`);
  for (const wheel of wheels) for (const end of ["", ".metadata"]) objects.set(`pypi/files/page/${wheel}${end}`, { body: "x" });
  const page = (name: string, list: string) => objects.set(`pypi/simple/${name}/index.json`, { body: "{}", headers: { "x-amz-meta-next": list } });
  page("page", `${wheels[0]} dependency;${wheels[1]}`);
  page("dependency", "dependency-1.0-py3-none-any.whl;!other.whl");
  for (const end of ["", ".metadata"]) objects.set(`pypi/files/dependency/dependency-1.0-py3-none-any.whl${end}`, { body: "x" });
  const agent = 'pip/24.0 {"cpu":"x86_64","implementation":{"name":"CPython","version":"3.12.7"},"python":"3.12.7"}';
  await get("/pypi/simple/page/", "reader", { accept: "application/vnd.pypi.simple.v1+json", "user-agent": agent });
  const wheel = "pypi/files/dependency/dependency-1.0-py3-none-any.whl";
  await awaitKeys(`pypi/files/page/${wheels[1]}`, `pypi/files/page/${wheels[1]}.metadata`, wheel, `${wheel}.metadata`);
  assert.ok(!requested.includes(`pypi/files/page/${wheels[0]}`));
});

test("a tag brings the manifest of the client's architecture, its config and its layers, but no large layer", async () => {
  const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
  const key = (section: string, letter: string): string => `oci/${section}/acme/predicted/sha256/${letter.repeat(64)}`;
  const json = (value: unknown): Stored => ({ body: JSON.stringify(value), headers: { "content-type": "application/json" } });
  const platform = (architecture: string) => ({ os: "linux", architecture });
  objects.set("oci/tags/acme/predicted/1", json({
    manifests: [{ digest: digest("a"), platform: platform("amd64") }, { digest: digest("b"), platform: platform("arm64") }],
  }));
  const layers = [{ digest: digest("d"), size: 5 }, { digest: digest("e"), size: 10_001 }, { digest: 7, size: 1 }, null];
  objects.set(key("manifests", "b"), json({ config: { digest: digest("c"), size: 3 }, layers }));
  for (const letter of ["c", "d", "e"]) objects.set(key("blobs", letter), { body: letter });
  const agent = "docker/28.0 go/go1.24 kernel/6.1 os/linux arch/arm64 UpstreamClient(Docker-Client/28.0)";
  const answer = await fetch(`${edge}/v2/acme/predicted/manifests/1`, { headers: { ...bearer("reader"), "user-agent": agent } });
  assert.deepEqual(await answer.json(), JSON.parse(String(objects.get("oci/tags/acme/predicted/1")!.body)));
  await awaitKeys(key("manifests", "b"), key("blobs", "c"), key("blobs", "d"));
  assert.equal(requested.length, 4, requested.join());
});

test("an error in a prefetch has no effect, and a large object is left out", async () => {
  npm("large-a", "1.0.0 missing-b ..%2F..%2Fx %ZZ", 10_001);
  assert.equal((await get("/npm/large-a")).status, 200);
  npm("large-c", "1.0.0 missing-d @/ large-e");
  npm("large-e", "1.0.0", 10_001);
  assert.equal((await get("/npm/large-c")).status, 200);
  await awaitKeys(document("large-e"), document("missing-d"), tarball("large-c", "1.0.0"), tarball("large-e", "1.0.0"));
  assert.equal((await get(`/npm/large-e/-/large-e-1.0.0.tgz`)).status, 200);
});

test("the worker prefetches only what the client may pull", async () => {
  const name = fc.integer({ min: 0, max: 9 });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(name), fc.array(fc.tuple(name, name)), name, async (granted, edges, start) => {
      const prefix = `run${(run += 1)}-p`;
      const [of, token] = [(each: number): string => prefix + each, `token-${run}`];
      requested = [];
      for (let each = 0; each < 10; each += 1) {
        const needed = edges.filter(([from]) => from === each).map(([, to]) => of(to));
        npm(of(each), ["1.0.0", ...needed].join(" "));
      }
      grant(token, granted.map((each) => `npm:${of(each)}:pull`));
      const status = (await get(`/npm/${of(start)}`, token)).status;
      assert.equal(status, granted.includes(start) ? 200 : 403);
      if (status === 200) await awaitKeys(tarball(of(start), "1.0.0"));
      const allowed = new Set(granted.flatMap((each) => [document(of(each)), tarball(of(each), "1.0.0")]));
      // Prefetches of earlier runs can arrive late. The test therefore checks only the object keys of the current run.
      const ofThisRun = requested.filter((key) => key.startsWith(`npm/${prefix}`));
      assert.deepEqual(ofThisRun.filter((key) => !allowed.has(key)), []);
    }),
    { numRuns: 100 },
  );
});

test("a version that the edge policy refuses is not prefetched, and documents are prefetched as clients get them", async () => {
  const rules = [{ name: "no-2", action: "deny", ecosystem: "npm", packages: ["policy-b"], versions: ">=2" }];
  const text = JSON.stringify({ format: 1, rules });
  const digest = createHash("sha256").update(text).digest("hex");
  objects.set(`edge-policies/${digest}.json`, { body: text });
  policies.push(digest);
  entries.set("edge-policy", JSON.stringify({ version: 1, policies }));
  npm("policy-a", "1.0.0 policy-b policy-c");
  npm("policy-b", "2.0.0;1.0.0");
  npm("policy-c", "1.0.0 policy-b@^1");
  const mutable = "public, max-age=5, stale-while-revalidate=60";
  objects.get(document("policy-b"))!.headers!["cache-control"] = mutable;
  const isInForce = async (): Promise<boolean> => (await get("/npm/policy-b/-/policy-b-2.0.0.tgz")).status === 403;
  while (!(await isInForce())) await new Promise((done) => setTimeout(done, 50));
  cache.clear();
  requested = [];
  await get("/npm/policy-a");
  await awaitKeys(tarball("policy-a", "1.0.0"), tarball("policy-c", "1.0.0"), tarball("policy-b", "1.0.0"));
  const filtered = copyOf(`/filtered/${digest}/${document("policy-b")}`);
  assert.ok(filtered !== undefined);
  // L1, the cache at the edge, keeps prefetched documents for 20 s instead of 5 s. The worker may make a filtered
  // document from a prefetched document that is already 20 s old. The filtered document gets the origin's shorter
  // Cache-Control, so that it does not last another 20 s.
  assert.equal(filtered.headers["cache-control"], mutable);
  assert.equal(copyOf(`/objects/${document("policy-b")}`)?.headers["cache-control"], "public, max-age=20, stale-while-revalidate=45");
  assert.ok(!requested.includes(tarball("policy-b", "2.0.0")), requested.join());
});
