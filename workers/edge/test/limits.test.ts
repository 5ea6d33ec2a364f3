// Tests the rate limits: how many requests with one valid token, and how many requests with invalid tokens from one
// client address, the worker answers before it answers 429.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { answerWhole, edge, grant, limits, policies, stub } from "./edge";

interface OciErrors {
  errors: { code: string }[];
}

limits.token = 5;
limits.failures = 3;

const PATH = "/npm/left-pad";

function headers(token: string | undefined, address: string): Record<string, string> {
  return { "cf-connecting-ip": address, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
}

async function statuses(times: number, token: string | undefined, address: string, path = PATH): Promise<number[]> {
  const found: number[] = [];
  for (let sent = 0; sent < times; sent += 1) {
    const answer = await fetch(`${edge}${path}`, { headers: headers(token, address) });
    await answer.arrayBuffer();
    found.push(answer.status);
  }
  return found;
}

test("an address with too many unknown tokens gets 429, and its valid tokens and other addresses do not", async () => {
  grant("good", ["npm:*:pull"]);
  assert.deepEqual(await statuses(4, "guess", "192.0.2.1"), [401, 401, 401, 429]);
  const refused = await fetch(`${edge}${PATH}`, { headers: headers("another-guess", "192.0.2.1") });
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [429, "60"]);
  assert.deepEqual(await refused.json(), { error: "too many invalid tokens from this address" });
  assert.deepEqual(await statuses(1, "good", "192.0.2.1"), [200]);
  assert.deepEqual(await statuses(1, "guess", "192.0.2.2"), [401]);
});

test("a request without a token is no failed token, because clients send their first request without one", async () => {
  assert.deepEqual(await statuses(6, undefined, "192.0.2.3"), [401, 401, 401, 401, 401, 401]);
});

test("the token endpoint counts unknown tokens of the same address", async () => {
  assert.deepEqual(await statuses(2, "guess", "192.0.2.4"), [401, 401]);
  const authorization = `Basic ${btoa("user:guess")}`;
  const sent = { headers: { authorization, "cf-connecting-ip": "192.0.2.4" } };
  const answers = [await fetch(`${edge}/token`, sent), await fetch(`${edge}/token`, sent)];
  assert.deepEqual(answers.map(({ status }) => status), [401, 429]);
});

test("a token with too many requests gets 429 from any address, and another token does not", async () => {
  grant("leaked", ["npm:*:pull"]);
  grant("other", ["npm:*:pull"]);
  assert.deepEqual(await statuses(5, "leaked", "192.0.2.5"), [200, 200, 200, 200, 200]);
  const refused = await fetch(`${edge}${PATH}`, { headers: headers("leaked", "192.0.2.6") });
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [429, "10"]);
  assert.deepEqual(await statuses(1, "other", "192.0.2.5"), [200]);
});

test("requests for sessions do not count as requests with the token", async () => {
  grant("builder", ["oci:*:pull"]);
  assert.deepEqual(await statuses(7, "builder", "192.0.2.8", "/token"), Array(7).fill(200));
  assert.deepEqual(await statuses(6, "builder", "192.0.2.8"), [403, 403, 403, 403, 403, 429]);
});

test("an image client that sends too many requests gets the error code of the OCI specification", async () => {
  grant("puller", ["oci:*:pull"]);
  await statuses(5, "puller", "192.0.2.7", "/v2/acme/app/manifests/1.0");
  const refused = await fetch(`${edge}/v2/acme/app/manifests/1.0`, { headers: headers("puller", "192.0.2.7") });
  const { errors } = (await refused.json()) as OciErrors;
  assert.deepEqual([refused.status, errors[0]?.code], [429, "TOOMANYREQUESTS"]);
});

test("requests from a blocked network do not count as requests with the token", async () => {
  grant("shared", ["npm:*:pull"]);
  const policy = '{"format":1,"rules":[],"blocked":["198.51.100.0/24"]}';
  const digest = createHash("sha256").update(policy).digest("hex");
  stub.shield = (request, response) => {
    if (request.url === `/objects/edge-policies/${digest}.json`) response.end(policy);
    else answerWhole(request, response);
  };
  policies.push(digest);
  const end = Date.now() + 60_000;
  for (let number = 0; (await statuses(1, `probe-${number}`, "198.51.100.1"))[0] !== 403; number += 1) {
    grant(`probe-${number + 1}`, ["npm:*:pull"]);
    assert.ok(Date.now() < end, "the policy never counted");
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.deepEqual(await statuses(7, "shared", "198.51.100.1"), Array(7).fill(403));
  assert.deepEqual(await statuses(6, "shared", "192.0.2.9"), [200, 200, 200, 200, 200, 429]);
});
