// Tests which edge policy is in force after changes, and while the newest policy is invalid or cannot be read. One test
// covers a worker that has no feed document with the list of policies.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { beforeEach, mock, test } from "node:test";

import { isNewestInForce, latestPolicies, parseDigests, policyInForce } from "../src/policies";
import { Unavailable } from "../src/unavailable";
import type { Read } from "../src/versioned_documents";
import { bearer, edge, grant, policies, stub } from "./edge";

const objects = new Map<string, string>();
const answers = { status: 200 };
let number = 0;

beforeEach(() => {
  policies.length = 0;
  answers.status = 200;
  mock.method(console, "error", () => undefined);
});

function named(text: string): string {
  const digest = createHash("sha256").update(text).digest("hex");
  objects.set(`edge-policies/${digest}.json`, text);
  return digest;
}

/** Stores a policy that denies a package and differs from all earlier policies, and returns its digest. */
function denying(name: string): string {
  const rules = [{ name: `no-${name}`, action: "deny", ecosystem: "npm", packages: [name], reason: String(number++) }];
  return named(JSON.stringify({ format: 1, rules }));
}

const read: Read = async (key) => {
  const text = objects.get(key);
  return answers.status === 200 ? new Response(text ?? null, { status: text === undefined ? 404 : 200 }) : undefined;
};

/** Emulates a shield (a regional cache) that fails while it sends an object. */
const broken: Read = async () => {
  const body = new ReadableStream({ pull: (controller) => controller.error(new TypeError("Network connection lost.")) });
  return new Response(body);
};

const unknown = { document: undefined, age: Infinity };

test("the newest policy is in force, and none where none was ever put", async () => {
  assert.equal(await policyInForce([], read), undefined);
  const [older, newer] = [denying("a"), denying("b")];
  assert.equal((await policyInForce([newer, older], read))?.digest, newer);
  assert.ok(await isNewestInForce([newer, older], read));
  assert.ok(await isNewestInForce([], read));
});

for (const [problem, text] of Object.entries({
  "no JSON": "{",
  "another format": '{"format": 2, "rules": []}',
  "an unknown condition": '{"format": 1, "rules": [{"name": "x", "action": "deny", "packages": ["*"], "unless": 1}]}',
})) {
  test(`a policy that is ${problem} changes nothing, and is logged once`, async () => {
    const [broken, good] = [named(text), denying("a")];
    for (const _ of [1, 2]) assert.equal((await policyInForce([broken, good], read))?.digest, good);
    assert.ok(!(await isNewestInForce([broken, good], read)));
    const calls = (console.error as unknown as { mock: { calls: { arguments: string[] }[] } }).mock.calls;
    const events = calls.map(({ arguments: [line] }) => JSON.parse(line ?? "") as { event: string; policy: string });
    assert.deepEqual(events.map(({ event, policy }) => [event, policy]), [["edge-policy-invalid", broken]]);
  });
}

test("a policy whose bytes are not those of its digest is not applied", async () => {
  const [corrupt, good] = [denying("a"), denying("b")];
  objects.set(`edge-policies/${corrupt}.json`, '{"format":1,"rules":[]}');
  assert.equal((await policyInForce([corrupt, good], read))?.digest, good);
});

test("while the newest policy cannot be read, the last one stays in force", async () => {
  const [older, newer] = [denying("a"), denying("b")];
  await policyInForce([older], read);
  answers.status = 502;
  assert.equal((await policyInForce([newer, older], read))?.digest, older);
  assert.ok(!(await isNewestInForce([newer, older], read)));
  assert.equal((await policyInForce([newer, older], broken))?.digest, older);
  assert.ok(!(await isNewestInForce([newer, older], broken)));
  answers.status = 200;
  assert.equal((await policyInForce([newer, older], read))?.digest, newer);
});

test("an isolate that can read no policy refuses to decide, instead of allowing everything", async () => {
  await policyInForce([], read);
  answers.status = 502;
  await assert.rejects(policyInForce([denying("a")], read), Unavailable);
  await assert.rejects(policyInForce([denying("a")], broken), Unavailable);
  answers.status = 200;
  await assert.rejects(policyInForce([named("no policy")], read), Unavailable);
});

test("without a feed document the key-value store names the policies, and without both nobody knows", async () => {
  const digest = denying("a");
  const nothing = { policies: [], advisories: [] };
  const there = { policies: [digest], advisories: ["b".repeat(64)] };
  const failing = async (): Promise<string> => Promise.reject(new Error("no store"));
  const holding = async (): Promise<string> => JSON.stringify({ version: 1, ...there });
  assert.deepEqual(await latestPolicies({ document: nothing, age: 0 }, failing, 0), nothing);
  await assert.rejects(latestPolicies(unknown, failing, 0), Unavailable);
  assert.deepEqual(await latestPolicies(unknown, holding, 0), there);
  assert.deepEqual(await latestPolicies(unknown, failing, 5_000), there);
  assert.deepEqual(await latestPolicies(unknown, async () => null, 10_000), nothing);
});

test("a document that names no digests is refused as a whole", () => {
  for (const bad of [{}, { policies: "x" }, { policies: ["x"] }, { policies: [1] }, { policies: [], advisories: ["x"] }]) assert.throws(() => parseDigests(bad));
});

async function statusOf(name: string): Promise<number> {
  const answer = await fetch(`${edge}/npm/${name}`, { headers: bearer("reader") });
  await answer.arrayBuffer();
  return answer.status;
}

/** Requests a package until the response has the given status. Fails after two minutes. */
async function becomes(name: string, status: number): Promise<void> {
  const end = Date.now() + 120_000;
  while ((await statusOf(name)) !== status) {
    assert.ok(Date.now() < end, `${name} never became ${status}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** Requests a path from a client address. Returns the status of the response. */
async function statusFrom(address: string, path = "/npm/web", headers = bearer("reader")): Promise<number> {
  const answer = await fetch(edge + path, { headers: { ...headers, "cf-connecting-ip": address } });
  await answer.arrayBuffer();
  return answer.status;
}

/** Requests a package from a client address until the response has the given status. Fails after two minutes. */
async function becomesFrom(address: string, status: number): Promise<void> {
  const end = Date.now() + 120_000;
  while ((await statusFrom(address)) !== status) {
    assert.ok(Date.now() < end, `${address} never got ${status}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

test("the worker refuses clients in the networks that the policy blocks, and no others", async () => {
  grant("reader", ["npm:*:pull", "pypi:*:pull", "oci:*:pull"]);
  stub.shield = (request, response) => {
    const key = (request.url ?? "").slice("/objects/".length);
    const text = key.startsWith("edge-policies/") ? objects.get(key) : JSON.stringify({ versions: {}, "dist-tags": {} });
    response.writeHead(text === undefined ? 404 : 200, { "cache-control": "public, max-age=5" }).end(text);
  };
  policies.push(named(JSON.stringify({ format: 1, rules: [], blocked: ["192.0.2.0/25", "2001:db8:1::/48"] })));
  await becomesFrom("192.0.2.7", 403);
  for (const address of ["192.0.2.0", "192.0.2.127", "::ffff:192.0.2.7", "2001:db8:1::9", "2001:DB8:1:ffff:0:0:0:1"]) {
    assert.equal(await statusFrom(address), 403, address);
  }
  for (const address of ["192.0.2.128", "192.0.1.255", "::ffff:192.0.2.128", "2001:db8:2::", "2001:db8::1", "", "unknown"]) {
    assert.equal(await statusFrom(address), 200, address);
  }
  const blocked = "192.0.2.7";
  for (const path of ["/npm/-/whoami", "/v2/", "/pypi/simple/web/", "/v2/acme/web/tags/list", "/npm/web/-/web-1.0.0.tgz"]) {
    assert.equal(await statusFrom(blocked, path), 403, path);
  }
  assert.equal(await statusFrom(blocked, "/npm/web", {}), 401);
  assert.equal(await statusFrom(blocked, "/npm/web", bearer("unknown")), 401);
  for (const path of ["/healthz", "/healthz/feed"]) assert.equal(await statusFrom(blocked, path, {}), 200, path);

  const answers = ["/npm/web", "/pypi/simple/web/", "/v2/acme/web/tags/list"].map((path) =>
    fetch(edge + path, { headers: { ...bearer("reader"), "cf-connecting-ip": blocked } }));
  const reason = "blocked-address: requests from this network are blocked";
  const [npm, python, image] = await Promise.all(answers);
  assert.deepEqual(await npm!.json(), { error: reason });
  assert.equal(await python!.text(), `${reason}\n`);
  assert.deepEqual(await image!.json(), { errors: [{ code: "DENIED", message: reason, detail: null }] });
  for (const answer of [npm, python, image]) {
    assert.equal(answer!.headers.get("cache-control"), "no-store");
    assert.equal(answer!.headers.get("x-artifact-edge-rule"), "blocked-address");
  }

  policies.unshift(named('{"format": 1, "rules": [], "blocked": []}'));
  await becomesFrom(blocked, 200);
  assert.equal(await statusFrom("2001:db8:1::9", "/npm/-/whoami"), 200);
});

test("the worker applies a change, ignores a broken policy, and applies the rollback", async () => {
  grant("reader", ["npm:*:pull"]);
  stub.shield = (request, response) => {
    const key = (request.url ?? "").slice("/objects/".length);
    const text = key.startsWith("edge-policies/") ? objects.get(key) : JSON.stringify({ versions: {}, "dist-tags": {} });
    response.writeHead(text === undefined ? 404 : 200, { "cache-control": "public, max-age=5" }).end(text);
  };
  const [first, second] = [denying("web"), denying("api")];
  policies.push(first);
  await becomes("web", 403);
  assert.equal(await statusOf("api"), 200);
  policies.unshift(second);
  await becomes("api", 403);
  assert.equal(await statusOf("web"), 200);
  policies.unshift(named('{"format": 1, "rules": [{"name": "all"}]}'));
  const health = async (): Promise<number> => (await fetch(`${edge}/healthz/feed`)).status;
  const end = Date.now() + 120_000;
  while ((await health()) !== 503) {
    assert.ok(Date.now() < end, "the health check never reported the broken policy");
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.deepEqual([await statusOf("web"), await statusOf("api")], [200, 403]);
  policies.unshift(first);
  await becomes("web", 403);
  assert.deepEqual([await statusOf("api"), await health()], [200, 200]);
});
