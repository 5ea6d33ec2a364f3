// Tests the edge worker's deployed bundle with requests of the OCI Distribution Specification 1.1.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bearer, edge, grant, stub } from "./edge";

const HEX = "a".repeat(64);

async function oci(path: string, init: RequestInit = {}): Promise<{ answer: Response; code: string | undefined }> {
  grant("images", ["oci:acme/*:pull"]);
  const answer = await fetch(`${edge}/v2/${path}`, { ...init, headers: { ...bearer("images"), ...init.headers } });
  const body = await answer.clone().text();
  return { answer, code: answer.ok ? undefined : (JSON.parse(body) as { errors: { code: string }[] }).errors[0]?.code };
}

test("a missing blob, manifest or repository is 404 with its own error code", async () => {
  stub.shield = (_, response) => response.writeHead(404).end("<Error/>");
  for (const [path, expected] of [
    ["acme/app/manifests/none", "MANIFEST_UNKNOWN"],
    [`acme/app/manifests/sha256:${HEX}`, "MANIFEST_UNKNOWN"],
    [`acme/app/blobs/sha256:${HEX}`, "BLOB_UNKNOWN"],
    ["acme/app/tags/list", "NAME_UNKNOWN"],
    ["acme/app/tags/list?n=1", "NAME_UNKNOWN"],
  ] as const) {
    const { answer, code } = await oci(path);
    assert.deepEqual([answer.status, code], [404, expected], path);
    assert.match(answer.headers.get("content-type")!, /^application\/json/);
    assert.equal(answer.headers.get("docker-distribution-api-version"), "registry/2.0");
  }
});

test("referrers of an unknown digest are an empty index, and of a malformed digest an error", async () => {
  stub.shield = (_, response) => response.writeHead(404).end();
  const { answer } = await oci(`acme/app/referrers/sha256:${HEX}`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "application/vnd.oci.image.index.v1+json");
  assert.equal(answer.headers.get("docker-content-digest"), null);
  assert.deepEqual(((await answer.json()) as { manifests: unknown }).manifests, []);
  const head = (await oci(`acme/app/referrers/sha256:${HEX}`, { method: "HEAD" })).answer;
  assert.deepEqual([head.status, head.headers.get("content-length")], [200, answer.headers.get("content-length")]);
  const malformed = await oci("acme/app/referrers/sha256:abc");
  assert.deepEqual([malformed.answer.status, malformed.code], [400, "DIGEST_INVALID"]);
  assert.equal((await oci(`other/app/referrers/sha256:${HEX}`)).code, "DENIED");
});

test("a list of tags or referrers is filtered and paged for the client, who cannot request a byte range of the list", async () => {
  const seen: unknown[] = [];
  stub.shield = (request, response) => {
    seen.push([request.method, request.headers.range, request.headers["if-none-match"]]);
    response.writeHead(200, { "content-type": "application/json", "cache-control": "public, max-age=5", "x-cache": "shield; hit" });
    response.end(JSON.stringify({ name: "acme/app", tags: ["a", "b", "c"] }));
  };
  for (const method of ["GET", "HEAD"]) {
    const headers = { range: "bytes=0-1", "if-none-match": '"1"' };
    const { answer } = await oci("acme/app/tags/list?n=1&last=a", { method, headers });
    assert.equal(answer.status, 200);
    assert.equal(await answer.text(), method === "HEAD" ? "" : '{"name":"acme/app","tags":["b"]}');
    assert.equal(answer.headers.get("content-length"), "32");
    assert.equal(answer.headers.get("link"), '</v2/acme/app/tags/list?n=1&last=b>; rel="next"');
    assert.equal(answer.headers.get("cache-control"), "private, max-age=5");
    assert.equal(answer.headers.get("x-cache"), "shield; hit");
  }
  assert.deepEqual(seen, [["GET", undefined, undefined], ["GET", undefined, undefined]]);
});

test("a manifest's response has its own digest when requested by tag, and otherwise the requested digest", async () => {
  assert.equal((await oci("acme/app/manifests/1.0")).answer.headers.get("docker-content-digest"), "sha256:abc");
  stub.shield = (_, response) => response.writeHead(200).end();
  const { answer } = await oci(`acme/app/blobs/sha256:${HEX}`, { method: "HEAD" });
  assert.equal(answer.headers.get("docker-content-digest"), `sha256:${HEX}`);
});

test("each request of a push is refused as unsupported", async () => {
  for (const [method, path] of [
    ["POST", "acme/app/blobs/uploads/"],
    ["PUT", "acme/app/manifests/1.0"],
    ["DELETE", `acme/app/manifests/sha256:${HEX}`],
    ["PATCH", "acme/app/blobs/uploads/1"],
  ] as const) {
    const { answer, code } = await oci(path, { method });
    assert.deepEqual([answer.status, code, answer.headers.get("allow")], [405, "UNSUPPORTED", "GET, HEAD"], path);
  }
});

test("an invalid path below /v2/ gets an error in the OCI format", async () => {
  for (const path of ["acme%00/tags/list", "Acme/tags/list", `${"a/".repeat(600)}tags/list`, "a%2f%2fb/tags/list"]) {
    const { answer, code } = await oci(path);
    assert.deepEqual([answer.status, code], [400, "NAME_INVALID"], path);
  }
});
