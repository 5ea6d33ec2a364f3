// Tests the deployed bundle in workerd, with stubs for the key-value store, the shields and the metadata API.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { jwtVerify, SignJWT } from "jose";

const SIGNING_KEY = "a-key-of-tests";
const API_KEY = "another-key-of-tests";
const NODES = ["us-east-1-0.shield.test:8443", "us-east-1-1.shield.test:8443", "eu-west-1-0.shield.test:8443"];

const entries = new Map<string, string>();
let storeWorks = true;
const records = new Map<string, string>(); // the metadata API's answers by token digest
let apiStatus = 200;
let apiRequests: { signature: string; body: string; authorization: string | undefined }[] = [];
const shieldRequests: { host: string; path: string; headers: IncomingMessage["headers"] }[] = [];
let shield: (request: IncomingMessage, response: ServerResponse) => void;
let servers: Server[] = [];
let workerd: ChildProcess;
let edge: string;
let scratch: string;

function grant(token: string, grants: string[], expires = 4_000_000_000): void {
  const digest = createHash("sha256").update(token).digest("hex");
  entries.set(`token:${digest}`, JSON.stringify({ version: 1, principal: "alice", expires, grants }));
}

async function listen(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  const server = createServer(handle);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

function record(token: string, entry: Record<string, unknown>): string {
  const digest = createHash("sha256").update(token).digest("hex");
  records.set(digest, JSON.stringify({ version: 1, ...entry }));
  return digest;
}

function configuration(store: number, below: number, internet: number): string {
  const shields = NODES.map((host) => ({ host, region: host.slice(0, 9), latitude: 38.9, longitude: -77.4 }));
  const text = (value: string): string => JSON.stringify(value);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "edge", worker = (
      modules = [(name = "index.js", esModule = embed "index.js")],
      compatibilityDate = "2026-11-01",
      bindings = [
        (name = "ENTITLEMENTS", kvNamespace = "store"),
        (name = "SHIELD", service = "below"),
        (name = "SHIELDS", text = ${text(JSON.stringify(shields))}),
        (name = "HOSTNAME", text = "packages.test"),
        (name = "ORIGIN_KEY", text = "origin-key"),
        (name = "METADATA_API", text = "https://abc.lambda-url.us-east-1.on.aws/"),
        (name = "METADATA_API_KEY", text = ${text(API_KEY)}),
        (name = "TOKEN_SIGNING_KEY", text = ${text(SIGNING_KEY)})],
      globalOutbound = "internet")),
    (name = "internet", external = (address = "127.0.0.1:${internet}", http = ())),
    (name = "store", external = (address = "127.0.0.1:${store}", http = ())),
    (name = "below", external = (address = "127.0.0.1:${below}", http = ()))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "edge")]);`;
}

before(async () => {
  const store = await listen((request, response) => {
    const key = decodeURIComponent(new URL(request.url ?? "", "http://store").pathname.slice(1));
    const value = entries.get(key);
    response.writeHead(!storeWorks ? 500 : value === undefined ? 404 : 200).end(storeWorks ? value : undefined);
  });
  const below = await listen((request, response) => {
    shieldRequests.push({ host: request.headers.host ?? "", path: request.url ?? "", headers: request.headers });
    shield(request, response);
  });
  const internet = await listen(async (request, response) => {
    const { host, authorization, "x-artifact-edge-signature": signature } = request.headers;
    let body = "";
    for await (const part of request) body += String(part);
    apiRequests.push({ signature: String(signature), body, authorization });
    const known = records.get((JSON.parse(body) as { digest: string }).digest);
    const status = host !== "abc.lambda-url.us-east-1.on.aws" ? 530 : apiStatus !== 200 ? apiStatus : known ? 200 : 404;
    response.writeHead(status).end(known);
  });
  scratch = mkdtempSync(join(tmpdir(), "edge-"));
  writeFileSync(join(scratch, "index.js"), readFileSync("dist/index.js"));
  writeFileSync(join(scratch, "config.capnp"), configuration(store, below, internet));
  workerd = spawn(resolve("node_modules/.bin/workerd"), ["serve", "config.capnp", "--control-fd=3"], {
    cwd: scratch,
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  const [line] = (await once(workerd.stdio[3]!, "data")) as [Buffer];
  edge = `http://127.0.0.1:${(JSON.parse(line.toString().split("\n")[0]!) as { port: number }).port}`;
});

after(() => {
  workerd.kill();
  for (const server of servers) server.close();
  rmSync(scratch, { recursive: true });
});

beforeEach(() => {
  shieldRequests.length = 0;
  storeWorks = true;
  apiStatus = 200;
  apiRequests = [];
  shield = (_, response) => {
    response.writeHead(200, {
      "content-type": "application/octet-stream",
      "cache-control": "public, max-age=31536000, immutable",
      etag: '"1"',
      "x-cache": "shield; hit",
      "cf-cache-status": "MISS",
      "x-amz-meta-digest": "sha256:abc",
      "x-amz-meta-revision": "7",
      "x-amz-meta-published": "2026-01-01T00:00:00.000000Z",
      "x-amz-request-id": "secret",
    });
    response.end("body");
  };
});

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const basic = (token: string): Record<string, string> => ({ authorization: `Basic ${btoa(`__token__:${token}`)}` });

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
  for (const path of ["/npm/other", "/pypi/simple/web/", "/pypi/simple/"]) {
    assert.equal((await fetch(edge + path, { headers: basic("npm-only") })).status, 403, path);
  }
  assert.deepEqual(shieldRequests, []);
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

test("a hit in L1 is reported as a hit at the edge", async () => {
  grant("reader", ["npm:*:pull", "pypi:*:pull"]);
  shield = (_, response) => response.writeHead(200, { "cf-cache-status": "HIT", "x-cache": "origin; miss" }).end();
  assert.equal((await fetch(`${edge}/npm/@acme/web`, { headers: bearer("reader") })).headers.get("x-cache"), "edge; hit");
});

test("conditional and range headers reach the shield, and a 304 for a negotiated document varies by Accept", async () => {
  grant("reader", ["npm:*:pull", "pypi:*:pull"]);
  shield = (request, response) => response.writeHead(request.headers["if-none-match"] ? 304 : 206).end();
  const unchanged = await fetch(`${edge}/npm/@acme/web`, { headers: { ...bearer("reader"), "if-none-match": '"1"' } });
  assert.deepEqual([unchanged.status, unchanged.headers.get("vary")], [304, "Accept"]);
  const path = "/pypi/files/web/web-1.0-py3-none-any.whl";
  const part = await fetch(edge + path, { headers: { ...basic("reader"), range: "bytes=-5" } });
  assert.deepEqual([part.status, shieldRequests[1]?.headers.range], [206, "bytes=-5"]);
});

test("after a node's error the next node is tried, and the client gets 502 when all nodes fail", async () => {
  grant("reader", ["npm:*:pull", "pypi:*:pull"]);
  const working = shield;
  shield = (request, response) => {
    if (shieldRequests.length < 3) response.writeHead(shieldRequests.length === 1 ? 503 : 403).end();
    else working(request, response);
  };
  assert.equal((await fetch(`${edge}/npm/web`, { headers: bearer("reader") })).status, 200);
  assert.deepEqual(new Set(shieldRequests.map(({ host }) => host)), new Set(NODES));
  shield = (_, response) => response.writeHead(500).end();
  assert.equal((await fetch(`${edge}/npm/web`, { headers: bearer("reader") })).status, 502);
});

test("an object that the origin lacks is 404 in the ecosystem's format", async () => {
  grant("reader", ["npm:*:pull", "pypi:*:pull"]);
  shield = (_, response) => response.writeHead(404, { "content-type": "application/xml" }).end("<Error>NoSuchKey</Error>");
  const answer = await fetch(`${edge}/npm/web`, { headers: bearer("reader") });
  assert.equal(answer.status, 404);
  assert.deepEqual(await answer.json(), { error: "web: no such object" });
});

test("docker's token flow works, and a forged, foreign or expired JWT is 401", async () => {
  grant("docker", ["oci:acme/*:pull"]);
  assert.equal((await fetch(`${edge}/token`)).status, 401);
  const { token } = (await (await fetch(`${edge}/token`, { headers: basic("docker") })).json()) as { token: string };
  const pull = async (jwt: string): Promise<Response> => fetch(`${edge}/v2/acme/app/manifests/1.0`, { headers: bearer(jwt) });
  const pulled = await pull(token);
  assert.deepEqual([pulled.status, pulled.headers.get("docker-content-digest")], [200, "sha256:abc"]);
  assert.equal((await fetch(`${edge}/v2/other/app/manifests/1.0`, { headers: bearer(token) })).status, 403);

  const key = new TextEncoder().encode(SIGNING_KEY);
  const { payload } = await jwtVerify(token, key);
  assert.ok((payload.exp ?? 0) - (payload.iat ?? 0) <= 60);
  const signed = async (claims: Record<string, unknown>, secret: Uint8Array): Promise<string> =>
    new SignJWT({ ...payload, ...claims }).setProtectedHeader({ alg: "HS256" }).sign(secret);
  assert.equal((await pull(await signed({}, key))).status, 200);
  assert.equal((await pull(await signed({}, new TextEncoder().encode("other")))).status, 401);
  assert.equal((await pull(await signed({ aud: "elsewhere" }, key))).status, 401);
  assert.equal((await pull(await signed({ exp: 1 }, key))).status, 401);
});

test("the JWT of a revoked token stops working within seconds", async () => {
  grant("leaver", ["oci:*:pull"]);
  const { token } = (await (await fetch(`${edge}/token`, { headers: basic("leaver") })).json()) as { token: string };
  entries.clear();
  const status = async (): Promise<number> =>
    (await fetch(`${edge}/v2/acme/app/manifests/1.0`, { headers: bearer(token) })).status;
  let last = await status();
  for (let tries = 0; last === 200 && tries < 50; tries++) {
    await new Promise((done) => setTimeout(done, 100));
    last = await status();
  }
  assert.equal(last, 401);
});

test("a quarantined object is 410 within seconds, and stays 410 while the list cannot be read", async () => {
  grant("reader", ["npm:*:pull", "oci:*:pull"]);
  const status = async (path: string): Promise<number> => (await fetch(edge + path, { headers: bearer("reader") })).status;
  const file = "/npm/@acme/web/-/web-1.0.0.tgz";
  assert.equal(await status(file), 200);
  entries.set("quarantine", JSON.stringify({ version: 1, keys: ["npm/@acme/web/-/web-1.0.0.tgz"] }));
  let last = await status(file);
  for (let tries = 0; last === 200 && tries < 50; tries++) {
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
    apiStatus = status;
    const answer = await pull(`not-known-${status}`);
    assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "1"], String(status));
    assert.equal((await pull("known")).status, 200);
  }
});

test("while the store fails, the API's answer counts", async () => {
  record("on-record", { revision: 1, principal: "bob", expires: 4_000_000_000, grants: ["npm:*:pull"] });
  storeWorks = false;
  assert.equal((await pull("on-record")).status, 200);
});

test("a client is refused while entitlements cannot be read, and when an entry is malformed", async () => {
  grant("unread", ["npm:*:pull"]);
  storeWorks = false;
  apiStatus = 503;
  const answer = await fetch(`${edge}/npm/web`, { headers: bearer("unread") });
  assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "1"]);
  storeWorks = true;
  const digest = createHash("sha256").update("garbled").digest("hex");
  entries.set(`token:${digest}`, '{"version":2,"grants":["npm:*:pull"]}');
  assert.equal((await fetch(`${edge}/npm/web`, { headers: bearer("garbled") })).status, 401);
  assert.deepEqual(shieldRequests, []);
});

test("a body streams: its first bytes arrive before its last bytes are sent", async () => {
  grant("reader", ["npm:*:pull", "pypi:*:pull"]);
  let finish = (): void => undefined;
  shield = (_, response) => {
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
  shield = (request, response) => {
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
      assert.equal(answer.headers.get("etag"), null); // that ETag is the whole packument's
    }
  }
  for (const path of ["@acme/web/3.0.0", "@acme/web/toString", "@acme/web/constructor"]) {
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
    ["GET", "-/v1/search?text=web", /has no search/],
    ["POST", "-/v1/login", /has no login/],
    ["PUT", "-/user/org.couchdb.user:ada", /has no login/],
    ["GET", "-/npm/v1/user", /no such resource/],
  ] as const) {
    const body = method === "GET" ? null : JSON.stringify({ web: ["1.0.0"] });
    const answer = await fetch(`${edge}/npm/${path}`, { method, body });
    assert.equal(answer.status, 404, path);
    assert.match(((await answer.json()) as { error: string }).error, reason);
  }
});

test("methods other than GET and HEAD are 405", async () => {
  const answer = await fetch(`${edge}/npm/web`, { method: "PUT", body: "{}" });
  assert.deepEqual([answer.status, answer.headers.get("allow")], [405, "GET, HEAD"]);
});
