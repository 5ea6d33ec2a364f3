// Runs the deployed bundle of the edge worker in Miniflare, Cloudflare's own simulator, as a second opinion on the
// emulated edge. Miniflare has Workers KV and entrypoints, and no Workers Cache: calls to a cached entrypoint reach the
// entrypoint each time. docs/fidelity.md lists where the two differ.

import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { after, before, beforeEach, test } from "node:test";

import { Miniflare, Response } from "miniflare";

const HOST = "https://packages.test";
const FILE = "/npm/@acme/web/-/web-1.0.0.tgz";
const BODY = "the bytes of a package";
const SHIELDS = [{ host: "us-east-1-0.shield.test:8443", region: "us-east-1", latitude: 38.9, longitude: -77.4 }];
const PURGE_KEY = "the-key-of-purges";

const shieldRequests = [];
const apiRequests = [];
let shieldAnswer;
let withdrawn;
let miniflare;

const sha256 = (text) => createHash("sha256").update(text).digest("hex");

before(async () => {
  miniflare = new Miniflare({
    modules: [{ type: "ESModule", path: "index.js", contents: readFileSync(new URL("../dist/index.js", import.meta.url), "utf8") }],
    compatibilityDate: "2026-07-30", // the newest date of the pinned workerd
    compatibilityFlags: ["nodejs_compat"], // the default from the compatibility date 2026-08-04 on
    kvNamespaces: ["ENTITLEMENTS"],
    bindings: {
      HOSTNAME: "packages.test",
      METADATA_API: "https://api.test/",
      METADATA_API_KEY: "the-key-of-the-api",
      ORIGIN_KEY: "the-origin-key",
      PURGE_KEY,
      RESERVED_PYTHON_NAMES: '["acme-*"]',
      SHIELDS: JSON.stringify(SHIELDS),
      TOKEN_SIGNING_KEY: "the-key-of-sessions",
      VERSION: "the-version",
    },
    serviceBindings: {
      SHIELD: (request) => {
        shieldRequests.push({ url: request.url, headers: Object.fromEntries(request.headers) });
        return shieldAnswer(request);
      },
    },
    outboundService: async (request) => {
      const asked = await request.json();
      apiRequests.push(asked);
      if (asked.feed === undefined) return new Response(null, { status: 404 });
      return Response.json({ version: 1, read: Date.now() / 1000, tokens: {}, objects: withdrawn });
    },
  });
  const store = await miniflare.getKVNamespace("ENTITLEMENTS");
  const entry = { version: 1, principal: "alice", expires: 4_000_000_000, grants: ["npm:@acme/*:pull", "oci:team/app:pull"] };
  await store.put(`token:${sha256("reader")}`, JSON.stringify(entry));
});

after(() => miniflare.dispose());

beforeEach(() => {
  shieldRequests.length = 0;
  withdrawn = [];
  shieldAnswer = (request) => {
    if (request.headers.get("if-none-match") === '"1"') return new Response(null, { status: 304, headers: { etag: '"1"' } });
    return new Response(BODY, { headers: { etag: '"1"', "cache-control": "public, max-age=31536000", "x-cache": "shield; hit" } });
  };
});

const ask = (path, init = {}) => miniflare.dispatchFetch(HOST + path, { redirect: "manual", ...init });
const asReader = (headers = {}) => ({ headers: { authorization: "Bearer reader", ...headers } });

test("a client with a grant gets the object from the shield", async () => {
  const answer = await ask(FILE, asReader());
  assert.deepEqual([answer.status, await answer.text()], [200, BODY]);
  assert.equal(answer.headers.get("x-cache"), "shield; hit");
  assert.match(answer.headers.get("cache-control"), /^private/);
  const [{ url, headers }] = shieldRequests;
  assert.equal(url, "https://us-east-1-0.shield.test:8443/objects/npm/%40acme/web/-/web-1.0.0.tgz");
  assert.deepEqual([headers["x-artifact-edge-key"], headers.authorization], ["the-origin-key", undefined]);
});

test("a client without a token, with an unknown token or without a grant reaches no shield", async () => {
  const anonymous = await ask(FILE);
  assert.deepEqual([anonymous.status, anonymous.headers.has("www-authenticate")], [401, true]);
  assert.equal((await ask(FILE, { headers: { authorization: "Bearer unknown" } })).status, 401);
  assert.equal((await ask("/npm/@other/web", asReader())).status, 403);
  assert.equal((await ask("/pypi/simple/requests/", asReader())).status, 404);
  assert.equal((await ask("/pypi/simple/acme-tools/", asReader())).status, 403);
  assert.deepEqual(shieldRequests, []);
  assert.ok(apiRequests.some(({ digest }) => digest === sha256("unknown")));
});

test("an image client gets a challenge, a session, and the blob", async () => {
  const blob = `/v2/team/app/blobs/sha256:${"a".repeat(64)}`;
  const challenge = (await ask(blob)).headers.get("www-authenticate");
  assert.match(challenge, /^Bearer realm="https:\/\/packages\.test\/token",service="packages\.test",scope="repository:team\/app:pull"/);
  const basic = `Basic ${Buffer.from("__token__:reader").toString("base64")}`;
  const issued = await ask("/token?service=packages.test&scope=repository:team/app:pull", { headers: { authorization: basic } });
  const { token } = await issued.json();
  const answer = await ask(blob, { headers: { authorization: `Bearer ${token}` } });
  assert.deepEqual([answer.status, await answer.text()], [200, BODY]);
});

test("validators and HEAD work without a cache between the entrypoints", async () => {
  assert.equal((await ask(FILE, asReader({ "if-none-match": '"1"' }))).status, 304);
  const head = await ask(FILE, { method: "HEAD", ...asReader() });
  assert.deepEqual([head.status, await head.text()], [200, ""]);
});

test("a range is answered whole, because no cache cuts it", async () => {
  const answer = await ask(FILE, asReader({ range: "bytes=0-2" }));
  assert.deepEqual([answer.status, await answer.text()], [200, BODY]);
  assert.equal(shieldRequests[0].headers.range, undefined);
});

test("a withdrawn object is refused within the feed's time", async () => {
  withdrawn = ["npm/@acme/web/-/web-1.0.0.tgz"];
  const until = Date.now() + 60_000;
  let status;
  do {
    status = (await ask(FILE, asReader())).status;
    await new Promise((done) => setTimeout(done, 100));
  } while (status !== 410 && Date.now() < until);
  assert.equal(status, 410);
});

test("an unavailable shield is 502, and a missing object 404", async () => {
  shieldAnswer = () => new Response(null, { status: 503 });
  assert.equal((await ask("/npm/@acme/other", asReader())).status, 502);
  shieldAnswer = () => new Response(null, { status: 404 });
  assert.equal((await ask("/npm/@acme/other", asReader())).status, 404);
});

test("a purge needs the registry's signature", async () => {
  const { port } = await miniflare.ready;
  const body = JSON.stringify({ keys: ["npm/@acme/web/packument.json"] });
  const time = Math.floor(Date.now() / 1000);
  const purge = (key) => {
    const signature = `t=${time},v1=${createHmac("sha256", key).update(`${time}.${body}`).digest("hex")}`;
    const headers = { host: "packages.test", "content-length": body.length, "x-artifact-edge-signature": signature };
    // Unlike dispatchFetch(), node's client sends Content-Length, without which the worker answers 413.
    return new Promise((done, failed) => {
      const sent = request({ port, host: "127.0.0.1", path: "/-/purge", method: "POST", headers }, (answer) => {
        answer.resume();
        done(answer.statusCode);
      });
      sent.on("error", failed).end(body);
    });
  };
  assert.equal(await purge("another-key"), 403);
  // Miniflare has no Workers Cache, so the entrypoint has nothing to purge.
  assert.equal(await purge(PURGE_KEY), 500);
});
