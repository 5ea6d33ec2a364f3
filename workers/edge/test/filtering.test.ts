// Tests in workerd: documents must not list the artifacts that an edge policy refuses, and clients must not get these
// artifacts by name.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { beforeEach, test } from "node:test";

import { filteredDocument } from "../src/filtered_documents";
import { encodedDataSet } from "./data_sets";
import { bearer, dataSets, edge, grant, l1Requests, miss, policies, stub } from "./edge";

const DAY = 86_400_000;
const DIGESTS = ["a", "b", "c"].map((digit) => `sha256:${digit.repeat(64)}`) as [string, string, string];
const SRI = `sha512-${"B".repeat(86)}==`;
const POLICY = {
  format: 1,
  rules: [
    { name: "approved", action: "allow", ecosystem: "npm", packages: ["young"], versions: "1.1.0" },
    { name: "no-bad-web", action: "deny", ecosystem: "npm", packages: ["web", "@acme/web"], versions: ">=1.1.0", reason: "use 1.0" },
    { name: "bad-integrity", action: "deny", ecosystem: "npm", packages: ["hashed"], digests: [SRI] },
    { name: "no-evil", action: "deny", ecosystem: "npm", packages: ["evil", "evil-*"] },
    { name: "no-old-greeter", action: "deny", ecosystem: "pypi", packages: ["acme-greeter"], versions: "<2" },
    { name: "bad-wheel", action: "deny", ecosystem: "pypi", packages: ["other"], digests: [DIGESTS[0]] },
    { name: "no-edge-tags", action: "deny", ecosystem: "oci", packages: ["acme/app"], tags: ["edge*"] },
    { name: "bad-image", action: "deny", ecosystem: "oci", packages: ["acme/*"], digests: [DIGESTS[0]] },
    { name: "seven-days", action: "deny", packages: ["*"], younger_than_days: 7, reason: "not approved yet" },
  ],
};
const objects = new Map<string, string>();
const LONG_AGO = "2020-01-01T00:00:00.000Z";
const ago = (days: number): string => new Date(Date.now() - days * DAY).toISOString();

function name(policy: unknown): string {
  const text = typeof policy === "string" ? policy : JSON.stringify(policy);
  const digest = createHash("sha256").update(text).digest("hex");
  objects.set(`edge-policies/${digest}.json`, text);
  return digest;
}

/** Replaces the latest edge policies at the edge by the given policies. The newest policy comes first. */
function putPolicies(...newestFirst: unknown[]): void {
  policies.splice(0, policies.length, ...newestFirst.map(name));
}

/** Stores the advisories in `packages` as the edge's latest data set, and returns the data set's digest. */
function putAdvisories(packages: Record<string, unknown>): string {
  const { digest, objects: encoded } = encodedDataSet(packages);
  for (const [key, text] of encoded) objects.set(key, text);
  dataSets.splice(0, dataSets.length, digest);
  return digest;
}

interface Published {
  time?: string;
  integrity?: string;
}

/** Stores the full and the abbreviated packument of an npm package. */
function npmPackage(name: string, versions: Record<string, Published>, tags: Record<string, string>): void {
  const manifests = Object.entries(versions).map(([version, { integrity = "sha512-x" }]) => {
    const tarball = `https://packages.test/npm/${name}/-/${name.split("/").at(-1)}-${version}.tgz`;
    return [version, { name, version, description: `of ${version}`, dist: { tarball, integrity } }] as const;
  });
  const time = Object.fromEntries(Object.entries(versions).map(([version, { time = LONG_AGO }]) => [version, time]));
  const common = { name, "dist-tags": tags, versions: Object.fromEntries(manifests) };
  objects.set(`npm/${name}/packument.abbreviated.json`, JSON.stringify({ ...common, modified: LONG_AGO }));
  const full = { ...common, description: `of ${tags["latest"]}`, time: { created: LONG_AGO, modified: LONG_AGO, ...time } };
  objects.set(`npm/${name}/packument.json`, JSON.stringify(full));
}

function project(name: string, files: Record<string, { time?: string; sha256?: string }>): void {
  const listed = Object.entries(files).map(([filename, { time = LONG_AGO, sha256 = "d".repeat(64) }]) => {
    return { filename, url: `/pypi/files/${name}/${filename}`, hashes: { sha256 }, "upload-time": time };
  });
  const versions = [...new Set(Object.keys(files).map((filename) => filename.split("-")[1]!.replace(".tar.gz", "")))];
  objects.set(`pypi/simple/${name}/index.json`, JSON.stringify({ meta: {}, name, versions, files: listed }));
  const links = listed.map(({ filename, url, hashes }) => `<a href="${url}#sha256=${hashes.sha256}">${filename}</a><br>`);
  objects.set(`pypi/simple/${name}/index.html`, ["<!DOCTYPE html>", "<html><body>", ...links, "</body></html>", ""].join("\n"));
}

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(edge + path, { headers: { ...bearer("reader"), ...headers } });

async function status(path: string): Promise<number> {
  const answer = await get(path);
  await answer.arrayBuffer();
  return answer.status;
}

async function refusalOf(path: string): Promise<[number, string]> {
  const answer = await get(path);
  return [answer.status, await answer.text()];
}

beforeEach(() => {
  grant("reader", ["npm:*:pull", "pypi:*:pull", "oci:*:pull"]);
  putPolicies(POLICY);
  dataSets.length = 0;
  stub.shield = (request, response) => {
    const key = (request.url ?? "").slice("/objects/".length).split("/").map(decodeURIComponent).join("/");
    const body = objects.get(key);
    const etag = `"${createHash("md5").update(body ?? "").digest("hex")}"`;
    const headers = {
      "cache-control": "public, max-age=5",
      "content-type": key.endsWith(".html") ? "text/html; charset=utf-8" : "application/json",
      etag,
      "last-modified": "Wed, 01 Jan 2020 00:00:00 GMT",
      "x-amz-meta-revision": "7",
    };
    if (body === undefined) response.writeHead(404).end();
    else if (request.headers["if-none-match"] === etag) response.writeHead(304, headers).end();
    else response.writeHead(200, headers).end(body);
  };
});

test("refused versions are missing from both packuments, and latest is the highest allowed version", async () => {
  npmPackage("web", { "1.0.0": {}, "1.1.0": {}, "1.2.0-beta.1": {} }, { latest: "1.1.0", next: "1.2.0-beta.1", lts: "1.0.0" });
  for (const accept of ["application/json", "application/vnd.npm.install-v1+json"]) {
    const answer = await get("/npm/web", { accept });
    const text = await answer.text();
    const packument = JSON.parse(text) as Record<string, Record<string, unknown>>;
    assert.deepEqual(Object.keys(packument["versions"]!), ["1.0.0"], accept);
    assert.deepEqual(packument["dist-tags"], { latest: "1.0.0", lts: "1.0.0" });
    assert.equal(answer.headers.get("content-length"), String(Buffer.byteLength(text)));
    assert.equal(answer.headers.get("content-type"), "application/json");
    assert.equal(answer.headers.get("x-artifact-edge-revision"), "7");
    assert.equal(answer.headers.get("cache-control"), "private, max-age=5");
    assert.equal(answer.headers.get("last-modified"), null);
  }
  const full = (await (await get("/npm/web")).json()) as Record<string, unknown>;
  assert.deepEqual(Object.keys(full["time"] as object), ["created", "modified", "1.0.0"]);
  assert.equal(full["description"], "of 1.0.0");
});

test("npm reads the rule's name when it resolves to a refused version", async () => {
  npmPackage("web", { "1.0.0": {}, "1.1.0": {} }, { latest: "1.1.0" });
  const { policyRestrictions: restrictions } = (await (await get("/npm/web")).json()) as { policyRestrictions: unknown };
  assert.deepEqual(restrictions, {
    message: "web 1.1.0: refused by rule no-bad-web of the edge policy: use 1.0",
    versions: { "1.1.0": { name: "web", version: "1.1.0" } },
  });
});

test("a refused npm version is 403 with the rule's name: its tarball, its manifest and its attestations", async () => {
  npmPackage("@acme/web", { "1.0.0": {}, "1.1.0": {} }, { latest: "1.1.0" });
  objects.set("npm/@acme/web/-/web-1.0.0.tgz", "good");
  objects.set("npm/@acme/web/-/web-1.1.0.tgz", "bad");
  objects.set("npm/@acme/web/-/web-1.2.0.tgz", "not listed");
  const error = "refused by rule no-bad-web of the edge policy: use 1.0";
  for (const [path, what] of [
    ["/npm/@acme/web/-/web-1.1.0.tgz", "@acme/web web-1.1.0.tgz"],
    ["/npm/@acme/web/1.1.0", "@acme/web 1.1.0"],
    ["/npm/-/npm/v1/attestations/@acme%2fweb@1.1.0", "@acme/web 1.1.0"],
  ] as const) {
    assert.deepEqual(await refusalOf(path), [403, JSON.stringify({ error: `${what}: ${error}` })], path);
  }
  assert.equal(await (await get("/npm/@acme/web/-/web-1.0.0.tgz")).text(), "good");
  assert.equal(await status("/npm/@acme/web/-/web-1.2.0.tgz"), 404);
  assert.equal(((await (await get("/npm/@acme/web/latest")).json()) as { version: string }).version, "1.0.0");
  assert.deepEqual(await (await get("/npm/-/package/@acme%2fweb/dist-tags")).json(), { latest: "1.0.0" });
  assert.equal(await status("/npm/@acme/web/9.9.9"), 404);
});

test("versions younger than the rule's age are refused, unless they are approved", async () => {
  const young = { time: ago(6) };
  npmPackage("young", { "1.0.0": { time: ago(8) }, "1.1.0": young, "1.2.0": young }, { latest: "1.2.0" });
  const { versions } = (await (await get("/npm/young", { accept: "application/vnd.npm.install-v1+json" })).json()) as { versions: object };
  assert.deepEqual(Object.keys(versions), ["1.0.0", "1.1.0"]);
  objects.set("npm/young/-/young-1.1.0.tgz", "approved");
  assert.equal(await status("/npm/young/-/young-1.1.0.tgz"), 200);
  assert.match((await refusalOf("/npm/young/-/young-1.2.0.tgz"))[1], /refused by rule seven-days of the edge policy: not approved yet/);
});

test("a version is refused by its integrity", async () => {
  npmPackage("hashed", { "1.0.0": {}, "1.1.0": { integrity: `sha1-x ${SRI}` } }, { latest: "1.1.0" });
  assert.deepEqual(Object.keys(((await (await get("/npm/hashed")).json()) as { versions: object }).versions), ["1.0.0"]);
  assert.match((await refusalOf("/npm/hashed/-/hashed-1.1.0.tgz"))[1], /rule bad-integrity/);
});

test("nothing of a refused package is served, and no shield is asked for its objects", async () => {
  npmPackage("evil", { "1.0.0": {} }, { latest: "1.0.0" });
  await status("/npm/web"); // this request makes the isolate load the edge policy
  l1Requests.length = 0;
  for (const path of ["/npm/evil", "/npm/evil/-/evil-1.0.0.tgz", "/npm/evil-twin", "/npm/evil/latest"]) {
    assert.match((await refusalOf(path))[1], /rule no-evil of the edge policy/, path);
  }
  assert.deepEqual(l1Requests, []);
});

test("refused files are missing from both pages of a Python project", async () => {
  project("acme-greeter", { "acme_greeter-1.0-py3-none-any.whl": {}, "acme-greeter-1.0.tar.gz": {}, "acme_greeter-2.0-py3-none-any.whl": {} });
  const json = await get("/pypi/simple/acme-greeter/", { accept: "application/vnd.pypi.simple.v1+json" });
  const page = (await json.json()) as { versions: string[]; files: { filename: string }[] };
  assert.deepEqual([page.versions, page.files.map(({ filename }) => filename)], [["2.0"], ["acme_greeter-2.0-py3-none-any.whl"]]);
  const html = await get("/pypi/simple/acme-greeter/");
  const text = await html.text();
  assert.deepEqual(text.match(/>acme[^<]+</g), [">acme_greeter-2.0-py3-none-any.whl<"]);
  assert.equal(html.headers.get("content-type"), "text/html; charset=utf-8");
  assert.equal(html.headers.get("content-length"), String(Buffer.byteLength(text)));
});

test("a project with thousands of versions is filtered before a client gives up, and lists exactly the versions that are left", () => {
  const subject = { kind: "document", form: "json", ecosystem: "pypi", name: "large", index: "pypi/simple/large/index.json" } as const;
  const versions = ["0.1.dev1", "0.9rc1", ...Array.from({ length: 2_000 }, (_, number) => `1.${number}`), "2.0", "3.0.post1", "4.0+cu118", "5.0"];
  // filenames with other spellings of some versions: those of old sdists and of wheels
  const spelled = new Map([["0.1.dev1", "0.1dev1"], ["0.9rc1", "0.9-c1"], ["2.0", "v2.0.0"], ["3.0.post1", "3.0-1"], ["4.0+cu118", "4.0+CU118"]]);
  const names = versions.map((version) => `large-${spelled.get(version) ?? version}.tar.gz`);
  const page = JSON.stringify({ versions, files: names.map((filename) => ({ filename })) });
  const refused = new Set(["large-1.1.tar.gz", "large-5.0.tar.gz"]);
  const rule = { name: "no", action: "deny", packages: ["*"], reason: "" } as const;
  const before = process.cpuUsage();
  const text = filteredDocument(subject, page, (filename) => (refused.has(filename) ? rule : undefined));
  const { user, system } = process.cpuUsage(before);
  const left = (JSON.parse(text) as { versions: string[] }).versions;
  assert.deepEqual(left, versions.filter((version) => version !== "1.1" && version !== "5.0"));
  assert.ok(user + system < 4_000_000, `${(user + system) / 1e6} s of processor time`);
});

test("a refused Python file and its metadata are 403 with the rule's name", async () => {
  project("acme-greeter", { "acme_greeter-1.0-py3-none-any.whl": {}, "acme_greeter-2.0-py3-none-any.whl": {} });
  project("other", { "other-1.0.tar.gz": { sha256: "a".repeat(64) }, "other-2.0.tar.gz": { time: ago(1) }, "other-3.0.tar.gz": {} });
  objects.set("pypi/files/acme-greeter/acme_greeter-2.0-py3-none-any.whl", "good");
  for (const suffix of ["", ".metadata"]) {
    const [status, text] = await refusalOf(`/pypi/files/acme-greeter/acme_greeter-1.0-py3-none-any.whl${suffix}`);
    assert.equal(status, 403);
    assert.match(text, /^acme-greeter acme_greeter-1\.0-py3-none-any\.whl: refused by rule no-old-greeter of the edge policy\n$/);
  }
  assert.equal(await status("/pypi/files/acme-greeter/acme_greeter-2.0-py3-none-any.whl"), 200);
  assert.match((await refusalOf("/pypi/files/other/other-1.0.tar.gz"))[1], /rule bad-wheel/);
  assert.match((await refusalOf("/pypi/files/other/other-2.0.tar.gz"))[1], /rule seven-days/);
  // the edge policy allows this file, but the origin does not have the file
  assert.equal(await status("/pypi/files/other/other-3.0.tar.gz"), 404);
});

/**
 * Stores an image repository with three manifests. The repository's tags `1.0`, `2.0`, `3.0` and `edge` point to the
 * manifests. The manifest of `2.0` is a day old, and the other manifests were published long ago.
 */
function repository(name: string): void {
  const [first, second, third] = DIGESTS;
  const tags = { "1.0": first, "2.0": second, "3.0": third, edge: third };
  const manifests = { [first]: LONG_AGO, [second]: ago(1), [third]: LONG_AGO };
  objects.set(`oci/taglists/${name}/list.json`, JSON.stringify({ name, tags: Object.keys(tags) }));
  objects.set(`oci/taglists/${name}/contents.json`, JSON.stringify({ tags, manifests }));
  for (const tag of Object.keys(tags)) objects.set(`oci/tags/${name}/${tag}`, "{}");
  for (const digest of DIGESTS) objects.set(`oci/manifests/${name}/${digest.replace(":", "/")}`, "{}");
  for (const digest of DIGESTS) objects.set(`oci/blobs/${name}/${digest.replace(":", "/")}`, "blob");
  const referrers = DIGESTS.map((digest) => ({ digest }));
  objects.set(`oci/referrers/${name}/${third.replace(":", "/")}.json`, JSON.stringify({ manifests: referrers }));
}

async function imageSession(name: string): Promise<Record<string, string>> {
  const answer = await fetch(`${edge}/token?scope=repository:${name}:pull`, { headers: { authorization: `Basic ${btoa("x:reader")}` } });
  return { authorization: `Bearer ${((await answer.json()) as { token: string }).token}` };
}

test("refused tags are missing from tag lists, refused manifests from referrers, and both are 403 by name", async () => {
  repository("acme/app");
  const session = await imageSession("acme/app");
  const read = async (path: string): Promise<[number, string]> => {
    const answer = await fetch(`${edge}/v2/acme/app/${path}`, { headers: session });
    return [answer.status, await answer.text()];
  };
  assert.deepEqual(await read("tags/list"), [200, JSON.stringify({ name: "acme/app", tags: ["3.0"] })]);
  assert.deepEqual(JSON.parse((await read("tags/list?n=5&last=1.0"))[1]), { name: "acme/app", tags: ["3.0"] });
  assert.deepEqual(JSON.parse((await read(`referrers/${DIGESTS[2]}`))[1]), { manifests: [{ digest: DIGESTS[2] }] });
  for (const [path, rule] of [
    ["manifests/1.0", "bad-image"],
    [`manifests/${DIGESTS[0]}`, "bad-image"],
    [`blobs/${DIGESTS[0]}`, "bad-image"],
    ["manifests/2.0", "seven-days"],
    [`manifests/${DIGESTS[1]}`, "seven-days"],
    ["manifests/edge", "no-edge-tags"],
  ] as const) {
    const [status, text] = await read(path);
    const [{ code, message }] = (JSON.parse(text) as { errors: [{ code: string; message: string }] }).errors;
    assert.deepEqual([status, code], [403, "DENIED"], path);
    assert.match(message, new RegExp(`refused by rule ${rule} of the edge policy`), path);
  }
  for (const path of ["manifests/3.0", `manifests/${DIGESTS[2]}`, `blobs/${DIGESTS[1]}`, `blobs/${DIGESTS[2]}`]) {
    assert.equal((await read(path))[0], 200, path);
  }
  assert.deepEqual((await read("manifests/unpublished"))[0], 404);
});

test("an image of a repository without an index is refused where the rules need the index", async () => {
  repository("acme/bare");
  objects.delete("oci/taglists/acme/bare/contents.json");
  const session = await imageSession("acme/bare");
  const answer = await fetch(`${edge}/v2/acme/bare/manifests/3.0`, { headers: session });
  assert.deepEqual([answer.status, (await answer.text()).includes("refused by rule bad-image")], [403, true]);
});

test("what the policy does not refuse has the bytes and the validators of the origin", async () => {
  npmPackage("untouched", { "1.0.0": {} }, { latest: "1.0.0" });
  const answer = await get("/npm/untouched");
  const body = objects.get("npm/untouched/packument.json")!;
  assert.equal(await answer.text(), body);
  assert.equal(answer.headers.get("etag"), `"${createHash("md5").update(body).digest("hex")}"`);
  assert.equal(answer.headers.get("last-modified"), "Wed, 01 Jan 2020 00:00:00 GMT");
});

test("a filtered document has a validator of its own, for clients and for L1", async () => {
  npmPackage("web", { "1.0.0": {}, "1.1.0": {} }, { latest: "1.1.0" });
  const first = await get("/npm/web");
  const etag = first.headers.get("etag")!;
  const stored = `"${createHash("md5").update(objects.get("npm/web/packument.json")!).digest("hex")}"`;
  assert.notEqual(etag, stored);
  assert.equal((await get("/npm/web", { "if-none-match": etag })).status, 304);
  assert.equal((await get("/npm/web", { "if-none-match": stored })).status, 200);
  assert.equal((await get("/npm/web", { "if-modified-since": "Thu, 01 Jan 2026 00:00:00 GMT" })).status, 200);
  const range = await get("/npm/web", { range: "bytes=0-9" });
  assert.deepEqual([range.status, (await range.text()).length], [206, 10]);
});

test("L1 keeps filtered documents by policy and not by client, with the tags of the stored documents", async () => {
  npmPackage("web", { "1.0.0": {}, "1.1.0": {} }, { latest: "1.1.0" });
  grant("other", ["npm:web:pull"]);
  const tags = new Map<string, string>();
  stub.l1 = (request, response) => miss(request, response, ({ headers }) => void tags.set(request.url!, String(headers["cache-tag"])));
  await status("/npm/web");
  const first = new Set(tags.keys());
  await (await fetch(`${edge}/npm/web`, { headers: bearer("other") })).text();
  assert.deepEqual(new Set(tags.keys()), first);
  const filtered = `/edge/1/Objects/filtered/${name(POLICY)}/npm/web/packument.json`;
  const key = createHash("sha256").update("npm/web/packument.json").digest("hex");
  const of = createHash("sha256").update("npm:web").digest("hex");
  assert.match(tags.get(filtered) ?? "", new RegExp(`^key-${key},package-${of},\\s*version-[0-9a-f]{64}$`));
});

const malware = (id: string, ...spans: number[][]): unknown => ({ id, level: "malware", aliases: [], spans });

/**
 * Requests a path again and again until the response has the status `wanted`. The worker may apply a change late,
 * because an isolate reads the feed only every two seconds.
 */
async function becomes(path: string, wanted: number): Promise<void> {
  const end = Date.now() + 120_000;
  while ((await status(path)) !== wanted) {
    assert.ok(Date.now() < end, `${path} never became ${wanted}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

test("known malware vanishes from documents and is refused by name, without any policy", async () => {
  npmPackage("hijacked", { "1.0.0": {}, "1.1.0": {} }, { latest: "1.1.0" });
  npmPackage("stolen", { "1.0.0": {} }, { latest: "1.0.0" });
  project("typo-squat", { "typo_squat-1.0-py3-none-any.whl": {}, "typo_squat-1.1-py3-none-any.whl": {} });
  putPolicies();
  putAdvisories({
    "npm:hijacked": { bounds: ["1.1.0"], advisories: [malware("MAL-2026-1", [1, 1])] },
    "npm:stolen": { bounds: [], advisories: [malware("MAL-2026-2", [0])] },
    "pypi:typo-squat": { bounds: ["1.1"], advisories: [malware("MAL-2026-3", [1, 1])] },
  });
  await becomes("/npm/hijacked/-/hijacked-1.1.0.tgz", 403);
  const [, message] = await refusalOf("/npm/hijacked/-/hijacked-1.1.0.tgz");
  assert.match(message, /refused by rule known-malware of the edge policy: MAL-2026-1 says that this is malware/);
  const packument = (await (await get("/npm/hijacked")).json()) as Record<string, Record<string, unknown>>;
  assert.deepEqual([Object.keys(packument["versions"]!), packument["dist-tags"]], [["1.0.0"], { latest: "1.0.0" }]);
  assert.match(String(packument["policyRestrictions"]!["message"]), /MAL-2026-1/);
  for (const path of ["/npm/stolen", "/npm/stolen/-/stolen-1.0.0.tgz"]) {
    const [refused, reason] = await refusalOf(path);
    assert.deepEqual([refused, reason.includes("MAL-2026-2")], [403, true], path);
  }
  const page = (await (await get("/pypi/simple/typo-squat/", { accept: "application/vnd.pypi.simple.v1+json" })).json()) as Record<string, unknown>;
  assert.deepEqual(page["versions"], ["1.0"]);
  assert.doesNotMatch(await (await get("/pypi/simple/typo-squat/", { accept: "text/html" })).text(), /typo_squat-1.1/);
  assert.equal(await status("/pypi/files/typo-squat/typo_squat-1.1-py3-none-any.whl"), 403);
});

test("a data set and a policy with a severity work together, and clients of other packages notice nothing", async () => {
  npmPackage("risky", { "1.0.0": {}, "2.0.0": {} }, { latest: "2.0.0" });
  npmPackage("calm", { "1.0.0": {} }, { latest: "1.0.0" });
  const limit = { name: "no-high", action: "deny", packages: ["*"], severity: "high" };
  putPolicies({ format: 1, rules: [limit], exemptions: [{ advisory: "CVE-2026-2", reason: "we never call it" }] });
  const advisories = [
    { id: "GHSA-1", level: "critical", aliases: ["CVE-2026-1"], spans: [[1]] },
    { id: "GHSA-2", level: "critical", aliases: ["CVE-2026-2"], spans: [[0]] },
  ];
  putAdvisories({ "npm:risky": { bounds: ["2.0.0"], advisories } });
  await becomes("/npm/risky/-/risky-2.0.0.tgz", 403);
  assert.match((await refusalOf("/npm/risky/-/risky-2.0.0.tgz"))[1], /rule no-high of the edge policy: GHSA-1, severity critical/);
  assert.match((await refusalOf("/npm/risky/2.0.0"))[1], /rule no-high/);
  assert.equal(((await (await get("/npm/risky/latest")).json()) as Record<string, unknown>)["version"], "1.0.0");
  l1Requests.length = 0;
  assert.equal((await (await get("/npm/calm")).text()), objects.get("npm/calm/packument.json"));
  assert.deepEqual(l1Requests.filter(({ path }) => /filtered|refusals|shards/.test(path)), []);
});

test("without the advisories of a package the edge does not decide", async () => {
  npmPackage("unread", { "1.0.0": {} }, { latest: "1.0.0" });
  npmPackage("other", { "1.0.0": {} }, { latest: "1.0.0" });
  putPolicies();
  putAdvisories({ "npm:unread": { bounds: [], advisories: [malware("MAL-2026-4", [0])] } });
  for (const key of [...objects.keys()].filter((each) => each.startsWith("advisories/shards/"))) objects.delete(key);
  await becomes("/npm/unread", 503);
  assert.equal(await status("/npm/other"), 200);
});
