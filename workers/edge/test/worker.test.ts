// Tests the deployed bundle of the edge worker: which clients are authorized, which shield (a regional cache) the
// worker queries, and which parts of the shield's answer reach the client.

import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";

import {
  answerWhole,
  API_KEY,
  apiRequests,
  basic,
  bearer,
  edge,
  entries,
  grant,
  l1Requests,
  miss,
  NODES,
  record,
  shieldRequests,
  stub,
} from "./edge";

test("a request without a valid token is 401 with the ecosystem's challenge", async () => {
  grant("expired", ["npm:*:pull"], 1_000_000_000);
  for (const headers of [{}, bearer("wrong"), bearer("expired"), basic("wrong"), { authorization: "Basic !!" }]) {
    for (const [path, challenge] of [["/npm/web", "Basic"], ["/pypi/simple/web/", "Basic"], ["/v2/acme/app/manifests/1", "Bearer"]]) {
      const answer = await fetch(edge + path!, { headers });
      assert.equal(answer.status, 401, path);
      assert.match(answer.headers.get("www-authenticate") ?? "", new RegExp(`^${challenge} realm="`));
    }
  }
  assert.deepEqual(shieldRequests, []);
});

test("a token without the grant is 403 for any package, and no shield receives a request", async () => {
  grant("npm-only", ["npm:@acme/*:pull"]);
  for (const path of ["/npm/other", "/pypi/simple/acme-web/", "/pypi/simple/", "/pypi/files/web/web-1.0.tar.gz"]) {
    assert.equal((await fetch(edge + path, { headers: basic("npm-only") })).status, 403, path);
  }
  assert.deepEqual(shieldRequests, []);
});

test("without the binding for prediction, a document causes no other request", async () => {
  grant("without-prediction", ["npm:*:pull"]);
  stub.shield = (_, response) => response.writeHead(200, { "x-amz-meta-next": "1.0.0 dependency@^1" }).end("{}");
  for (let time = 0; time < 50; time += 1) {
    const answer = await fetch(`${edge}/npm/unpredicted`, { headers: bearer("without-prediction") });
    assert.equal(await answer.text(), "{}");
    assert.equal(answer.headers.get("x-amz-meta-next"), null);
  }
  assert.deepEqual(shieldRequests.map(({ path }) => path), Array(50).fill("/objects/npm/unpredicted/packument.json"));
});

test("a granted object arrives with private caching and the tier that answered", async () => {
  grant("reader", ["npm:*:pull", "pypi:*:pull"]);
  const answer = await fetch(`${edge}/npm/@acme/web/-/web-1.0.0.tgz`, { headers: { ...bearer("reader"), cookie: "a=b" } });
  assert.equal(await answer.text(), "body");
  assert.equal(answer.headers.get("cache-control"), "private, max-age=31536000, immutable");
  assert.equal(answer.headers.get("x-cache"), "shield; hit");
  assert.equal(answer.headers.get("x-artifact-edge-revision"), "7");
  assert.equal(answer.headers.get("x-artifact-edge-published"), "2026-01-01T00:00:00.000000Z");
  assert.equal(answer.headers.get("x-amz-request-id"), null);
  assert.equal(answer.headers.get("cf-cache-status"), null);
  assert.equal(shieldRequests[0]?.path, "/objects/npm/%40acme/web/-/web-1.0.0.tgz");
  assert.equal(shieldRequests[0]?.headers["x-artifact-edge-key"], "origin-key");
  assert.equal(shieldRequests[0]?.headers.authorization, undefined);
  assert.equal(shieldRequests[0]?.headers.cookie, undefined);
});

test("a path that clients have requested before is still refused to other methods and to other clients", async () => {
  grant("reader", ["npm:*:pull"]);
  const path = `${edge}/npm/known/-/known-1.0.0.tgz`;
  const methods = ["GET", "HEAD", "PUT", "POST"];
  const statuses: number[] = [];
  for (const method of methods) statuses.push((await fetch(path, { method, headers: bearer("reader") })).status);
  assert.deepEqual(statuses, [200, 200, 405, 405]);
  assert.equal((await fetch(path)).status, 401);
});

test("a hit in L1 is reported as a hit at the edge", async () => {
  grant("reader", ["npm:*:pull", "pypi:*:pull"]);
  stub.l1 = (_, response) => response.writeHead(200, { "cf-cache-status": "HIT", "x-cache": "origin; miss" }).end();
  assert.equal((await fetch(`${edge}/npm/@acme/web`, { headers: bearer("reader") })).headers.get("x-cache"), "edge; hit");
});

test("the cache gets the canonical path, ranges and conditions, and nothing else of the client", async () => {
  grant("reader", ["npm:*:pull", "pypi:*:pull"]);
  const path = "/npm/%40acme%2fweb/-/web-1.0.0.tgz?write=true";
  const headers = { ...bearer("reader"), cookie: "a=b", "x-forwarded-host": "evil", range: "bytes=0-1", "if-none-match": '"0"' };
  const part = await fetch(edge + path, { headers });
  assert.deepEqual([part.status, await part.text()], [206, "bo"]);
  const [{ path: called, headers: passed } = { path: "", headers: {} }] = l1Requests;
  assert.equal(called, "/edge/1/Objects/objects/npm/%40acme/web/-/web-1.0.0.tgz");
  const known = ["range", "if-none-match", "x-emulation-host", "x-emulation-version", "host", "connection", "accept-encoding"];
  assert.deepEqual(Object.keys(passed).filter((name) => !known.includes(name)), []);
});

test("a shield receives a request for the whole object, with conditions but without a range", async () => {
  grant("reader", ["npm:*:pull", "pypi:*:pull"]);
  const path = "/pypi/files/web/web-1.0-py3-none-any.whl";
  const part = await fetch(edge + path, { headers: { ...basic("reader"), range: "bytes=-2" } });
  assert.deepEqual([part.status, await part.text(), shieldRequests[0]?.headers.range], [206, "dy", undefined]);
  stub.shield = (request, response) => response.writeHead(request.headers["if-none-match"] ? 304 : 200).end();
  const unchanged = await fetch(`${edge}/npm/@acme/web`, { headers: { ...bearer("reader"), "if-none-match": '"1"' } });
  assert.deepEqual([unchanged.status, unchanged.headers.get("vary")], [304, "Accept"]);
});

test("each answer of the cached entrypoint names its lifetime", async () => {
  grant("reader", ["npm:*:pull"]);
  const lifetimes: unknown[] = [];
  stub.l1 = (request, response) => miss(request, response, (answer) => {
    lifetimes.push([answer.statusCode, answer.headers["cache-control"], answer.headers["set-cookie"]]);
  });
  for (const status of [200, 404, 500]) {
    stub.shield = (_, response) => response.writeHead(status, { "set-cookie": "a=b" }).end();
    await fetch(`${edge}/npm/web`, { headers: bearer("reader") });
  }
  stub.shield = answerWhole;
  await fetch(`${edge}/npm/web`, { headers: bearer("reader") });
  assert.deepEqual(lifetimes, [
    [200, "no-store", undefined],
    [404, "no-store", undefined],
    [502, "no-store", undefined],
    [200, "public, max-age=31536000, immutable", undefined],
  ]);
});

test("after a node's error the next node is tried, and the client gets 502 when all nodes fail", async () => {
  grant("reader", ["npm:*:pull", "pypi:*:pull"]);
  const working = stub.shield;
  stub.shield = (request, response) => {
    if (shieldRequests.length < 3) response.writeHead(shieldRequests.length === 1 ? 503 : 403).end();
    else working(request, response);
  };
  assert.equal((await fetch(`${edge}/npm/web`, { headers: bearer("reader") })).status, 200);
  assert.deepEqual(new Set(shieldRequests.map(({ host }) => host)), new Set(NODES));
  stub.shield = (_, response) => response.writeHead(500).end();
  assert.equal((await fetch(`${edge}/npm/web`, { headers: bearer("reader") })).status, 502);
});

test("an object that the origin lacks is 404 in the ecosystem's format", async () => {
  grant("reader", ["npm:*:pull", "pypi:*:pull"]);
  stub.shield = (_, response) => response.writeHead(404, { "content-type": "application/xml" }).end("<Error>NoSuchKey</Error>");
  const answer = await fetch(`${edge}/npm/web`, { headers: bearer("reader") });
  assert.equal(answer.status, 404);
  assert.deepEqual(await answer.json(), { error: "web: no such object" });
});

test("a quarantined object is 410 within seconds, and stays 410 while the list cannot be read", async () => {
  grant("reader", ["npm:*:pull", "oci:*:pull"]);
  const status = async (path: string): Promise<number> => (await fetch(edge + path, { headers: bearer("reader") })).status;
  const file = "/npm/@acme/web/-/web-1.0.0.tgz";
  assert.equal(await status(file), 200);
  entries.set("quarantine", JSON.stringify({ version: 1, keys: ["npm/@acme/web/-/web-1.0.0.tgz"] }));
  let last = await status(file);
  for (let tries = 0; last === 200 && tries < 1_200; tries++) {
    await new Promise((done) => setTimeout(done, 100));
    last = await status(file);
  }
  assert.equal(last, 410);
  assert.equal(await status("/npm/@acme/web/-/web-1.0.1.tgz"), 200);
  entries.set("quarantine", "garbled");
  await new Promise((done) => setTimeout(done, 2_100));
  assert.equal(await status(file), 410);
});

const pull = async (token: string): Promise<Response> => fetch(`${edge}/npm/web`, { headers: bearer(token) });

test("a token without an entry in the store is looked up with one signed request while the answer is cached", async () => {
  const digest = record("fresh", { revision: 1, principal: "bob", expires: 4_000_000_000, grants: ["npm:web:pull"] });
  for (const _ of [1, 2, 3]) assert.equal((await pull("fresh")).status, 200);
  assert.equal((await fetch(`${edge}/npm/other`, { headers: bearer("fresh") })).status, 403);
  const [apiRequest, ...more] = apiRequests;
  assert.deepEqual([more, JSON.parse(apiRequest!.body), apiRequest!.authorization], [[], { digest }, undefined]);
  const [, time, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(apiRequest!.signature)!;
  assert.ok(Math.abs(Number(time) - Date.now() / 1000) < 10);
  assert.equal(mac, createHmac("sha256", API_KEY).update(`${time}.${apiRequest!.body}`).digest("hex"));
});

test("an unknown token is 401, and the API receives one request while the answer is cached", async () => {
  for (const _ of [1, 2, 3]) assert.equal((await pull("made-up")).status, 401);
  assert.equal(apiRequests.length, 1);
});

test("a revoked token is 401 by the store's entry without an API request, or by the API's answer", async () => {
  const revoked = { revision: 2, revoked: true };
  entries.set(`token:${record("revoked-at-edge", { principal: "x", expires: 4e9, grants: ["npm:*:pull"] })}`, JSON.stringify({ version: 1, ...revoked }));
  record("revoked-on-record", revoked);
  assert.equal((await pull("revoked-at-edge")).status, 401);
  assert.equal(apiRequests.length, 0);
  assert.equal((await pull("revoked-on-record")).status, 401);
  assert.deepEqual(shieldRequests, []);
});

test("while the API fails, a token without an entry is 503, and a token with an entry works", async () => {
  grant("known", ["npm:*:pull"]);
  for (const status of [403, 429, 500, 503, 302]) {
    stub.apiStatus = status;
    const answer = await pull(`not-known-${status}`);
    assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "1"], String(status));
    assert.equal((await pull("known")).status, 200);
  }
});

test("while the store fails, the API's answer counts", async () => {
  record("on-record", { revision: 1, principal: "bob", expires: 4_000_000_000, grants: ["npm:*:pull"] });
  stub.store = "fails";
  assert.equal((await pull("on-record")).status, 200);
});

test("a client is refused while entitlements cannot be read, and when an entry is malformed", async () => {
  grant("unread", ["npm:*:pull"]);
  stub.store = "fails";
  stub.apiStatus = 503;
  const answer = await fetch(`${edge}/npm/web`, { headers: bearer("unread") });
  assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "1"]);
  stub.store = "works";
  const digest = createHash("sha256").update("garbled").digest("hex");
  entries.set(`token:${digest}`, '{"version":2,"grants":["npm:*:pull"]}');
  assert.equal((await fetch(`${edge}/npm/web`, { headers: bearer("garbled") })).status, 401);
  assert.deepEqual(shieldRequests, []);
});

test("a body streams: its first bytes arrive before its last bytes are sent", async () => {
  grant("reader", ["npm:*:pull", "pypi:*:pull"]);
  let finish = (): void => undefined;
  stub.shield = (_, response) => {
    response.writeHead(200).write("first");
    finish = () => response.end("last");
  };
  const answer = await fetch(`${edge}/npm/web/-/web-1.0.0.tgz`, { headers: bearer("reader") });
  const reader = answer.body!.getReader();
  assert.equal(new TextDecoder().decode((await reader.read()).value), "first");
  finish();
  assert.equal(new TextDecoder().decode((await reader.read()).value), "last");
});

const PACKUMENT = {
  name: "@acme/web",
  "dist-tags": { latest: "1.0.0", next: "2.0.0-rc.1" },
  versions: { "1.0.0": { version: "1.0.0" }, "2.0.0-rc.1": { version: "2.0.0-rc.1" } },
};

function packumentBelow(): void {
  stub.shield = (request, response) => {
    if (request.headers["if-none-match"] === '"1"') return response.writeHead(304).end();
    response.writeHead(200, { "content-type": "application/json", etag: '"1"', "x-cache": "shield; hit" });
    return response.end(JSON.stringify(PACKUMENT));
  };
}

test("dist-tags and single versions are parts of the packument, however the name is encoded", async () => {
  grant("reader", ["npm:@acme/*:pull"]);
  packumentBelow();
  for (const name of ["@acme/web", "@acme%2fweb", "@acme%2Fweb"]) {
    for (const [path, expected] of [
      [`-/package/${name}/dist-tags`, PACKUMENT["dist-tags"]],
      [`${name}/1.0.0`, { version: "1.0.0" }],
      [`${name}/latest`, { version: "1.0.0" }],
      [`${name}/next`, { version: "2.0.0-rc.1" }],
    ] as const) {
      const answer = await fetch(`${edge}/npm/${path}`, { headers: bearer("reader") });
      assert.deepEqual([answer.status, await answer.json()], [200, expected], path);
      assert.equal(answer.headers.get("content-type"), "application/json");
      assert.equal(answer.headers.get("x-cache"), "shield; hit");
      // The cached packument has an ETag, which identifies the whole packument. This answer is only a part of the
      // packument, so it must not have the same ETag.
      assert.equal(answer.headers.get("etag"), null);
    }
  }
  for (const [named, version] of [
    ["^1.0.0", "1.0.0"], ["%5E1.0.0", "1.0.0"], ["~1.0", "1.0.0"], ["1.x", "1.0.0"], ["1", "1.0.0"], ["*", "1.0.0"],
    ["%3E=0.1.0", "1.0.0"], ["v1.0.0", "1.0.0"], ["1.0.0+build", "1.0.0"], ["%3E=2.0.0-rc.0", "2.0.0-rc.1"],
  ] as const) {
    const answer = await fetch(`${edge}/npm/@acme/web/${named}`, { headers: bearer("reader") });
    assert.deepEqual([answer.status, await answer.json()], [200, { version }], named);
  }
  for (const path of ["@acme/web/3.0.0", "@acme/web/^3.0.0", "@acme/web/toString", "@acme/web/constructor"]) {
    const answer = await fetch(`${edge}/npm/${path}`, { headers: bearer("reader") });
    assert.deepEqual([answer.status, await answer.json()], [404, { error: "@acme/web: no such version or dist-tag" }]);
  }
});

test("a part of the packument ignores conditions and ranges, and HEAD has no body", async () => {
  grant("reader", ["npm:@acme/*:pull"]);
  packumentBelow();
  const path = `${edge}/npm/@acme/web/1.0.0`;
  const whole = await fetch(path, { headers: { ...bearer("reader"), range: "bytes=0-1", "if-none-match": '"1"' } });
  assert.deepEqual([whole.status, await whole.json()], [200, { version: "1.0.0" }]);
  const head = await fetch(path, { method: "HEAD", headers: bearer("reader") });
  assert.deepEqual([head.status, await head.text()], [200, ""]);
});

test("a client gets 502 if a shield fails while it sends the document of which the client requests a part", async () => {
  grant("reader", ["npm:*:pull", "oci:*:pull"]);
  stub.l1 = (_, response) => {
    response.writeHead(200, { "content-length": 1_000, "cache-control": "public, max-age=5" });
    response.write('{"versions":{', () => response.destroy());
  };
  for (const path of ["/npm/web/1.0.0", "/npm/-/package/web/dist-tags", "/npm/-/v1/search?text=web", "/v2/acme/app/tags/list?n=1"]) {
    const answer = await fetch(edge + path, { headers: basic("reader") });
    assert.deepEqual([answer.status, answer.headers.get("retry-after")], [502, "1"], path);
    assert.match(await answer.text(), /no shield could answer/);
  }
});

test("a part of the packument needs the grant for the package", async () => {
  grant("other", ["npm:@other/*:pull"]);
  for (const path of ["@acme/web/1.0.0", "@acme/web/latest", "-/package/@acme%2fweb/dist-tags"]) {
    assert.equal((await fetch(`${edge}/npm/${path}`)).status, 401, path);
    assert.equal((await fetch(`${edge}/npm/${path}`, { headers: bearer("other") })).status, 403, path);
  }
  assert.deepEqual(shieldRequests, []);
});

test("a grant in small letters allows a legacy name with capital letters", async () => {
  grant("legacy", ["npm:jsonstream:pull"]);
  assert.equal((await fetch(`${edge}/npm/JSONStream`, { headers: bearer("legacy") })).status, 200);
  assert.equal(shieldRequests[0]?.path, "/objects/npm/JSONStream/packument.json");
  assert.equal((await fetch(`${edge}/npm/JSONStream2`, { headers: bearer("legacy") })).status, 403);
});

test("any valid token may read the public keys of signatures, and no one else", async () => {
  grant("images-only", ["oci:acme/*:pull"]);
  assert.equal((await fetch(`${edge}/npm/-/npm/v1/keys`, { headers: bearer("images-only") })).status, 200);
  assert.equal(shieldRequests[0]?.path, "/objects/npm/-/keys.json");
  assert.equal((await fetch(`${edge}/npm/-/npm/v1/keys`)).status, 401);
});

test("an npm request for what this registry does not offer is 404 with the reason", async () => {
  for (const [method, path, reason] of [
    ["POST", "-/npm/v1/security/advisories/bulk", /has no security advisories/],
    ["POST", "-/npm/v1/security/audits/quick", /has no security advisories/],
    ["POST", "-/npm/v1/security/audits", /has no security advisories/],
    ["POST", "-/v1/login", /has no login/],
    ["PUT", "-/user/org.couchdb.user:ada", /has no login/],
    ["GET", "-/npm/v1/user", /has no accounts/],
    ["GET", "-/npm/v1/tokens", /has no accounts/],
    ["GET", "-/org/acme/user", /has no accounts/],
    ["GET", "-/package/@acme%2fweb/collaborators?format=cli", /has no accounts/],
    ["GET", "-/package/web/visibility", /has no accounts/],
    ["GET", "-/all/since?stale=update_after", /search with npm 5/],
    ["GET", "-/_view/starredByUser", /no such resource/],
  ] as const) {
    const body = method === "GET" ? null : JSON.stringify({ web: ["1.0.0"] });
    const answer = await fetch(`${edge}/npm/${path}`, { method, body });
    assert.equal(answer.status, 404, path);
    assert.match(((await answer.json()) as { error: string }).error, reason);
  }
});

test("a change that npm requests is 405 with the command for it, because npm unpublish takes 404 for success", async () => {
  for (const [method, path, command] of [
    ["PUT", "-/package/@acme%2fweb/dist-tags/next", "tag"],
    ["DELETE", "-/package/web/dist-tags/next", "tag"],
    ["PUT", "@acme%2fweb/-rev/1", "unpublish"],
    ["DELETE", "web/-/web-1.0.0.tgz/-rev/1", "unpublish"],
    ["DELETE", "-/-rev/undefined", "unpublish"],
  ] as const) {
    const answer = await fetch(`${edge}/npm/${path}`, { method });
    assert.equal(answer.status, 405, path);
    assert.match(((await answer.json()) as { error: string }).error, new RegExp(`python -m registry ${command}$`));
  }
  assert.equal((await fetch(`${edge}/npm/web/-rev/1`)).status, 404);
});

test("methods other than GET and HEAD are 405", async () => {
  for (const [method, path] of [
    ["PUT", "npm/web"], // `npm publish` sends PUT requests
    // twine, flit, poetry and uv upload packages with POST to a URL that users configure, such as one of these
    ["POST", "pypi/"],
    ["POST", "pypi/legacy/"],
    ["POST", "pypi/simple/acme-greeter/"],
  ] as const) {
    const answer = await fetch(`${edge}/${path}`, { method, body: "{}" });
    assert.deepEqual([answer.status, answer.headers.get("allow")], [405, "GET, HEAD"], path);
    assert.match(await answer.text(), /is not supported here; publish packages with: python -m registry publish/);
  }
  assert.equal((await fetch(`${edge}/pypi/legacy/`)).status, 404);
});
