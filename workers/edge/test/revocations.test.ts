// Tests of the deployed bundle of the edge worker. The worker must refuse the tokens and objects that the feed of
// recent revocations names, even if the key-value store does not show the change yet. During an outage of the feed, all
// tokens must keep their grants.

import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";

import { API_KEY, apiRequests, basic, bearer, edge, entries, feedRequests, grant, record, revocations, stub } from "./edge";

const FILE = "/npm/@acme/web/-/web-1.0.0.tgz";
const digestOf = (token: string): string => createHash("sha256").update(token).digest("hex");

async function status(path: string, token: string): Promise<number> {
  const answer = await fetch(edge + path, { headers: bearer(token) });
  await answer.body?.cancel();
  return answer.status;
}

/**
 * Sends requests until a response has a status other than 200, and returns this status. Returns 200 if no such response
 * arrives in two minutes.
 */
async function laterStatus(path: string, token: string): Promise<number> {
  for (let tries = 0; tries < 1_200; tries++) {
    const found = await status(path, token);
    if (found !== 200) return found;
    await new Promise((done) => setTimeout(done, 100));
  }
  return 200;
}

// This test must be the first test of the file, because it needs an isolate that has never received a feed (a small
// document that the edge reads every 2 s).
test("without a feed, the store's entries count, and a health check fails", async () => {
  stub.feed = "fails";
  grant("early", ["npm:*:pull"]);
  assert.equal(await status(FILE, "early"), 200);
  const unknown = await fetch(`${edge}/healthz/feed`);
  assert.deepEqual([unknown.status, unknown.headers.get("server-timing")], [503, null]);
  assert.equal((await fetch(`${edge}/healthz`)).status, 200);
  stub.feed = "works";
  let answer = await fetch(`${edge}/healthz/feed`);
  for (let tries = 0; answer.status !== 200 && tries < 1_200; tries++) {
    await new Promise((done) => setTimeout(done, 100));
    answer = await fetch(`${edge}/healthz/feed`);
  }
  assert.deepEqual([answer.status, await answer.text(), answer.headers.get("cache-control")], [200, "ok\n", "no-store"]);
  assert.match(answer.headers.get("server-timing") ?? "", /^feed;dur=\d+(\.\d+)?$/);
});

test("a revoked token is 401 with and without a session, although the store has its entry", async () => {
  grant("leaked", ["npm:*:pull", "oci:*:pull"]);
  assert.equal(await status(FILE, "leaked"), 200);
  const session = await fetch(`${edge}/token?scope=repository:acme/app:pull`, { headers: basic("leaked") });
  const { token: jwt } = (await session.json()) as { token: string };
  assert.equal(await status("/v2/acme/app/manifests/1", jwt), 200);
  revocations.tokens[digestOf("leaked")] = { revision: 2, revoked: true };
  assert.equal(await laterStatus(FILE, "leaked"), 401);
  assert.equal(await status("/v2/acme/app/manifests/1", jwt), 401);
  assert.equal((await fetch(`${edge}/token`, { headers: basic("leaked") })).status, 401);
  assert.equal(apiRequests.length, 0);
});

test("a changed token has the grants of the metadata API, although the store has an entry", async () => {
  grant("narrowed", ["npm:*:pull"]);
  assert.equal(await status(FILE, "narrowed"), 200);
  const digest = record("narrowed", { revision: 2, principal: "alice", expires: 4e9, grants: ["npm:other:pull"] });
  revocations.tokens[digest] = { revision: 2 };
  assert.equal(await laterStatus(FILE, "narrowed"), 403);
  assert.equal(await status("/npm/other", "narrowed"), 200);
  assert.ok(apiRequests.length > 0);
});

test("a changed token is 503 while the metadata API does not answer", async () => {
  grant("unclear", ["npm:*:pull"]);
  assert.equal(await status(FILE, "unclear"), 200);
  stub.apiStatus = 503;
  revocations.tokens[digestOf("unclear")] = { revision: 2 };
  assert.equal(await laterStatus(FILE, "unclear"), 503);
});

test("a token whose change the store already shows causes no request to the metadata API", async () => {
  const digest = digestOf("shown");
  entries.set(`token:${digest}`, JSON.stringify({ version: 1, revision: 7, principal: "alice", expires: 4e9, grants: ["npm:*:pull"] }));
  revocations.tokens[digest] = { revision: 7 };
  revocations.objects = ["npm/marker/-/marker-1.0.0.tgz"];
  // The feed lists this object as withdrawn, so the worker refuses it only after the isolate has read the feed.
  assert.equal(await laterStatus("/npm/marker/-/marker-1.0.0.tgz", "shown"), 410);
  assert.equal(await status(FILE, "shown"), 200);
  assert.equal(apiRequests.length, 0);
});

test("a withdrawn object is 410, although the store's list lacks it", async () => {
  grant("reader", ["npm:*:pull"]);
  const withdrawn = "/npm/bad/-/bad-1.0.0.tgz"; // no other test in this file needs this tarball
  assert.equal(await status(withdrawn, "reader"), 200);
  revocations.objects = ["npm/bad/-/bad-1.0.0.tgz"];
  assert.equal(await laterStatus(withdrawn, "reader"), 410);
  assert.equal(await status("/npm/bad/-/bad-1.0.1.tgz", "reader"), 200);
});

test("during an outage of the feed, grants stay valid and known revocations stay refused", async () => {
  grant("steady", ["npm:*:pull"]);
  grant("gone", ["npm:*:pull"]);
  revocations.tokens[digestOf("gone")] = { revision: 2, revoked: true };
  assert.equal(await laterStatus(FILE, "gone"), 401);
  for (const failure of ["fails", "silent"] as const) {
    stub.feed = failure;
    await new Promise((done) => setTimeout(done, 4_500)); // the isolate's copy of the revocation feed becomes too old
    assert.equal(await status(FILE, "steady"), 200, failure);
    assert.equal(await status(FILE, "gone"), 401, failure);
  }
  assert.equal((await fetch(`${edge}/healthz/feed`)).status, 200, "the outage is shorter than 30 seconds");
});

test("requests without a token cause no feed request, and many with one cause few", async () => {
  grant("busy", ["npm:*:pull"]);
  await new Promise((done) => setTimeout(done, 4_500)); // the isolate's copy of the revocation feed becomes too old
  for (let count = 0; count < 20; count++) assert.equal((await fetch(edge + FILE)).status, 401);
  assert.equal(feedRequests.length, 0);
  const started = Date.now();
  for (let count = 0; count < 200; count++) assert.equal(await status(FILE, "busy"), 200);
  assert.ok(feedRequests.length <= 2 + (Date.now() - started) / 500, `${feedRequests.length} requests`);
});

test("a feed request is signed, and names the feed", async () => {
  grant("signed", ["npm:*:pull"]);
  for (let tries = 0; feedRequests.length === 0 && tries < 1_200; tries++) {
    await status(FILE, "signed");
    await new Promise((done) => setTimeout(done, 100));
  }
  const { signature, body } = feedRequests[0]!;
  const [, time, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature)!;
  assert.deepEqual(JSON.parse(body), { feed: "revocations" });
  assert.equal(mac, createHmac("sha256", API_KEY).update(`${time}.${body}`).digest("hex"));
});
