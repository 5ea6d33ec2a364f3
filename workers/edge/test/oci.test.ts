// Unit tests for URLs and lists of the OCI Distribution Specification 1.1.

import assert from "node:assert/strict";
import { test } from "node:test";
import { listResponse } from "../src/oci_lists";
import { type ListQuery, ociRoute } from "../src/oci";

const HEX = "a".repeat(64);

function routed(path: string): string {
  const url = new URL(path, "https://packages.test");
  const route = ociRoute(decodeURIComponent(url.pathname.slice(1)), url);
  return route.kind === "object" ? `${route.key} ${route.absent ?? "empty list"}` : `${route.status} ${route.code}`;
}

test("each valid URL maps to an object's key, and to the error code for a missing object", () => {
  const table: [string, string][] = [
    ["acme/app/manifests/1.0", "oci/tags/acme/app/1.0 MANIFEST_UNKNOWN"],
    [`acme/app/manifests/sha256:${HEX}`, `oci/manifests/acme/app/sha256/${HEX} MANIFEST_UNKNOWN`],
    [`acme/app/manifests/sha512:${HEX}${HEX}`, `oci/manifests/acme/app/sha512/${HEX}${HEX} MANIFEST_UNKNOWN`],
    [`acme/app/blobs/sha256%3A${HEX}`, `oci/blobs/acme/app/sha256/${HEX} BLOB_UNKNOWN`],
    [`acme/app/blobs/sha512:${HEX}${HEX}`, `oci/blobs/acme/app/sha512/${HEX}${HEX} BLOB_UNKNOWN`],
    ["acme/app/blobs/multihash+base58:QmRZxt2b1FVZ", "oci/blobs/acme/app/multihash+base58/QmRZxt2b1FVZ BLOB_UNKNOWN"],
    [`acme/app/referrers/sha256:${HEX}`, `oci/referrers/acme/app/sha256/${HEX}.json empty list`],
    ["acme/app/tags/list", "oci/taglists/acme/app/list.json NAME_UNKNOWN"],
    ["acme/tags/list/tags/list", "oci/taglists/acme/tags/list/list.json NAME_UNKNOWN"],
    ["manifests/manifests/latest", "oci/tags/manifests/latest MANIFEST_UNKNOWN"],
    // containerd adds the parameter `ns` to each request to a mirror; its value is the host in the image's name
    ["acme/app/manifests/1.0?ns=docker.io", "oci/tags/acme/app/1.0 MANIFEST_UNKNOWN"],
    [`acme/app/blobs/sha256:${HEX}?ns=docker.io`, `oci/blobs/acme/app/sha256/${HEX} BLOB_UNKNOWN`],
  ];
  for (const [path, expected] of table) assert.equal(routed(path), expected, path);
});

test("an invalid URL gets the error code for its mistake", () => {
  const table: [string, string][] = [
    ["Acme/app/manifests/1.0", "400 NAME_INVALID"],
    ["acme/app-/tags/list", "400 NAME_INVALID"],
    [`${"a".repeat(256)}/tags/list`, "400 NAME_INVALID"],
    ["acme/app/blobs/latest", "400 DIGEST_INVALID"],
    ["acme/app/blobs/sha256:abc", "400 DIGEST_INVALID"],
    [`acme/app/blobs/sha256:${"A".repeat(64)}`, "400 DIGEST_INVALID"],
    [`acme/app/blobs/sha512:${HEX}`, "400 DIGEST_INVALID"],
    ["acme/app/manifests/sha256:abc", "400 DIGEST_INVALID"],
    ["acme/app/referrers/latest", "400 DIGEST_INVALID"],
    ["acme/app/referrers/sha256:zz", "400 DIGEST_INVALID"],
    ["acme/app/referrers/sha256:", "400 DIGEST_INVALID"],
    ["acme/app/manifests/.INVALID_MANIFEST_NAME", "404 MANIFEST_UNKNOWN"],
    [`acme/app/manifests/${"a".repeat(129)}`, "404 MANIFEST_UNKNOWN"],
    ["acme/app/tags/list?n=-1", "400 UNSUPPORTED"],
    ["acme/app/tags/list?n=ten", "400 UNSUPPORTED"],
    ["acme/app/blobs/uploads/", "404 UNSUPPORTED"],
    ["_catalog", "404 UNSUPPORTED"],
  ];
  for (const [path, expected] of table) assert.equal(routed(path), expected, path);
});

// The order in which the worker lists tags: without regard to case.
const TAGS = ["1.0", "1.10", "1.9", "a", "latest", "Z"];

async function tags(query: string): Promise<[string[], string | null]> {
  const url = `https://packages.test/v2/acme/app/tags/list${query}`;
  const route = ociRoute("acme/app/tags/list", new URL(url));
  assert.ok(route.kind === "object" && route.list !== undefined);
  // The order in which an earlier release of the registry stored tags.
  const stored = Response.json({ name: "acme/app", tags: [...TAGS].sort() });
  const answer = await listResponse(new Request(url), "acme/app", route.list, stored);
  const { name, tags: listed } = (await answer.json()) as { name: string; tags: string[] };
  assert.equal(name, "acme/app");
  return [listed, answer.headers.get("link")];
}

test("a list of tags comes in pages, each with a link to the next page", async () => {
  assert.deepEqual(await tags("?n=2"), [["1.0", "1.10"], '</v2/acme/app/tags/list?n=2&last=1.10>; rel="next"']);
  assert.deepEqual(await tags("?n=2&last=1.10"), [["1.9", "a"], '</v2/acme/app/tags/list?n=2&last=a>; rel="next"']);
  assert.deepEqual(await tags("?n=2&last=a"), [["latest", "Z"], null]);
  assert.deepEqual(await tags("?last=1.9"), [["a", "latest", "Z"], null]);
  assert.deepEqual(await tags("?last=A"), [["a", "latest", "Z"], null]);
  assert.deepEqual(await tags("?last=1.5&n=1"), [["1.9"], '</v2/acme/app/tags/list?n=1&last=1.9>; rel="next"']);
  assert.deepEqual(await tags("?n=0"), [[], null]);
  assert.deepEqual(await tags("?n=6"), [TAGS, null]);
  assert.deepEqual(await tags("?n=99999999999999999999"), [TAGS, null]);
  assert.deepEqual(await tags("?n=3&last=zzz"), [[], null]);
});

const SBOM = { digest: "sha256:1", artifactType: "application/spdx+json" };
const SIGNATURE = { digest: "sha256:2", artifactType: "application/signature" };
const INDEX = { digest: "sha256:3" };

async function referrers(query: Partial<ListQuery>, manifests: object[] = [SBOM, SIGNATURE, INDEX], init: RequestInit = {}) {
  const whole = Response.json({ schemaVersion: 2, manifests }, { headers: { etag: '"whole"', "accept-ranges": "bytes" } });
  const request = new Request("https://packages.test/v2/acme/app/referrers/sha256:0", init);
  return listResponse(request, "acme/app", { artifactTypes: [], ...query }, whole);
}

async function digests(answer: Response): Promise<string[]> {
  return ((await answer.json()) as { manifests: { digest: string }[] }).manifests.map(({ digest }) => digest);
}

test("referrers are filtered by artifact type, and a header reports the filter", async () => {
  const all = await referrers({});
  assert.deepEqual([await digests(all), all.headers.get("oci-filters-applied")], [["sha256:1", "sha256:2", "sha256:3"], null]);
  const one = await referrers({ artifactTypes: [SBOM.artifactType] });
  assert.deepEqual([await digests(one), one.headers.get("oci-filters-applied")], [["sha256:1"], "artifactType"]);
  const none = await referrers({ artifactTypes: ["application/none"] });
  assert.deepEqual([await digests(none), none.headers.get("oci-filters-applied")], [[], "artifactType"]);
});

test("an artifact type may have a plus sign that the client did not encode", () => {
  for (const query of ["artifactType=application/spdx+json", "artifactType=application%2Fspdx%2Bjson"]) {
    const found = ociRoute(`acme/app/referrers/sha256:${HEX}`, { searchParams: new URLSearchParams(query) });
    assert.ok(found.kind === "object");
    assert.deepEqual(found.list?.artifactTypes, ["application/spdx+json"], query);
  }
});

test("a digest without referrers has an empty index", async () => {
  const request = new Request("https://packages.test/v2/acme/app/referrers/sha256:0?artifactType=a");
  const answer = await listResponse(request, "acme/app", { artifactTypes: ["a"] }, undefined);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "application/vnd.oci.image.index.v1+json");
  assert.equal(answer.headers.get("oci-filters-applied"), "artifactType");
  assert.equal(answer.headers.get("cache-control"), "no-store");
  assert.deepEqual(await answer.json(), {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [],
  });
});

test("referrers that exceed the size of a manifest come in several indexes", async () => {
  const many = Array.from({ length: 5 }, (_, n) => ({ digest: `sha256:${n}`, annotations: { text: "é".repeat(700_000) } }));
  const seen: string[] = [];
  let last = "";
  for (let pages = 1; ; pages += 1) {
    const answer = await referrers({ last }, many);
    const body = await answer.clone().arrayBuffer();
    assert.ok(body.byteLength <= 4 << 20);
    seen.push(...(await digests(answer)));
    const link = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get("link") ?? "");
    if (link === null) {
      assert.equal(pages, 3);
      break;
    }
    last = new URL(link[1]!, "https://packages.test").searchParams.get("last")!;
  }
  assert.deepEqual(seen, many.map(({ digest }) => digest));
});

test("a part of a list has its own ETag, and HEAD has the same Content-Length as GET", async () => {
  const whole = await referrers({});
  const part = await referrers({ artifactTypes: [SBOM.artifactType] });
  const etag = part.headers.get("etag")!;
  assert.notEqual(etag, whole.headers.get("etag"));
  assert.equal(part.headers.get("accept-ranges"), null);
  const unchanged = await referrers({ artifactTypes: [SBOM.artifactType] }, undefined, { headers: { "if-none-match": `"x", W/${etag}` } });
  assert.deepEqual([unchanged.status, unchanged.headers.get("etag")], [304, etag]);
  const head = await referrers({ artifactTypes: [SBOM.artifactType] }, undefined, { method: "HEAD" });
  assert.equal(await head.text(), "");
  assert.equal(head.headers.get("content-length"), String((await part.arrayBuffer()).byteLength));
});
